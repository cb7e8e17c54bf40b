package local

import (
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const snapshotDriver = "rescue.local"

// snapshot makes the content of a new snapshot, or binds it to the one it names.
func (m *manager) snapshot(namespace, name string) error {
	snap, err := fetch[snapshotv1.VolumeSnapshot](m.c, snapshotsGVR, namespace, name)
	if err != nil {
		return err
	}
	switch {
	case snap.DeletionTimestamp != nil:
		return m.removeSnapshot(snap)
	case snap.Status != nil && snap.Status.ReadyToUse != nil && *snap.Status.ReadyToUse:
		return nil
	case snap.Spec.Source.VolumeSnapshotContentName != nil:
		return m.bindSnapshot(snap, *snap.Spec.Source.VolumeSnapshotContentName)
	case snap.Spec.Source.PersistentVolumeClaimName != nil:
		return m.takeSnapshot(snap, *snap.Spec.Source.PersistentVolumeClaimName)
	}
	return m.snapshotFails(snap, "the snapshot's source names neither a PersistentVolumeClaim nor a VolumeSnapshotContent")
}

func contentName(snap *snapshotv1.VolumeSnapshot) string { return "snapcontent-" + string(snap.UID) }

func (m *manager) takeSnapshot(snap *snapshotv1.VolumeSnapshot, claim string) error {
	dir, err := m.c.claimDir(snap.Namespace, claim)
	if err != nil {
		return m.snapshotFails(snap, err.Error())
	}
	name := contentName(snap)
	if err := replaceTree(dir, m.c.dirs.snapshot(name)); err != nil {
		return m.snapshotFails(snap, err.Error())
	}
	content, err := m.newContent(snap, name, dir)
	if err != nil {
		return err
	}
	if err := m.c.make(contentsGVR, "", content); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	size, err := m.claimSize(snap.Namespace, claim)
	if err != nil {
		return err
	}
	if err := m.contentReady(name, size); err != nil {
		return err
	}
	return m.bindSnapshot(snap, name)
}

func (m *manager) newContent(snap *snapshotv1.VolumeSnapshot, name, handle string) (*snapshotv1.VolumeSnapshotContent, error) {
	policy := snapshotv1.VolumeSnapshotContentDelete
	if class := snap.Spec.VolumeSnapshotClassName; class != nil {
		found, err := fetch[snapshotv1.VolumeSnapshotClass](m.c, snapClassesGVR, "", *class)
		switch {
		case err == nil:
			policy = found.DeletionPolicy
		case !apierrors.IsNotFound(err):
			return nil, err
		default:
			return nil, m.snapshotFails(snap, fmt.Sprintf("volumesnapshotclass %q not found", *class))
		}
	}
	return &snapshotv1.VolumeSnapshotContent{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: snapshotv1.VolumeSnapshotContentSpec{
			VolumeSnapshotRef: corev1.ObjectReference{
				APIVersion: snapshotv1.SchemeGroupVersion.String(), Kind: "VolumeSnapshot",
				Namespace: snap.Namespace, Name: snap.Name, UID: snap.UID,
			},
			DeletionPolicy: policy, Driver: snapshotDriver,
			VolumeSnapshotClassName: snap.Spec.VolumeSnapshotClassName,
			Source:                  snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle},
		},
	}, nil
}

// claimSize is what the claim asks for: a volume that is restored from its snapshot
// must have that much.
func (m *manager) claimSize(namespace, name string) (int64, error) {
	claim, err := fetch[corev1.PersistentVolumeClaim](m.c, claimsGVR, namespace, name)
	if err != nil {
		return 0, err
	}
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	return size.Value(), nil
}

// contentReady says that the files of the content are there. Its handle is its
// name: that is where they are.
func (m *manager) contentReady(name string, size int64) error {
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", name)
	if err != nil {
		return err
	}
	ready, now := true, time.Now().UnixNano()
	return m.c.writeStatus(m.c.must(contentsGVR), content, snapshotv1.VolumeSnapshotContentStatus{
		SnapshotHandle: &name, CreationTime: &now, ReadyToUse: &ready, RestoreSize: &size,
	})
}

// content completes a content that a user made for a handle of the local runtime,
// and removes the files of a deleted one.
func (m *manager) content(_, name string) error {
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", name)
	if err != nil {
		return err
	}
	ref := content.Spec.VolumeSnapshotRef
	m.add(snapshotsGVR, ref.Namespace, ref.Name)
	if content.DeletionTimestamp != nil {
		return m.removeContent(content)
	}
	handle := content.Spec.Source.SnapshotHandle
	if handle == nil || content.Status != nil && content.Status.ReadyToUse != nil {
		return nil
	}
	if !isDir(m.c.dirs.snapshot(*handle)) {
		return m.contentFails(content, fmt.Sprintf("there is no snapshot with the handle %q in this state directory", *handle))
	}
	ready, now, size := true, time.Now().UnixNano(), int64(0)
	return m.c.writeStatus(m.c.must(contentsGVR), content, snapshotv1.VolumeSnapshotContentStatus{
		SnapshotHandle: handle, CreationTime: &now, ReadyToUse: &ready, RestoreSize: &size,
	})
}

