package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
)

// DeleteVolumeSnapshot deletes snapshots that CreateVolumeSnapshot has taken. One that
// is not there is fine; what cannot be deleted does not keep the others.
func DeleteVolumeSnapshot() Func {
	return fn[snapshotsArgs]{name: "DeleteVolumeSnapshot", exec: deleteVolumeSnapshot, access: access.None}
}

func deleteVolumeSnapshot(ctx context.Context, env *Env, a snapshotsArgs) (Output, error) {
	manifest, err := a.manifest()
	if err != nil {
		return nil, err
	}
	return Output{}, env.ebs().Delete(ctx, manifest)
}
