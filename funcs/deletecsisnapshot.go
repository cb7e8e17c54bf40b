package funcs

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/rescuecue/rescue/funcs/access"
)

type deleteCSISnapshotArgs struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// DeleteCSISnapshot deletes a VolumeSnapshot and waits until it is gone.
func DeleteCSISnapshot() Func {
	return fn[deleteCSISnapshotArgs]{name: "DeleteCSISnapshot", exec: deleteCSISnapshot, access: removesSnapshot}
}

func deleteCSISnapshot(ctx context.Context, env *Env, a deleteCSISnapshotArgs) (Output, error) {
	if err := notEmpty("name", a.Name, "namespace", a.Namespace); err != nil {
		return nil, err
	}
	snap, err := env.snapshots().Get(ctx, a.Namespace, a.Name)
	if apierrors.IsNotFound(err) {
		env.Log.Info("there is no such VolumeSnapshot", "namespace", a.Namespace, "name", a.Name)
		return Output{}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := env.snapshots().Remove(ctx, snap); err != nil {
		return nil, err
	}
	return Output{}, nil
}

func removesSnapshot(c access.Call) []access.Need {
	in := access.In(access.InTarget, "namespace")
	return access.All(
		access.On(in, access.Snapshots, "volumesnapshots", "delete a snapshot, and wait until it is gone", "get", "watch", "delete"),
		access.Optionally(access.All(
			access.On(in, "", "persistentvolumeclaims", "tell what holds a snapshot", "list"),
			access.On(access.InCluster, access.Snapshots, "volumesnapshotcontents", "wait for what is deleted with a snapshot, and tell what holds it", "get", "watch"),
		)),
	)(c)
}
