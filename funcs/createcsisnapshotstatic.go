package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs/access"
)

type createCSISnapshotStaticArgs struct {
	Name           string `json:"name"`
	Namespace      string `json:"namespace"`
	Driver         string `json:"driver"`
	SnapshotHandle string `json:"snapshotHandle"`
	Handle         string `json:"handle"`
	SnapshotClass  string `json:"snapshotClass"`
}

// CreateCSISnapshotStatic makes a VolumeSnapshot and its content, bound to each other,
// for a snapshot that the storage has. When it fails or is cancelled, both are removed
// again, and the storage's snapshot is left alone.
func CreateCSISnapshotStatic() Func {
	return fn[createCSISnapshotStaticArgs]{name: "CreateCSISnapshotStatic", exec: createCSISnapshotStatic, access: adoptsSnapshot}
}

func createCSISnapshotStatic(ctx context.Context, env *Env, a createCSISnapshotStaticArgs) (Output, error) {
	a.SnapshotHandle = cmp.Or(a.SnapshotHandle, a.Handle)
	err := notEmpty("name", a.Name, "namespace", a.Namespace, "driver", a.Driver, "snapshotHandle", a.SnapshotHandle, "snapshotClass", a.SnapshotClass)
	if err != nil {
		return nil, err
	}
	class, err := env.snapshots().Class(ctx, a.SnapshotClass, a.Driver, "the argument driver")
	if err != nil {
		return nil, err
	}
	content, snap := a.pair(env, class)
	if content, err = keepContent(ctx, env, content); err != nil {
		return nil, err
	}
	if snap, err = bindSnapshot(ctx, env, snap, content); err != nil {
		return nil, err
	}
	size, err := adoptedSize(ctx, env, snap)
	if err != nil {
		return nil, err
	}
	return Output{
		"name":            snap.Name,
		"namespace":       snap.Namespace,
		"restoreSize":     size,
		"snapshotContent": content.Name,
	}, nil
}

// pair makes the two objects, each of which names the other.
func (a createCSISnapshotStaticArgs) pair(env *Env, class *snapshotv1.VolumeSnapshotClass) (*snapshotv1.VolumeSnapshotContent, *snapshotv1.VolumeSnapshot) {
	content := &snapshotv1.VolumeSnapshotContent{
		ObjectMeta: metav1.ObjectMeta{Name: nameWith(a.Name, "-content-"+nameUUID(env.nameSeed(a.Namespace, a.Name)))},
		Spec: snapshotv1.VolumeSnapshotContentSpec{
			VolumeSnapshotRef: corev1.ObjectReference{
				APIVersion: snapshotv1.SchemeGroupVersion.String(), Kind: "VolumeSnapshot", Namespace: a.Namespace, Name: a.Name,
			},
			DeletionPolicy:          class.DeletionPolicy,
			Driver:                  a.Driver,
			VolumeSnapshotClassName: &class.Name,
			Source:                  snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: &a.SnapshotHandle},
		},
	}
	snap := &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.Name},
		Spec: snapshotv1.VolumeSnapshotSpec{
			Source:                  snapshotv1.VolumeSnapshotSource{VolumeSnapshotContentName: &content.Name},
			VolumeSnapshotClassName: &class.Name,
		},
	}
	return content, snap
}

// keepContent makes the content. That of an earlier attempt must be for the same
// snapshot of the storage.
func keepContent(ctx context.Context, env *Env, want *snapshotv1.VolumeSnapshotContent) (*snapshotv1.VolumeSnapshotContent, error) {
	content, _, err := keepObject(ctx, env, env.Snapshots.SnapshotV1().VolumeSnapshotContents(), want)
	if err == nil && (content.Spec.Source.SnapshotHandle == nil || *content.Spec.Source.SnapshotHandle != *want.Spec.Source.SnapshotHandle) {
		err = errors.New("it is there already, for another snapshot of the storage")
	}
	if err != nil {
		return nil, fmt.Errorf("create VolumeSnapshotContent %s: %w", want.Name, err)
	}
	return content, nil
}

// bindSnapshot makes the VolumeSnapshot and waits until it is ready. Without it, the
// content would be left over: then both are removed.
func bindSnapshot(ctx context.Context, env *Env, want *snapshotv1.VolumeSnapshot, content *snapshotv1.VolumeSnapshotContent) (*snapshotv1.VolumeSnapshot, error) {
	snapshots := env.snapshots()
	snap, _, err := keepObject(ctx, env, env.Snapshots.SnapshotV1().VolumeSnapshots(want.Namespace), want)
	if err != nil {
		err = fmt.Errorf("create VolumeSnapshot %s/%s: %w", want.Namespace, want.Name, err)
		return nil, errors.Join(err, snapshots.Release(ctx, nil, content))
	}
	ready, err := snapshots.Ready(ctx, snap)
	if err != nil {
		return nil, errors.Join(err, snapshots.Release(ctx, snap, content))
	}
	return ready, nil
}

// adoptedSize is what the driver tells of the snapshot's size, "0" if it tells none:
// there is no claim to ask.
func adoptedSize(ctx context.Context, env *Env, snap *snapshotv1.VolumeSnapshot) (string, error) {
	size := restoreSize(snap, nil)
	if size == nil {
		content, err := env.snapshots().Content(ctx, *snap.Status.BoundVolumeSnapshotContentName)
		if err != nil {
			return "", err
		}
		size = restoreSize(snap, content)
	}
	if size == nil {
		env.Log.Warn("the driver does not tell the size of the snapshot: restoreSize is 0", "namespace", snap.Namespace, "snapshot", snap.Name)
		return "0", nil
	}
	return size.String(), nil
}

func adoptsSnapshot(c access.Call) []access.Need {
	in := access.In(access.InTarget, "namespace")
	return access.All(
		access.On(access.InCluster, access.Snapshots, "volumesnapshotclasses", "read the class", "get", "list"),
		access.On(access.InCluster, access.Snapshots, "volumesnapshotcontents", "make the content of the snapshot, or remove it after a failure", "create", "get", "watch", "patch", "delete"),
		access.On(in, access.Snapshots, "volumesnapshots", "make the snapshot, or remove it after a failure", "create", "get", "watch", "delete"),
		access.Optionally(access.All(
			access.On(in, "", "persistentvolumeclaims", "tell what holds a snapshot that is removed", "list"),
			access.On(in, "", "events", "tell why a snapshot does not become ready", "list"),
		)),
	)(c)
}
