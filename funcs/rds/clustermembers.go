package rds

import (
	"cmp"
	"context"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// defaultClass is the class of a restored cluster's only instance, where no cluster is
// there to take it from. It is Kanister's.
const defaultClass = "db.r5.large"

// members lists the instances of a cluster, the writer first.
func (c clusters) members(ctx context.Context, id string) ([]types.DBInstance, error) {
	var all []types.DBInstance
	pages := sdk.NewDescribeDBInstancesPaginator(c.api.describeDBInstances, &sdk.DescribeDBInstancesInput{
		Filters: []types.Filter{{Name: new("db-cluster-id"), Values: []string{id}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.Account.Explain(err, "list the instances of DB cluster %s", id)
		}
		all = append(all, page.DBInstances...)
	}
	return all, nil
}

// complete adds the instances, one for each that the model has, and waits for all.
// Without a model, a cluster that has instances needs no more.
func (c clusters) complete(ctx context.Context, p copyPlan) error {
	if err := c.waitAvailable(ctx, p.id); err != nil {
		return err
	}
	if err := c.scale(ctx, p); err != nil {
		return err
	}
	db, err := c.existing(ctx, c, p.id)
	if err != nil {
		return err
	}
	// The cluster knows its instances before they all show.
	there := db.settings.(*clusterSettings).cluster.DBClusterMembers
	var wanted []sdk.CreateDBInstanceInput
	if p.model != nil || len(there) == 0 {
		wanted = c.wanted(p)
	}
	for i := range wanted {
		if err := c.add(ctx, &wanted[i]); err != nil {
			return err
		}
	}
	return c.waitMembers(ctx, p.id, there, wanted)
}

// waitMembers waits for the instances of a cluster, those that were there and those
// that were added, which may not show yet.
func (c clusters) waitMembers(ctx context.Context, id string, there []types.DBClusterMember, added []sdk.CreateDBInstanceInput) error {
	var names []string
	for _, m := range there {
		names = append(names, text(m.DBInstanceIdentifier))
	}
	for _, in := range added {
		names = append(names, text(in.DBInstanceIdentifier))
	}
	for _, name := range names {
		if err := (instances{c.Client}).waitAvailable(ctx, name); err != nil {
			return err
		}
	}
	return c.waitAvailable(ctx, id)
}

// scale sets the limits of a serverless cluster, without which it takes no serverless
// instances. A restore cannot set them.
func (c clusters) scale(ctx context.Context, p copyPlan) error {
	if p.model == nil {
		return nil
	}
	limits := p.model.settings.(*clusterSettings).cluster.ServerlessV2ScalingConfiguration
	if limits == nil {
		return nil
	}
	_, err := c.api.modifyDBCluster(ctx, &sdk.ModifyDBClusterInput{
		DBClusterIdentifier: &p.id, ApplyImmediately: new(true),
		ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfiguration{
			MinCapacity: limits.MinCapacity, MaxCapacity: limits.MaxCapacity, SecondsUntilAutoPause: limits.SecondsUntilAutoPause,
		},
	})
	if err != nil {
		return c.Account.Explain(err, "set the limits of serverless DB cluster %s", p.id)
	}
	return c.waitAvailable(ctx, p.id)
}

// wanted are the instances of the new cluster.
func (c clusters) wanted(p copyPlan) []sdk.CreateDBInstanceInput {
	engine := cmp.Or(p.snapshot.Engine, c.engine)
	var models []types.DBInstance
	if p.model != nil {
		models = p.model.settings.(*clusterSettings).members
	}
	if len(models) == 0 {
		return []sdk.CreateDBInstanceInput{{
			DBInstanceIdentifier: new(Name(p.id, "-instance-1")), DBClusterIdentifier: &p.id,
			DBInstanceClass: new(defaultClass), Engine: &engine, Tags: tagList(p.tags),
		}}
	}
	var all []sdk.CreateDBInstanceInput
	for _, m := range models {
		in := sdk.CreateDBInstanceInput{
			DBInstanceIdentifier: new(Name(text(m.DBInstanceIdentifier), suffixNew)), DBClusterIdentifier: &p.id,
			DBInstanceClass: m.DBInstanceClass, Engine: &engine, PromotionTier: m.PromotionTier,
			PubliclyAccessible: m.PubliclyAccessible, AutoMinorVersionUpgrade: m.AutoMinorVersionUpgrade,
			Tags: tagList(with(with(usersTags(tagMap(m.TagList)), p.tags), map[string]string{TagName: text(m.DBInstanceIdentifier)})),
		}
		if text(m.Engine) == p.snapshot.Engine && family(text(m.EngineVersion)) == family(p.snapshot.EngineVersion) && len(m.DBParameterGroups) > 0 {
			in.DBParameterGroupName = m.DBParameterGroups[0].DBParameterGroupName
		}
		all = append(all, in)
	}
	return all
}

// add makes an instance of a cluster, unless an earlier attempt has made it.
func (c clusters) add(ctx context.Context, in *sdk.CreateDBInstanceInput) error {
	id := text(in.DBInstanceIdentifier)
	_, err := c.api.createDBInstance(ctx, in)
	if alreadyExists(err) {
		there, findErr := (instances{c.Client}).find(ctx, id)
		if findErr != nil {
			return findErr
		}
		if there != nil && text(there.settings.(*types.DBInstance).DBClusterIdentifier) == text(in.DBClusterIdentifier) {
			return nil
		}
	}
	return c.Account.Explain(err, "add DB instance %s to DB cluster %s", id, text(in.DBClusterIdentifier))
}

// settle gives the new instances the names of the old ones, which are gone.
func (c clusters) settle(ctx context.Context, db *Database) error {
	members, err := c.members(ctx, db.ID)
	if err != nil {
		return err
	}
	for _, m := range members {
		name, final := text(m.DBInstanceIdentifier), tagMap(m.TagList)[TagName]
		if final == "" || final == name || !strings.HasSuffix(name, suffixNew) {
			continue
		}
		if err := c.takeName(ctx, text(m.DbiResourceId), name, final); err != nil {
			return err
		}
	}
	return nil
}

// takeName renames an instance. It keeps the name that it has if somebody else has the
// other one: nothing but that depends on it.
func (c clusters) takeName(ctx context.Context, resource, name, final string) error {
	one := instances{c.Client}
	other, err := one.find(ctx, final)
	switch {
	case err != nil:
		return err
	case other != nil && other.Status != "deleting":
		c.Log.Warn("an instance of the restored cluster keeps its name, since there is another one of the name that it should have",
			"instance", name, "taken", final)
		return nil
	}
	if err := one.waitDeleted(ctx, final); err != nil {
		return err
	}
	if err := one.rename(ctx, name, final); err != nil {
		return err
	}
	return one.waitRenamed(ctx, resource, final)
}
