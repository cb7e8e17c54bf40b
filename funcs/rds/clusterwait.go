package rds

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
)

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
