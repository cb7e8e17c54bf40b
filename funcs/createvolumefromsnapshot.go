package funcs

import "context"

type createVolumeFromSnapshotArgs struct {
	snapshotsArgs
	PVCNames []string `json:"pvcNames"`
}

// CreateVolumeFromSnapshot makes claims of snapshots, in the place of those that have
// their names. An old claim is deleted when all new volumes are available.
func CreateVolumeFromSnapshot() Func {
	return fn[createVolumeFromSnapshotArgs]{name: "CreateVolumeFromSnapshot", exec: createVolumeFromSnapshot}
}

func createVolumeFromSnapshot(ctx context.Context, env *Env, a createVolumeFromSnapshotArgs) (Output, error) {
	if err := notEmpty("namespace", a.Namespace); err != nil {
		return nil, err
	}
	manifest, err := a.manifest()
	if err != nil {
		return nil, err
	}
	return Output{}, env.ebs().Restore(ctx, a.Namespace, manifest, a.PVCNames)
}
