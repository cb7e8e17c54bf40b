package local

import (
	"errors"
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
	switch source := snap.Spec.Source; {
	case snap.DeletionTimestamp != nil:
		return m.removeSnapshot(snap)
	case snapshotReady(snap):
		return nil
	case source.VolumeSnapshotContentName != nil:
		return m.bindSnapshot(snap, *source.VolumeSnapshotContentName)
	case source.PersistentVolumeClaimName != nil:
		return m.takeSnapshot(snap, *source.PersistentVolumeClaimName)
	}
	return m.snapshotFails(snap, "the snapshot's source names neither a PersistentVolumeClaim nor a VolumeSnapshotContent")
}

func snapshotReady(snap *snapshotv1.VolumeSnapshot) bool {
	s := snap.Status
	return s != nil && s.ReadyToUse != nil && *s.ReadyToUse && s.BoundVolumeSnapshotContentName != nil
}

func contentName(snap *snapshotv1.VolumeSnapshot) string { return "snapcontent-" + string(snap.UID) }

// takeSnapshot copies the claim's files and binds the snapshot to them. What it
// lacks is shown in the snapshot's status, and awaited.
func (m *manager) takeSnapshot(snap *snapshotv1.VolumeSnapshot, claim string) error {
	name := contentName(snap)
	if m.c.exists(contentsGVR, "", name) {
		return m.bindSnapshot(snap, name)
	}
	class, err := m.snapshotClass(snap)
	if err != nil {
		return m.snapshotFails(snap, err.Error())
	}
	dir, err := m.c.claimDir(snap.Namespace, claim)
	if err != nil {
		return m.snapshotFails(snap, err.Error())
	}
	size, err := m.claimSize(snap.Namespace, claim)
	if err != nil {
		return err
	}
	taken, err := m.c.dirs.keepSnapshot(dir, name, size)
	if err != nil {
		return m.snapshotFails(snap, err.Error())
	}
	if err := m.c.make(contentsGVR, "", contentFor(snap, class, name, dir)); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if err := m.contentReady(name, taken); err != nil {
		return err
	}
	return m.bindSnapshot(snap, name)
}

// snapshotClass is the class that the snapshot names, or the default one.
func (m *manager) snapshotClass(snap *snapshotv1.VolumeSnapshot) (*snapshotv1.VolumeSnapshotClass, error) {
	if name := snap.Spec.VolumeSnapshotClassName; name != nil {
		return fetch[snapshotv1.VolumeSnapshotClass](m.c, snapClassesGVR, "", *name)
	}
	classes, err := fetchAll[snapshotv1.VolumeSnapshotClass](m.c, snapClassesGVR, "")
	if err != nil {
		return nil, err
	}
	for _, class := range classes {
		if class.Annotations["snapshot.storage.kubernetes.io/is-default-class"] == "true" {
			return class, nil
		}
	}
	return nil, errors.New("no VolumeSnapshotClass is the default one, and the snapshot names none")
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

// bindSnapshot shows the content's state in the snapshot.
func (m *manager) bindSnapshot(snap *snapshotv1.VolumeSnapshot, name string) error {
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", name)
	if apierrors.IsNotFound(err) {
		return m.snapshotFails(snap, fmt.Sprintf("volumesnapshotcontent %q not found", name))
	}
	if err != nil {
		return err
	}
	ref, state := content.Spec.VolumeSnapshotRef, content.Status
	switch {
	case ref.Namespace != snap.Namespace || ref.Name != snap.Name || ref.UID != "" && ref.UID != snap.UID:
		return m.snapshotFails(snap, fmt.Sprintf("volumesnapshotcontent %q belongs to snapshot %s/%s", name, ref.Namespace, ref.Name))
	case content.Spec.Source.SnapshotHandle == nil && snap.Spec.Source.VolumeSnapshotContentName != nil:
		return m.snapshotFails(snap, fmt.Sprintf("volumesnapshotcontent %q was made for another snapshot: its source has no snapshotHandle", name))
	case state != nil && state.Error != nil && state.Error.Message != nil:
		return m.snapshotFails(snap, *state.Error.Message)
	case !contentIsReady(content):
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

// snapshotFails shows why the snapshot is not ready. An error that is there already
// keeps its time: otherwise each look at it would be a change.
func (m *manager) snapshotFails(snap *snapshotv1.VolumeSnapshot, why string) error {
	if snap.Status != nil && sameError(snap.Status.Error, why) {
		return nil
	}
	ready, now := false, m.c.now()
	return m.c.writeStatus(m.c.must(snapshotsGVR), snap, snapshotv1.VolumeSnapshotStatus{
		ReadyToUse: &ready, Error: &snapshotv1.VolumeSnapshotError{Message: &why, Time: &now},
	})
}

func sameError(e *snapshotv1.VolumeSnapshotError, message string) bool {
	return e != nil && e.Message != nil && *e.Message == message
}

// removeSnapshot deletes the snapshot's content first, if its policy says so.
func (m *manager) removeSnapshot(snap *snapshotv1.VolumeSnapshot) error {
	if s := snap.Status; s != nil && s.BoundVolumeSnapshotContentName != nil {
		gone, err := m.dropContent(*s.BoundVolumeSnapshotContentName, snap)
		if err != nil || !gone {
			return err // The content's end makes the snapshot due again.
		}
	}
	if name := contentName(snap); !m.c.exists(contentsGVR, "", name) && snap.Status == nil {
		// Its process was killed before there was a content to own the files.
		if err := m.c.dirs.removeSnapshot(name); err != nil {
			return err
		}
	}
	obj, err := untyped(snap)
	if err != nil {
		return err
	}
	return m.c.store.remove(m.c.must(snapshotsGVR), obj)
}

// snapshotDir gives the files of a snapshot, and nothing while it is not ready.
func (m *manager) snapshotDir(namespace, name string) (string, error) {
	snap, err := fetch[snapshotv1.VolumeSnapshot](m.c, snapshotsGVR, namespace, name)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil || !snapshotReady(snap) {
		return "", err
	}
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", *snap.Status.BoundVolumeSnapshotContentName)
	if err != nil {
		return "", err
	}
	if !contentIsReady(content) {
		return "", fmt.Errorf("snapshot %s/%s: its content %s is not ready", namespace, name, content.Name)
	}
	taken, err := m.c.dirs.findSnapshot(*content.Status.SnapshotHandle)
	if err != nil {
		return "", fmt.Errorf("the files of snapshot %s/%s are gone: %w", namespace, name, err)
	}
	return m.c.dirs.snapshot(taken.Handle), nil
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

// addSnapshots is for snapshots that wait for a claim.
func (m *manager) addSnapshots(claim *unstructured.Unstructured) {
	m.addUnready(func(snap *snapshotv1.VolumeSnapshot) bool {
		source := snap.Spec.Source.PersistentVolumeClaimName
		return snap.Namespace == claim.GetNamespace() && source != nil && *source == claim.GetName()
	})
}

// addWaiting is for snapshots that wait for a class.
func (m *manager) addWaiting() {
	m.addUnready(func(*snapshotv1.VolumeSnapshot) bool { return true })
}

func (m *manager) addUnready(which func(*snapshotv1.VolumeSnapshot) bool) {
	snaps, err := fetchAll[snapshotv1.VolumeSnapshot](m.c, snapshotsGVR, "")
	if err != nil {
		m.c.report("snapshots", err)
		return
	}
	for _, snap := range snaps {
		if !snapshotReady(snap) && which(snap) {
			m.add(snapshotsGVR, snap.Namespace, snap.Name)
		}
	}
}
