package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
)

type createVolumeFromSnapshotArgs struct {
	snapshotsArgs
	PVCNames []string `json:"pvcNames"`
}

// CreateVolumeFromSnapshot makes claims of snapshots, in the place of those that have
// their names. An old claim is deleted when all new volumes are available.
func CreateVolumeFromSnapshot() Func {
	return fn[createVolumeFromSnapshotArgs]{name: "CreateVolumeFromSnapshot", exec: createVolumeFromSnapshot, access: replacesVolumes}
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

func replacesVolumes(c access.Call) []access.Need {
	in := access.In(access.InTarget, "namespace")
	return access.All(
		access.On(in, "", "persistentvolumeclaims", "put claims of new volumes in the place of the old ones", "create", "get", "watch", "delete"),
		access.On(access.InCluster, "", "persistentvolumes", "make the volumes", "create", "get", "watch", "delete"),
		access.On(access.InCluster, "", "nodes", "find zones that have nodes", "list"),
		access.Optionally(access.On(in, "", "pods", "refuse to replace volumes in use", "list")),
	)(c)
}