func (m *manager) removeContent(content *snapshotv1.VolumeSnapshotContent) error {
	if s := content.Status; s != nil && s.SnapshotHandle != nil && content.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete {
		if err := removeAll(m.c.dirs.snapshot(*s.SnapshotHandle)); err != nil {
			return err
		}
	}
	obj, err := untyped(content)
	if err != nil {
		return err
	}
	return m.c.store.remove(m.c.must(contentsGVR), obj)
}

// bindSnapshot shows the content's state in the snapshot.
func (m *manager) bindSnapshot(snap *snapshotv1.VolumeSnapshot, name string) error {
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", name)
	if apierrors.IsNotFound(err) {
		return m.snapshotFails(snap, fmt.Sprintf("volumesnapshotcontent %q not found", name))
	}
	if err != nil {
		return err
	}
	ref := content.Spec.VolumeSnapshotRef
	if ref.Namespace != snap.Namespace || ref.Name != snap.Name || ref.UID != "" && ref.UID != snap.UID {
		return m.snapshotFails(snap, fmt.Sprintf("volumesnapshotcontent %q belongs to snapshot %s/%s", name, ref.Namespace, ref.Name))
	}
	state := content.Status
	if state == nil || state.ReadyToUse == nil {
		return nil // The content's change makes the snapshot due again.
	}
	if ref.UID == "" {
		if err := m.claimContent(name, snap); err != nil {
			return err
		}
	}
	created := metav1.NewTime(time.Unix(0, *state.CreationTime).UTC())
	return m.c.writeStatus(m.c.must(snapshotsGVR), snap, snapshotv1.VolumeSnapshotStatus{
		BoundVolumeSnapshotContentName: &name, CreationTime: &created,
		ReadyToUse: state.ReadyToUse, RestoreSize: quantity(*state.RestoreSize),
	})
}

// claimContent binds the other direction of a pair that a user made.
func (m *manager) claimContent(name string, snap *snapshotv1.VolumeSnapshot) error {
	_, err := m.c.store.update(m.c.must(contentsGVR), "", name, "", func(obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		err := unstructured.SetNestedField(obj.Object, string(snap.UID), "spec", "volumeSnapshotRef", "uid")
		return obj, err
	})
	return err
}

func (m *manager) snapshotFails(snap *snapshotv1.VolumeSnapshot, why string) error {
	ready, now := false, m.c.now()
	return m.c.writeStatus(m.c.must(snapshotsGVR), snap, snapshotv1.VolumeSnapshotStatus{
		ReadyToUse: &ready, Error: &snapshotv1.VolumeSnapshotError{Message: &why, Time: &now},
	})
}

func (m *manager) contentFails(content *snapshotv1.VolumeSnapshotContent, why string) error {
	ready, now := false, m.c.now()
	return m.c.writeStatus(m.c.must(contentsGVR), content, snapshotv1.VolumeSnapshotContentStatus{
		ReadyToUse: &ready, Error: &snapshotv1.VolumeSnapshotError{Message: &why, Time: &now},
	})
}

func (m *manager) removeSnapshot(snap *snapshotv1.VolumeSnapshot) error {
	if s := snap.Status; s != nil && s.BoundVolumeSnapshotContentName != nil {
		if err := m.dropContent(*s.BoundVolumeSnapshotContentName); err != nil {
			return err
		}
	}
	obj, err := untyped(snap)
	if err != nil {
		return err
	}
	return m.c.store.remove(m.c.must(snapshotsGVR), obj)
}

// dropContent follows the content's deletion policy.
func (m *manager) dropContent(name string) error {
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil || content.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentRetain {
		return err
	}
	return m.c.drop(contentsGVR, "", name)
}

// snapshotDir gives the files of a snapshot, and nothing while it is not ready.
func (m *manager) snapshotDir(namespace, name string) (string, error) {
	snap, err := fetch[snapshotv1.VolumeSnapshot](m.c, snapshotsGVR, namespace, name)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	s := snap.Status
	if s == nil || s.ReadyToUse == nil || !*s.ReadyToUse {
		return "", nil
	}
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", *s.BoundVolumeSnapshotContentName)
	if err != nil {
		return "", err
	}
	return m.c.dirs.snapshot(*content.Status.SnapshotHandle), nil
}

// addRestored is for claims that wait for a snapshot.
func (m *manager) addRestored(obj *unstructured.Unstructured) {
	claims, err := fetchAll[corev1.PersistentVolumeClaim](m.c, claimsGVR, "")
	if err != nil {
		m.c.report("claims", err)
		return
	}
	for _, claim := range claims {
		if ref := dataSource(claim); ref != nil && ref.Name == obj.GetName() && claim.Status.Phase != corev1.ClaimBound {
			m.add(claimsGVR, claim.Namespace, claim.Name)
		}
	}
}
