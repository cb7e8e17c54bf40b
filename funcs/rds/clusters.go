package rds

import (
	"cmp"
	"context"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

// defaultClass is the class of a restored cluster's only instance, where no cluster is
// there to take it from. It is Kanister's.
const defaultClass = "db.r5.large"

// clusters are the Kind of Aurora. A cluster holds the data; the instances that are its
// members serve it, and have names of their own.
type clusters struct {
	*Client
	engine string
}

// clusterSettings are a cluster with its members.
type clusterSettings struct {
	cluster *types.DBCluster
	members []types.DBInstance
}

func (clusters) noun() string { return "DB cluster" }

func (c clusters) find(ctx context.Context, id string) (*Database, error) {
	out, err := c.api.describeDBClusters(ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if awsaccess.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, c.Account.Explain(err, "look for DB cluster %s", id)
	}
	if len(out.DBClusters) == 0 {
		return nil, nil
	}
	return c.cluster(ctx, &out.DBClusters[0])
}

func (c clusters) findResource(ctx context.Context, resource string) (*Database, error) {
	out, err := c.api.describeDBClusters(ctx, byClusterResource(resource))
	if err != nil {
		return nil, c.Account.Explain(err, "look for DB cluster %s", resource)
	}
	if len(out.DBClusters) == 0 {
		return nil, nil
	}
	return c.cluster(ctx, &out.DBClusters[0])
}

func byClusterResource(resource string) *sdk.DescribeDBClustersInput {
	return &sdk.DescribeDBClustersInput{Filters: []types.Filter{{Name: new("db-cluster-resource-id"), Values: []string{resource}}}}
}

// cluster reads the members as well.
func (c clusters) cluster(ctx context.Context, k *types.DBCluster) (*Database, error) {
	members, err := c.members(ctx, text(k.DBClusterIdentifier))
	if err != nil {
		return nil, err
	}
	return &Database{
		ID: text(k.DBClusterIdentifier), Resource: text(k.DbClusterResourceId), ARN: text(k.DBClusterArn),
		Status: text(k.Status), Engine: text(k.Engine), MasterUser: text(k.MasterUsername), Tags: tagMap(k.TagList),
		SecurityGroups: groups(k.VpcSecurityGroups), SubnetGroup: text(k.DBSubnetGroup),
		Endpoint: text(k.Endpoint), Port: value(k.Port), Protected: value(k.DeletionProtection),
		settings: &clusterSettings{k, members},
	}, nil
}

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

func (c clusters) restore(ctx context.Context, p copyPlan) error {
	in := &sdk.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: &p.id,
		SnapshotIdentifier:  &p.snapshot.ID,
		Engine:              new(cmp.Or(p.snapshot.Engine, c.engine)),
		EngineVersion:       optional(p.snapshot.EngineVersion),
		DBSubnetGroupName:   optional(p.subnetGroup),
		VpcSecurityGroupIds: p.securityGroups,
		Tags:                tagList(p.tags),
	}
	if p.model != nil {
		likeCluster(in, p.model.settings.(*clusterSettings).cluster, p.snapshot)
	}
	_, err := c.api.restoreDBClusterFromSnapshot(ctx, in)
	return c.Account.Explain(err, "restore DB cluster snapshot %s to a new cluster %s", p.snapshot.ID, p.id)
}

func likeCluster(in *sdk.RestoreDBClusterFromSnapshotInput, m *types.DBCluster, s *Snapshot) {
	in.Port, in.DeletionProtection, in.CopyTagsToSnapshot = m.Port, m.DeletionProtection, m.CopyTagsToSnapshot
	in.NetworkType, in.BackupRetentionPeriod, in.PreferredBackupWindow = m.NetworkType, m.BackupRetentionPeriod, m.PreferredBackupWindow
	if text(m.Engine) != s.Engine {
		return
	}
	in.EnableIAMDatabaseAuthentication, in.EnableCloudwatchLogsExports = m.IAMDatabaseAuthenticationEnabled, m.EnabledCloudwatchLogsExports
	if family(text(m.EngineVersion)) == family(s.EngineVersion) {
		in.DBClusterParameterGroupName = m.DBClusterParameterGroup
	}
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

func (c clusters) rename(ctx context.Context, from, to string) error {
	_, err := c.api.modifyDBCluster(ctx, &sdk.ModifyDBClusterInput{
		DBClusterIdentifier: &from, NewDBClusterIdentifier: &to, ApplyImmediately: new(true),
	})
	return c.Account.Explain(err, "rename DB cluster %s to %s", from, to)
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

// remove deletes the cluster's instances, and then the cluster, which RDS allows as
// soon as the instances are being deleted.
func (c clusters) remove(ctx context.Context, db *Database) error {
	s := db.settings.(*clusterSettings)
	for _, m := range s.members {
		_, err := c.api.deleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: m.DBInstanceIdentifier, SkipFinalSnapshot: new(true)})
		if err != nil && !awsaccess.NotFound(err) && text(m.DBInstanceStatus) != "deleting" {
			return c.Account.Explain(err, "delete DB instance %s of DB cluster %s", text(m.DBInstanceIdentifier), db.ID)
		}
	}
	_, replaced := db.Tags[TagReplaced]
	_, err := c.api.deleteDBCluster(ctx, &sdk.DeleteDBClusterInput{
		DBClusterIdentifier: &db.ID, SkipFinalSnapshot: new(true), DeleteAutomatedBackups: new(!replaced),
	})
	return c.Account.Explain(err, "delete DB cluster %s", db.ID)
}

