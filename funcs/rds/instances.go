package rds

import (
	"context"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

// instances are the Kind of everything that is not Aurora.
type instances struct{ *Client }

func (instances) noun() string { return "DB instance" }

func (c instances) find(ctx context.Context, id string) (*Database, error) {
	out, err := c.api.describeDBInstances(ctx, &sdk.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	if awsaccess.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, c.Account.Explain(err, "look for DB instance %s", id)
	}
	if len(out.DBInstances) == 0 {
		return nil, nil
	}
	return instance(&out.DBInstances[0]), nil
}

func (c instances) findResource(ctx context.Context, resource string) (*Database, error) {
	out, err := c.api.describeDBInstances(ctx, byInstanceResource(resource))
	if err != nil {
		return nil, c.Account.Explain(err, "look for DB instance %s", resource)
	}
	if len(out.DBInstances) == 0 {
		return nil, nil
	}
	return instance(&out.DBInstances[0]), nil
}

func byInstanceResource(resource string) *sdk.DescribeDBInstancesInput {
	return &sdk.DescribeDBInstancesInput{Filters: []types.Filter{{Name: new("dbi-resource-id"), Values: []string{resource}}}}
}

func instance(i *types.DBInstance) *Database {
	db := &Database{
		ID: text(i.DBInstanceIdentifier), Resource: text(i.DbiResourceId), ARN: text(i.DBInstanceArn),
		Status: text(i.DBInstanceStatus), Engine: text(i.Engine), MasterUser: text(i.MasterUsername), Tags: tagMap(i.TagList),
		SecurityGroups: groups(i.VpcSecurityGroups),
		settings:       i,
	}
	if i.DBSubnetGroup != nil {
		db.SubnetGroup = text(i.DBSubnetGroup.DBSubnetGroupName)
	}
	if i.Endpoint != nil {
		db.Endpoint, db.Port = text(i.Endpoint.Address), value(i.Endpoint.Port)
	}
	if i.InstanceCreateTime != nil {
		db.Created = *i.InstanceCreateTime
	}
	db.AllocatedGiB, db.Protected = value(i.AllocatedStorage), value(i.DeletionProtection)
	return db
}

func groups(all []types.VpcSecurityGroupMembership) []string {
	var ids []string
	for _, g := range all {
		ids = append(ids, text(g.VpcSecurityGroupId))
	}
	return ids
}

// value is the value of a field that RDS may leave out.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// optional leaves an empty field out.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (c instances) restore(ctx context.Context, p copyPlan) error {
	in := &sdk.RestoreDBInstanceFromDBSnapshotInput{
		DBInstanceIdentifier: &p.id,
		DBSnapshotIdentifier: &p.snapshot.ID,
		DBSubnetGroupName:    optional(p.subnetGroup),
		VpcSecurityGroupIds:  p.securityGroups,
		Tags:                 tagList(p.tags),
	}
	if p.temporary {
		in.MultiAZ, in.DeletionProtection, in.BackupRetentionPeriod = new(false), new(false), new(int32(0))
	}
	if p.source != nil {
		in.PubliclyAccessible = p.source.settings.(*types.DBInstance).PubliclyAccessible
	}
	if p.model != nil {
		like(in, p.model.settings.(*types.DBInstance), p.snapshot)
	}
	_, err := c.api.restoreDBInstanceFromDBSnapshot(ctx, in)
	return c.Account.Explain(err, "restore DB snapshot %s to a new instance %s", p.snapshot.ID, p.id)
}

