package funcs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

type createVolumeSnapshotArgs struct {
	Namespace string   `json:"namespace"`
	PVCs      []string `json:"pvcs"`
	SkipWait  bool     `json:"skipWait"`
}

// CreateVolumeSnapshot takes snapshots of Amazon EBS volumes. When one fails, or the
// phase is cancelled, all are removed again.
func CreateVolumeSnapshot() Func {
	return fn[createVolumeSnapshotArgs]{name: "CreateVolumeSnapshot", exec: createVolumeSnapshot, access: readsVolumes}
}

func createVolumeSnapshot(ctx context.Context, env *Env, a createVolumeSnapshotArgs) (Output, error) {
	if err := notEmpty("namespace", a.Namespace); err != nil {
		return nil, err
	}
	claims, err := env.claimsOrAll(ctx, a.PVCs)
	if err != nil {
		return nil, err
	}
	manifest, err := env.ebs().Snapshot(ctx, a.Namespace, claims, !a.SkipWait)
	if err != nil {
		return nil, err
	}
	text, err := manifest.JSON()
	if err != nil {
		return nil, err
	}
	return Output{"volumeSnapshotInfo": text}, nil
}

// claimsOrAll returns the claims that are named, or else those of the action's
// workload, whether its pods run or not. It finds each once.
func (e *Env) claimsOrAll(ctx context.Context, named []string) ([]string, error) {
	if len(named) == 0 {
		kind, w := e.workload()
		if w == nil {
			return nil, errors.New("without the argument pvcs, the action must be on a Deployment or StatefulSet: name the claims")
		}
		ref := kube.WorkloadRef{Kind: kind, Namespace: w.Namespace, Name: w.Name}
		var err error
		if named, err = (&kube.Gatherer{Kube: e.Kube, Dynamic: e.Dynamic}).TemplateClaims(ctx, ref); err != nil {
			return nil, fmt.Errorf("volumes of the action's object: %w", err)
		}
		if len(named) == 0 {
			return nil, fmt.Errorf("%s has no PersistentVolumeClaims", ref)
		}
	}
	if slices.Contains(named, "") {
		return nil, errors.New("argument pvcs: a name is empty: look at what the blueprint makes it of")
	}
	return slices.Compact(slices.Sorted(slices.Values(named))), nil
}

func readsVolumes(c access.Call) []access.Need {
	in := access.In(access.InTarget, "namespace")
	return access.All(
		access.On(in, "", "persistentvolumeclaims", "find the volumes", "get"),
		access.On(access.InCluster, "", "persistentvolumes", "find the volumes", "get"),
		access.If(access.Not(access.Surely("pvcs")), readsTemplateClaims),
	)(c)
}

// readsTemplateClaims is what finding the claims of the action's workload asks for.
func readsTemplateClaims(c access.Call) []access.Need {
	const why = "find the volumes of the workload"
	return access.All(
		access.WorkloadAlone(access.InTarget, c.Kind, why, "get"),
		access.On(access.InTarget, "", "persistentvolumeclaims", why, "list"),
	)(c)
}
