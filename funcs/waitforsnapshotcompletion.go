package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
)

type waitForSnapshotCompletionArgs struct {
	Snapshots string `json:"snapshots"`
}

// WaitForSnapshotCompletion waits until snapshots are complete that CreateVolumeSnapshot
// has begun.
func WaitForSnapshotCompletion() Func {
	return fn[waitForSnapshotCompletionArgs]{name: "WaitForSnapshotCompletion", exec: waitForSnapshotCompletion, access: access.None}
}

func waitForSnapshotCompletion(ctx context.Context, env *Env, a waitForSnapshotCompletionArgs) (Output, error) {
	manifest, err := snapshotsArgs{Snapshots: a.Snapshots}.manifest()
	if err != nil {
		return nil, err
	}
	return Output{}, env.ebs().Wait(ctx, manifest)
}