// like takes over what RDS would otherwise set to defaults. What the snapshot itself
// holds, such as storage and encryption, is left to it. Settings that depend on the
// engine are taken from an instance of the same engine only.
func like(in *sdk.RestoreDBInstanceFromDBSnapshotInput, m *types.DBInstance, s *Snapshot) {
	in.Port, in.PubliclyAccessible, in.MultiAZ = m.DbInstancePort, m.PubliclyAccessible, m.MultiAZ
	if in.Port == nil || *in.Port == 0 {
		in.Port = nil
		if m.Endpoint != nil {
			in.Port = m.Endpoint.Port
		}
	}
	in.DeletionProtection, in.CopyTagsToSnapshot = m.DeletionProtection, m.CopyTagsToSnapshot
	in.AutoMinorVersionUpgrade, in.NetworkType = m.AutoMinorVersionUpgrade, m.NetworkType
	in.BackupRetentionPeriod, in.PreferredBackupWindow = m.BackupRetentionPeriod, m.PreferredBackupWindow
	if text(m.Engine) != s.Engine {
		return
	}
	in.DBInstanceClass, in.EnableIAMDatabaseAuthentication = m.DBInstanceClass, m.IAMDatabaseAuthenticationEnabled
	in.EnableCloudwatchLogsExports = m.EnabledCloudwatchLogsExports
	if family(text(m.EngineVersion)) == family(s.EngineVersion) && len(m.DBParameterGroups) > 0 {
		in.DBParameterGroupName = m.DBParameterGroups[0].DBParameterGroupName
	}
}

// family is the part of a version that parameter groups belong to: 15 of 15.4, and 8.0
// of 8.0.35.
func family(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	if len(major) > 1 {
		return major
	}
	minor, _, _ := strings.Cut(rest, ".")
	return major + "." + minor
}

// complete waits for the instance. It needs nothing beyond itself.
func (c instances) complete(ctx context.Context, p copyPlan) error { return c.waitAvailable(ctx, p.id) }

func (c instances) rename(ctx context.Context, from, to string) error {
	_, err := c.api.modifyDBInstance(ctx, &sdk.ModifyDBInstanceInput{
		DBInstanceIdentifier: &from, NewDBInstanceIdentifier: &to, ApplyImmediately: new(true),
	})
	return c.Account.Explain(err, "rename DB instance %s to %s", from, to)
}

func (instances) settle(context.Context, *Database) error { return nil }

func (c instances) remove(ctx context.Context, db *Database) error {
	// An instance that was in use keeps its automated backups for as long as they were
	// meant to be kept.
	_, replaced := db.Tags[TagReplaced]
	_, err := c.api.deleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{
		DBInstanceIdentifier: &db.ID, SkipFinalSnapshot: new(true), DeleteAutomatedBackups: new(!replaced),
	})
	return c.Account.Explain(err, "delete DB instance %s", db.ID)
}

func (c instances) findSnapshot(ctx context.Context, id string) (*Snapshot, error) {
	out, err := c.api.describeDBSnapshots(ctx, &sdk.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id})
	if awsaccess.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, c.Account.Explain(err, "look for DB snapshot %s", id)
	}
	if len(out.DBSnapshots) == 0 {
		return nil, nil
	}
	s := out.DBSnapshots[0]
	return &Snapshot{
		ID: text(s.DBSnapshotIdentifier), ARN: text(s.DBSnapshotArn), Status: text(s.Status), Of: text(s.DBInstanceIdentifier),
		Engine: text(s.Engine), EngineVersion: text(s.EngineVersion), Tags: tagMap(s.TagList),
	}, nil
}

func (c instances) createSnapshot(ctx context.Context, id, of string, tags map[string]string) error {
	_, err := c.api.createDBSnapshot(ctx, &sdk.CreateDBSnapshotInput{
		DBSnapshotIdentifier: &id, DBInstanceIdentifier: &of, Tags: tagList(tags),
	})
	return c.Account.Explain(err, "take snapshot %s of DB instance %s", id, of)
}

func (c instances) deleteSnapshot(ctx context.Context, id string) error {
	_, err := c.api.deleteDBSnapshot(ctx, &sdk.DeleteDBSnapshotInput{DBSnapshotIdentifier: &id})
	if awsaccess.NotFound(err) {
		return nil
	}
	return c.Account.Explain(err, "delete DB snapshot %s", id)
}
