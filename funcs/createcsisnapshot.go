package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

type createCSISnapshotArgs struct {
	PVC           string            `json:"pvc"`
	Namespace     string            `json:"namespace"`
	SnapshotClass string            `json:"snapshotClass"`
	Name          string            `json:"name"`
	Labels        map[string]string `json:"labels"`
}

// CreateCSISnapshot takes a snapshot of a volume. When it fails or is cancelled, the
// snapshot is removed again.
func CreateCSISnapshot() Func {
	return fn[createCSISnapshotArgs]{name: "CreateCSISnapshot", exec: createCSISnapshot, access: takesSnapshot}
}

func createCSISnapshot(ctx context.Context, env *Env, a createCSISnapshotArgs) (Output, error) {
	if err := notEmpty("pvc", a.PVC, "namespace", a.Namespace, "snapshotClass", a.SnapshotClass); err != nil {
		return nil, err
	}
	claim, err := snapshotSource(ctx, env, a)
	if err != nil {
		return nil, err
	}
	labels, err := cleanLabels(env, a.Labels)
	if err != nil {
		return nil, err
	}
	snap, err := takeSnapshot(ctx, env, &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: a.Namespace,
			Name:      cmp.Or(a.Name, nameWith(a.PVC, "-snapshot-"+nameSuffix(env.nameSeed(a.Namespace, a.PVC)))),
			Labels:    labels,
		},
		Spec: snapshotv1.VolumeSnapshotSpec{
			Source:                  snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &a.PVC},
			VolumeSnapshotClassName: &a.SnapshotClass,
		},
	})
	if err != nil {
		return nil, err
	}
	size := claim.Status.Capacity[corev1.ResourceStorage]
	if told := restoreSize(snap, nil); told != nil {
		size = *told
	}
	return Output{
		"name":            snap.Name,
		"pvc":             a.PVC,
		"namespace":       snap.Namespace,
		"restoreSize":     size.String(),
		"snapshotContent": *snap.Status.BoundVolumeSnapshotContentName,
	}, nil
}

// snapshotSource reads the claim, and checks what would otherwise show as a snapshot
// that never becomes ready. A class that may not be read is the controller's to check.
func snapshotSource(ctx context.Context, env *Env, a createCSISnapshotArgs) (*corev1.PersistentVolumeClaim, error) {
	snapshots := env.snapshots()
	claim, driver, err := snapshots.Source(ctx, a.Namespace, a.PVC)
	if err != nil {
		return nil, err
	}
	_, err = snapshots.Class(ctx, a.SnapshotClass, driver, fmt.Sprintf("the volume of PersistentVolumeClaim %s/%s", a.Namespace, a.PVC))
	if apierrors.IsForbidden(err) {
		env.Log.Debug("the snapshot class could not be checked", "error", err)
		err = nil
	}
	return claim, err
}

// takeSnapshot makes the VolumeSnapshot and waits until it is ready.
func takeSnapshot(ctx context.Context, env *Env, want *snapshotv1.VolumeSnapshot) (*snapshotv1.VolumeSnapshot, error) {
	snapshots, client := env.snapshots(), env.Snapshots.SnapshotV1().VolumeSnapshots(want.Namespace)
	snap, found, err := keepObject(ctx, env, client, want)
	if found && err == nil && kube.SnapshotFailure(snap) != "" {
		// What made an earlier attempt fail may be mended by now.
		if err = snapshots.Discard(ctx, snap); err == nil {
			snap, found, err = keepObject(ctx, env, client, want)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("create VolumeSnapshot %s/%s: %w", want.Namespace, want.Name, err)
	}
	if pvc := snap.Spec.Source.PersistentVolumeClaimName; found && (pvc == nil || *pvc != *want.Spec.Source.PersistentVolumeClaimName) {
		return nil, fmt.Errorf("VolumeSnapshot %s/%s is there already, of another volume: choose another name", want.Namespace, want.Name)
	}
	ready, err := snapshots.Ready(ctx, snap)
	if err != nil {
		return nil, errors.Join(err, snapshots.Discard(ctx, ready))
	}
	return ready, nil
}

// takesSnapshot is what CreateCSISnapshot asks for. What is of the whole cluster it only
// checks ahead, or removes where the snapshot-controller would, too.
func takesSnapshot(c access.Call) []access.Need {
	in := access.In(access.InTarget, "namespace")
	return access.All(
		access.On(in, "", "persistentvolumeclaims", "read the volume to take a snapshot of", "get"),
		access.On(in, access.Snapshots, "volumesnapshots", "take a snapshot, or remove one that failed", "create", "get", "watch", "delete"),
		access.Optionally(access.All(
			access.On(access.InCluster, "", "persistentvolumes", "check that the driver fits the class", "get"),
			access.On(access.InCluster, access.Snapshots, "volumesnapshotclasses", "check the class ahead", "get", "list"),
			access.On(access.InCluster, access.Snapshots, "volumesnapshotcontents", "remove what a failed snapshot leaves in the storage", "get", "watch", "patch", "delete"),
			access.On(in, "", "persistentvolumeclaims", "tell what holds a snapshot that is removed", "list"),
			access.On(in, "", "events", "tell why a snapshot does not become ready", "list"),
		)),
	)(c)
}
