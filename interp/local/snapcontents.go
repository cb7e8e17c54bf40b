package local

import (
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// contentFor is the content of a snapshot that was taken. Its handle, in the
// status, is its name: that is where the files are.
func contentFor(snap *snapshotv1.VolumeSnapshot, class *snapshotv1.VolumeSnapshotClass, name, volume string) *snapshotv1.VolumeSnapshotContent {
	content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{
		VolumeSnapshotRef: corev1.ObjectReference{
			APIVersion: snapshotv1.SchemeGroupVersion.String(), Kind: "VolumeSnapshot",
			Namespace: snap.Namespace, Name: snap.Name, UID: snap.UID,
		},
		DeletionPolicy: class.DeletionPolicy, Driver: snapshotDriver,
		VolumeSnapshotClassName: &class.Name,
		Source:                  snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &volume},
	}}
	content.Name = name
	return content
}

// content completes a content that a user made for a handle of the local runtime,
// and removes a deleted one.
func (m *manager) content(_, name string) error {
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", name)
	if err != nil {
		return err
	}
	switch handle := content.Spec.Source.SnapshotHandle; {
	case content.DeletionTimestamp != nil:
		return m.removeContent(content)
	case contentIsReady(content):
		return nil
	case ownContent(content):
		// A process that was killed has left it like this: the files are there.
		return m.adopt(content, content.Name)
	case handle == nil:
		return m.contentFails(content, "the local runtime makes no snapshot for a VolumeSnapshotContent: make a VolumeSnapshot of the claim, or give source.snapshotHandle")
	default:
		return m.adopt(content, *handle)
	}
}

func contentIsReady(c *snapshotv1.VolumeSnapshotContent) bool {
	s := c.Status
	return s != nil && s.ReadyToUse != nil && *s.ReadyToUse && s.SnapshotHandle != nil && s.CreationTime != nil && s.RestoreSize != nil
}

// ownContent tells whether takeSnapshot made the content.
func ownContent(c *snapshotv1.VolumeSnapshotContent) bool {
	return c.Name == "snapcontent-"+string(c.Spec.VolumeSnapshotRef.UID)
}

// adopt gives the content the files that have its handle.
func (m *manager) adopt(content *snapshotv1.VolumeSnapshotContent, handle string) error {
	taken, err := m.c.dirs.findSnapshot(handle)
	if err != nil {
		return m.contentFails(content, err.Error())
	}
	return m.contentReady(content.Name, taken)
}

// contentReady says that the files of the content are there.
func (m *manager) contentReady(name string, taken takenSnapshot) error {
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", name)
	if err != nil {
		return err
	}
	ready := true
	return m.c.writeStatus(m.c.must(contentsGVR), content, snapshotv1.VolumeSnapshotContentStatus{
		SnapshotHandle: &taken.Handle, CreationTime: &taken.Created, ReadyToUse: &ready, RestoreSize: &taken.Size,
	})
}

func (m *manager) contentFails(content *snapshotv1.VolumeSnapshotContent, why string) error {
	if content.Status != nil && sameError(content.Status.Error, why) {
		return nil
	}
	ready, now := false, m.c.now()
	return m.c.writeStatus(m.c.must(contentsGVR), content, snapshotv1.VolumeSnapshotContentStatus{
		ReadyToUse: &ready, Error: &snapshotv1.VolumeSnapshotError{Message: &why, Time: &now},
	})
}

// removeContent removes a deleted content, with its files if the policy says so. As
// in Kubernetes it stays as long as a snapshot is bound to it.
func (m *manager) removeContent(content *snapshotv1.VolumeSnapshotContent) error {
	if len(content.Finalizers) > 0 || m.bound(content) {
		return nil
	}
	if s := content.Status; s != nil && s.SnapshotHandle != nil && content.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete {
		if err := m.c.dirs.removeSnapshot(*s.SnapshotHandle); err != nil {
			return err
		}
	}
	obj, err := untyped(content)
	if err != nil {
		return err
	}
	return m.c.store.remove(m.c.must(contentsGVR), obj)
}

// bound tells whether a snapshot, not itself being deleted, is bound to the content.
func (m *manager) bound(content *snapshotv1.VolumeSnapshotContent) bool {
	ref := content.Spec.VolumeSnapshotRef
	snap, err := fetch[snapshotv1.VolumeSnapshot](m.c, snapshotsGVR, ref.Namespace, ref.Name)
	if err != nil || snap.UID != ref.UID || snap.DeletionTimestamp != nil || snap.Status == nil {
		return false
	}
	name := snap.Status.BoundVolumeSnapshotContentName
	return name != nil && *name == content.Name
}

// dropContent follows the content's deletion policy when its snapshot is deleted.
// It tells whether the snapshot needs to wait no longer.
func (m *manager) dropContent(name string, snap *snapshotv1.VolumeSnapshot) (gone bool, err error) {
	content, err := fetch[snapshotv1.VolumeSnapshotContent](m.c, contentsGVR, "", name)
	switch {
	case apierrors.IsNotFound(err):
		return true, nil
	case err != nil:
		return false, err
	case content.Spec.VolumeSnapshotRef.UID != snap.UID, content.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentRetain:
		return true, nil
	}
	return false, m.c.drop(contentsGVR, "", name)
}

// addContent is for contents whose deletion waits for their snapshot.
func (m *manager) addContent(obj *unstructured.Unstructured) {
	snap, err := typed[snapshotv1.VolumeSnapshot](obj)
	if err != nil {
		m.c.report("snapshot "+obj.GetName(), err)
		return
	}
	if s := snap.Status; s != nil && s.BoundVolumeSnapshotContentName != nil {
		m.add(contentsGVR, "", *s.BoundVolumeSnapshotContentName)
	}
}

// addSnapshot is for the snapshot that a content belongs to.
func (m *manager) addSnapshot(obj *unstructured.Unstructured) {
	content, err := typed[snapshotv1.VolumeSnapshotContent](obj)
	if err != nil {
		m.c.report(fmt.Sprintf("content %s", obj.GetName()), err)
		return
	}
	ref := content.Spec.VolumeSnapshotRef
	m.add(snapshotsGVR, ref.Namespace, ref.Name)
}
