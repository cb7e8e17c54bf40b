package funcs

import "context"

type deleteCSISnapshotContentArgs struct {
	Name string `json:"name"`
}

// DeleteCSISnapshotContent deletes a VolumeSnapshotContent that no VolumeSnapshot is
// bound to. It does not wait until the driver has let it go.
func DeleteCSISnapshotContent() Func {
	return fn[deleteCSISnapshotContentArgs]{name: "DeleteCSISnapshotContent", exec: deleteCSISnapshotContent}
}

func deleteCSISnapshotContent(ctx context.Context, env *Env, a deleteCSISnapshotContentArgs) (Output, error) {
	if err := notEmpty("name", a.Name); err != nil {
		return nil, err
	}
	if err := env.snapshots().RemoveContent(ctx, a.Name); err != nil {
		return nil, err
	}
	return Output{}, nil
}
