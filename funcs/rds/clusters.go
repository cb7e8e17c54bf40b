package rds

import (
	"cmp"
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

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

func (c clusters) rename(ctx context.Context, from, to string) error {
	_, err := c.api.modifyDBCluster(ctx, &sdk.ModifyDBClusterInput{
		DBClusterIdentifier: &from, NewDBClusterIdentifier: &to, ApplyImmediately: new(true),
	})
	return c.Account.Explain(err, "rename DB cluster %s to %s", from, to)
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
