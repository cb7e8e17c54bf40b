package ebs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

const (
	// noLimit is for the SDK's waiters, which want one: the phase's own counts.
	noLimit = 10 * 365 * 24 * time.Hour
	// blindLooks is how many times AWS may not know what it has just made.
	blindLooks = 8
)

// errGone says that something is not there any more.
var errGone = errors.New("it is not there any more")

// looking follows the states of a snapshot or a volume for a waiter of the SDK.
type looking struct {
	client *client
	what   string
	// last is what was seen last, for an error.
	last  string
	blind int // looks in which AWS did not know it
}

// judge decides about a look that found nothing or failed.
func (l *looking) judge(err error) (again bool, _ error) {
	if err != nil && !awsaccess.NotFound(err) {
		return false, err
	}
	l.blind++
	if l.last == "" && l.blind < blindLooks {
		return true, nil // AWS has not heard of it yet
	}
	return false, errGone
}

func (l *looking) note(state string) {
	if state != l.last {
		l.client.phase.Log.Info(l.what, "state", state)
	}
	l.last = state
}

// failed says how the wait ended.
func (l *looking) failed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && l.last == "":
		return fmt.Errorf("%s: AWS has not told its state: %w", l.what, ctx.Err())
	case ctx.Err() != nil:
		return fmt.Errorf("%s: it was %s: %w", l.what, l.last, ctx.Err())
	}
	return l.client.Explain(err, "%s: wait for it", l.what)
}

// completed waits until a snapshot is complete. AWS copies its data at that time; the
// volume may be written to meanwhile.
func (c *client) completed(ctx context.Context, id string) (types.Snapshot, error) {
	l := &looking{client: c, what: "snapshot " + id}
	var snapshot types.Snapshot
	waiter := ec2.NewSnapshotCompletedWaiter(c.api.describeSnapshots, func(o *ec2.SnapshotCompletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = c.Options.Polling()
		o.Retryable = func(_ context.Context, _ *ec2.DescribeSnapshotsInput, out *ec2.DescribeSnapshotsOutput, err error) (bool, error) {
			if err != nil || len(out.Snapshots) == 0 {
				return l.judge(err)
			}
			snapshot = out.Snapshots[0]
			return l.snapshot(snapshot)
		}
	})
	err := waiter.Wait(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}, noLimit)
	return snapshot, l.failed(ctx, err)
}

func (l *looking) snapshot(s types.Snapshot) (again bool, err error) {
	switch s.State {
	case types.SnapshotStateCompleted:
		return false, nil
	case types.SnapshotStatePending:
		l.note(fmt.Sprintf("pending, %s done", orNothing(s.Progress)))
		return true, nil
	case types.SnapshotStateError:
		return false, fmt.Errorf("%w: AWS says: %s", errFailed, orNoReason(s.StateMessage))
	}
	return false, fmt.Errorf("%w: it is %s, in AWS's recycle bin: take it out of there first", errFailed, s.State)
}

// errFailed says that AWS has given up on something.
var errFailed = errors.New("it failed")

func orNothing(progress *string) string {
	if p := aws.ToString(progress); p != "" {
		return p
	}
	return "0%"
}

func orNoReason(message *string) string {
	if m := aws.ToString(message); m != "" {
		return m
	}
	return "nothing about why; the key that encrypts it may not be usable with these credentials"
}

// available waits until a volume is there and can be attached.
func (c *client) available(ctx context.Context, id string) (types.Volume, error) {
	l := &looking{client: c, what: "volume " + id}
	var volume types.Volume
	waiter := ec2.NewVolumeAvailableWaiter(c.api.describeVolumes, func(o *ec2.VolumeAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = c.Options.Polling()
		o.Retryable = func(_ context.Context, _ *ec2.DescribeVolumesInput, out *ec2.DescribeVolumesOutput, err error) (bool, error) {
			if err != nil || len(out.Volumes) == 0 {
				return l.judge(err)
			}
			volume = out.Volumes[0]
			return l.volume(volume)
		}
	})
	err := waiter.Wait(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{id}}, noLimit)
	return volume, l.failed(ctx, err)
}

func (l *looking) volume(v types.Volume) (again bool, err error) {
	switch v.State {
	case types.VolumeStateAvailable, types.VolumeStateInUse:
		return false, nil
	case types.VolumeStateCreating:
		l.note(string(v.State))
		return true, nil
	case types.VolumeStateDeleting, types.VolumeStateDeleted:
		return false, errGone
	}
	return false, fmt.Errorf("%w: AWS says that it is in the state %s; the key that encrypts it may not be usable with these credentials", errFailed, v.State)
}
