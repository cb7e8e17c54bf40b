package rds

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
)

// api is the part of RDS's client that is used, as functions. The client itself must
// not come near an interface, nor into a struct that does: the linker would keep all
// of its 170 methods, 6 MB of program, since other packages look methods up by name.
type api struct {
	describeDBInstances             instanceLister
	describeDBClusters              clusterLister
	describeDBSnapshots             snapshotLister
	describeDBClusterSnapshots      clusterSnapshotLister
	createDBSnapshot                call[sdk.CreateDBSnapshotInput, sdk.CreateDBSnapshotOutput]
	createDBClusterSnapshot         call[sdk.CreateDBClusterSnapshotInput, sdk.CreateDBClusterSnapshotOutput]
	deleteDBSnapshot                call[sdk.DeleteDBSnapshotInput, sdk.DeleteDBSnapshotOutput]
	deleteDBClusterSnapshot         call[sdk.DeleteDBClusterSnapshotInput, sdk.DeleteDBClusterSnapshotOutput]
	restoreDBInstanceFromDBSnapshot call[sdk.RestoreDBInstanceFromDBSnapshotInput, sdk.RestoreDBInstanceFromDBSnapshotOutput]
	restoreDBClusterFromSnapshot    call[sdk.RestoreDBClusterFromSnapshotInput, sdk.RestoreDBClusterFromSnapshotOutput]
	createDBInstance                call[sdk.CreateDBInstanceInput, sdk.CreateDBInstanceOutput]
	modifyDBInstance                call[sdk.ModifyDBInstanceInput, sdk.ModifyDBInstanceOutput]
	modifyDBCluster                 call[sdk.ModifyDBClusterInput, sdk.ModifyDBClusterOutput]
	deleteDBInstance                call[sdk.DeleteDBInstanceInput, sdk.DeleteDBInstanceOutput]
	deleteDBCluster                 call[sdk.DeleteDBClusterInput, sdk.DeleteDBClusterOutput]
	addTagsToResource               call[sdk.AddTagsToResourceInput, sdk.AddTagsToResourceOutput]
	removeTagsFromResource          call[sdk.RemoveTagsFromResourceInput, sdk.RemoveTagsFromResourceOutput]
}

func apiOf(c *sdk.Client) api {
	return api{
		describeDBInstances:             c.DescribeDBInstances,
		describeDBClusters:              c.DescribeDBClusters,
		describeDBSnapshots:             c.DescribeDBSnapshots,
		describeDBClusterSnapshots:      c.DescribeDBClusterSnapshots,
		createDBSnapshot:                c.CreateDBSnapshot,
		createDBClusterSnapshot:         c.CreateDBClusterSnapshot,
		deleteDBSnapshot:                c.DeleteDBSnapshot,
		deleteDBClusterSnapshot:         c.DeleteDBClusterSnapshot,
		restoreDBInstanceFromDBSnapshot: c.RestoreDBInstanceFromDBSnapshot,
		restoreDBClusterFromSnapshot:    c.RestoreDBClusterFromSnapshot,
		createDBInstance:                c.CreateDBInstance,
		modifyDBInstance:                c.ModifyDBInstance,
		modifyDBCluster:                 c.ModifyDBCluster,
		deleteDBInstance:                c.DeleteDBInstance,
		deleteDBCluster:                 c.DeleteDBCluster,
		addTagsToResource:               c.AddTagsToResource,
		removeTagsFromResource:          c.RemoveTagsFromResource,
	}
}

// call is one method of the client.
type call[In, Out any] func(context.Context, *In, ...func(*sdk.Options)) (*Out, error)

// The listers are what the SDK's waiters and paginators ask for.
type (
	instanceLister        call[sdk.DescribeDBInstancesInput, sdk.DescribeDBInstancesOutput]
	clusterLister         call[sdk.DescribeDBClustersInput, sdk.DescribeDBClustersOutput]
	snapshotLister        call[sdk.DescribeDBSnapshotsInput, sdk.DescribeDBSnapshotsOutput]
	clusterSnapshotLister call[sdk.DescribeDBClusterSnapshotsInput, sdk.DescribeDBClusterSnapshotsOutput]
)

// DescribeDBInstances implements sdk.DescribeDBInstancesAPIClient.
func (l instanceLister) DescribeDBInstances(ctx context.Context, in *sdk.DescribeDBInstancesInput, opts ...func(*sdk.Options)) (*sdk.DescribeDBInstancesOutput, error) {
	return l(ctx, in, opts...)
}

// DescribeDBClusters implements sdk.DescribeDBClustersAPIClient.
func (l clusterLister) DescribeDBClusters(ctx context.Context, in *sdk.DescribeDBClustersInput, opts ...func(*sdk.Options)) (*sdk.DescribeDBClustersOutput, error) {
	return l(ctx, in, opts...)
}

// DescribeDBSnapshots implements sdk.DescribeDBSnapshotsAPIClient.
func (l snapshotLister) DescribeDBSnapshots(ctx context.Context, in *sdk.DescribeDBSnapshotsInput, opts ...func(*sdk.Options)) (*sdk.DescribeDBSnapshotsOutput, error) {
	return l(ctx, in, opts...)
}

// DescribeDBClusterSnapshots implements sdk.DescribeDBClusterSnapshotsAPIClient.
func (l clusterSnapshotLister) DescribeDBClusterSnapshots(ctx context.Context, in *sdk.DescribeDBClusterSnapshotsInput, opts ...func(*sdk.Options)) (*sdk.DescribeDBClusterSnapshotsOutput, error) {
	return l(ctx, in, opts...)
}