func (c clusters) findSnapshot(ctx context.Context, id string) (*Snapshot, error) {
	out, err := c.api.describeDBClusterSnapshots(ctx, &sdk.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &id})
	if awsaccess.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, c.Account.Explain(err, "look for DB cluster snapshot %s", id)
	}
	if len(out.DBClusterSnapshots) == 0 {
		return nil, nil
	}
	s := out.DBClusterSnapshots[0]
	return &Snapshot{
		ID: text(s.DBClusterSnapshotIdentifier), ARN: text(s.DBClusterSnapshotArn), Status: text(s.Status), Of: text(s.DBClusterIdentifier),
		Engine: text(s.Engine), EngineVersion: text(s.EngineVersion), Tags: tagMap(s.TagList),
	}, nil
}

func (c clusters) createSnapshot(ctx context.Context, id, of string, tags map[string]string) error {
	_, err := c.api.createDBClusterSnapshot(ctx, &sdk.CreateDBClusterSnapshotInput{
		DBClusterSnapshotIdentifier: &id, DBClusterIdentifier: &of, Tags: tagList(tags),
	})
	return c.Account.Explain(err, "take snapshot %s of DB cluster %s", id, of)
}

func (c clusters) deleteSnapshot(ctx context.Context, id string) error {
	_, err := c.api.deleteDBClusterSnapshot(ctx, &sdk.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: &id})
	if awsaccess.NotFound(err) {
		return nil
	}
	return c.Account.Explain(err, "delete DB cluster snapshot %s", id)
}

func (c clusters) waitAvailable(ctx context.Context, id string) error {
	in := &sdk.DescribeDBClustersInput{DBClusterIdentifier: &id}
	return c.untilAvailable(ctx, in, &watch{what: "DB cluster " + id, goal: "available", lateStart: true, ends: hopeless})
}

func (c clusters) waitRenamed(ctx context.Context, resource, to string) error {
	return c.untilAvailable(ctx, byClusterResource(resource), &watch{what: "DB cluster " + resource, goal: "named " + to, lateStart: true, named: to, ends: hopeless})
}

func (c clusters) untilAvailable(ctx context.Context, in *sdk.DescribeDBClustersInput, w *watch) error {
	waiter := sdk.NewDBClusterAvailableWaiter(c.api.describeDBClusters, func(o *sdk.DBClusterAvailableWaiterOptions) {
		c.pace(&o.MinDelay, &o.MaxDelay)
		o.Retryable = watching(w, o.Retryable, lookAtCluster)
	})
	return c.explain(ctx, w, waiter.Wait(ctx, in, longestWait))
}

func (c clusters) waitDeleted(ctx context.Context, id string) error {
	w := &watch{what: "DB cluster " + id, goal: "deleted"}
	waiter := sdk.NewDBClusterDeletedWaiter(c.api.describeDBClusters, func(o *sdk.DBClusterDeletedWaiterOptions) {
		c.pace(&o.MinDelay, &o.MaxDelay)
		o.Retryable = watching(w, o.Retryable, lookAtCluster)
	})
	return c.explain(ctx, w, waiter.Wait(ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: &id}, longestWait))
}

func lookAtCluster(out *sdk.DescribeDBClustersOutput) look {
	if len(out.DBClusters) == 0 {
		return look{}
	}
	k := out.DBClusters[0]
	return look{true, text(k.Status), text(k.DBClusterIdentifier)}
}

func (c clusters) waitSnapshot(ctx context.Context, id string) error {
	w := &watch{what: "DB cluster snapshot " + id, goal: "available", lateStart: true, ends: hopeless}
	waiter := sdk.NewDBClusterSnapshotAvailableWaiter(c.api.describeDBClusterSnapshots, func(o *sdk.DBClusterSnapshotAvailableWaiterOptions) {
		c.pace(&o.MinDelay, &o.MaxDelay)
		o.Retryable = watching(w, o.Retryable, lookAtClusterSnapshot)
	})
	return c.explain(ctx, w, waiter.Wait(ctx, &sdk.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &id}, longestWait))
}

func (c clusters) waitSnapshotDeleted(ctx context.Context, id string) error {
	w := &watch{what: "DB cluster snapshot " + id, goal: "deleted"}
	waiter := sdk.NewDBClusterSnapshotDeletedWaiter(c.api.describeDBClusterSnapshots, func(o *sdk.DBClusterSnapshotDeletedWaiterOptions) {
		c.pace(&o.MinDelay, &o.MaxDelay)
		o.Retryable = watching(w, o.Retryable, lookAtClusterSnapshot)
	})
	return c.explain(ctx, w, waiter.Wait(ctx, &sdk.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &id}, longestWait))
}

func lookAtClusterSnapshot(out *sdk.DescribeDBClusterSnapshotsOutput) look {
	if len(out.DBClusterSnapshots) == 0 {
		return look{}
	}
	s := out.DBClusterSnapshots[0]
	return look{true, text(s.Status), text(s.DBClusterSnapshotIdentifier)}
}
