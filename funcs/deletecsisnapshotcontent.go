package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
)

type deleteCSISnapshotContentArgs struct {
	Name string `json:"name"`
}

// DeleteCSISnapshotContent deletes a VolumeSnapshotContent that no VolumeSnapshot is
// bound to. It does not wait until the driver has let it go.
func DeleteCSISnapshotContent() Func {
	return fn[deleteCSISnapshotContentArgs]{name: "DeleteCSISnapshotContent", exec: deleteCSISnapshotContent, access: removesContent}
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

// removesContent is what DeleteCSISnapshotContent asks for. The VolumeSnapshot that a
// content belongs to may be anywhere.
func removesContent(c access.Call) []access.Need {
	anywhere := func(access.Call) access.Where {
		return access.Where{Kind: access.Open, Name: "that of the content's VolumeSnapshot"}
	}
	return access.All(
		access.On(access.InCluster, access.Snapshots, "volumesnapshotcontents", "delete the content of a snapshot", "get", "delete"),
		access.On(anywhere, access.Snapshots, "volumesnapshots", "refuse to delete a content that is in use", "get"),
	)(c)
}
