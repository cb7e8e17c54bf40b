package rds

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
)

func (c instances) waitAvailable(ctx context.Context, id string) error {
	in := &sdk.DescribeDBInstancesInput{DBInstanceIdentifier: &id}
	return c.untilAvailable(ctx, in, &watch{what: "DB instance " + id, goal: "available", lateStart: true, ends: hopeless})
}

// waitRenamed looks by RDS's own ID, which shows the instance under either name.
func (c instances) waitRenamed(ctx context.Context, resource, to string) error {
	return c.untilAvailable(ctx, byInstanceResource(resource), &watch{what: "DB instance " + resource, goal: "named " + to, lateStart: true, named: to, ends: hopeless})
}

func (c instances) untilAvailable(ctx context.Context, in *sdk.DescribeDBInstancesInput, w *watch) error {
	waiter := sdk.NewDBInstanceAvailableWaiter(c.api.describeDBInstances, func(o *sdk.DBInstanceAvailableWaiterOptions) {
		c.pace(&o.MinDelay, &o.MaxDelay)
		o.Retryable = watching(w, o.Retryable, lookAtInstance)
	})
	return c.explain(ctx, w, waiter.Wait(ctx, in, longestWait))
}

func (c instances) waitDeleted(ctx context.Context, id string) error {
	w := &watch{what: "DB instance " + id, goal: "deleted"}
	waiter := sdk.NewDBInstanceDeletedWaiter(c.api.describeDBInstances, func(o *sdk.DBInstanceDeletedWaiterOptions) {
		c.pace(&o.MinDelay, &o.MaxDelay)
		o.Retryable = watching(w, o.Retryable, lookAtInstance)
	})
	return c.explain(ctx, w, waiter.Wait(ctx, &sdk.DescribeDBInstancesInput{DBInstanceIdentifier: &id}, longestWait))
}

func lookAtInstance(out *sdk.DescribeDBInstancesOutput) look {
	if len(out.DBInstances) == 0 {
		return look{}
	}
	i := out.DBInstances[0]
	return look{true, text(i.DBInstanceStatus), text(i.DBInstanceIdentifier)}
}

func (c instances) waitSnapshot(ctx context.Context, id string) error {
	w := &watch{what: "DB snapshot " + id, goal: "available", lateStart: true, ends: hopeless}
	waiter := sdk.NewDBSnapshotAvailableWaiter(c.api.describeDBSnapshots, func(o *sdk.DBSnapshotAvailableWaiterOptions) {
		c.pace(&o.MinDelay, &o.MaxDelay)
		o.Retryable = watching(w, o.Retryable, lookAtSnapshot)
	})
	return c.explain(ctx, w, waiter.Wait(ctx, &sdk.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id}, longestWait))
}

func (c instances) waitSnapshotDeleted(ctx context.Context, id string) error {
	w := &watch{what: "DB snapshot " + id, goal: "deleted"}
	waiter := sdk.NewDBSnapshotDeletedWaiter(c.api.describeDBSnapshots, func(o *sdk.DBSnapshotDeletedWaiterOptions) {
		c.pace(&o.MinDelay, &o.MaxDelay)
		o.Retryable = watching(w, o.Retryable, lookAtSnapshot)
	})
	return c.explain(ctx, w, waiter.Wait(ctx, &sdk.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id}, longestWait))
}

func lookAtSnapshot(out *sdk.DescribeDBSnapshotsOutput) look {
	if len(out.DBSnapshots) == 0 {
		return look{}
	}
	s := out.DBSnapshots[0]
	return look{true, text(s.Status), text(s.DBSnapshotIdentifier)}
}
