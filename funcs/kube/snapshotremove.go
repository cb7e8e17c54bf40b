package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// beingDeleted is the mark by which the controller lets the driver's side remove a
	// content whose VolumeSnapshot goes or is gone.
	beingDeleted = "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted"
	// beingCreated marks a content while the driver is asked to take the snapshot.
	beingCreated = "snapshot.storage.kubernetes.io/volumesnapshot-being-created"
)

// noticeLimit is how long the snapshot-controller may take to notice a VolumeSnapshot
// that is to be discarded, and answerLimit how long the driver may take to answer.
const (
	noticeLimit = 5 * time.Second
	answerLimit = 20 * time.Second
)

// Remove deletes a VolumeSnapshot and waits until it is gone; then, if its class says
// so, the storage's snapshot is gone too. There is no limit but ctx; the error then
// says what held it.
func (s *Snapshots) Remove(ctx context.Context, snap *snapshotv1.VolumeSnapshot) error {
	err := removeObject(ctx, s.in(snap.Namespace), snap)
	if err == nil {
		return s.contentGone(ctx, snap)
	}
	return fmt.Errorf("VolumeSnapshot %s/%s is still there%s: %w", snap.Namespace, snap.Name, s.held(ctx, snap), err)
}

// contentGone waits for the content of a VolumeSnapshot that is gone, if it is being
// deleted. As a rule a content goes before its VolumeSnapshot; but one that is deleted
// in the moment in which it becomes ready has no finalizer yet that waits for it.
func (s *Snapshots) contentGone(ctx context.Context, snap *snapshotv1.VolumeSnapshot) error {
	content, err := s.Content(ctx, contentOf(snap))
	switch {
	case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		return nil // one that may not be read is not waited for
	case err != nil:
		return err
	case content.DeletionTimestamp == nil || content.Spec.VolumeSnapshotRef.UID != snap.UID:
		return nil
	}
	err = awaitGone(ctx, s.contents(), content)
	if err == nil || apierrors.IsForbidden(err) {
		return nil
	}
	return fmt.Errorf("VolumeSnapshot %s/%s is gone, but VolumeSnapshotContent %s is still there%s: %w",
		snap.Namespace, snap.Name, content.Name, driversTurn(content), err)
}

// held says what keeps a deleted VolumeSnapshot.
func (s *Snapshots) held(ctx context.Context, snap *snapshotv1.VolumeSnapshot) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now, err := s.in(snap.Namespace).Get(ctx, snap.Name, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	return finalizers(now) + s.restoring(ctx, snap) + s.deleting(ctx, now)
}

func finalizers(object Object) string {
	if f := object.GetFinalizers(); len(f) > 0 {
		return ", held by its finalizers " + strings.Join(f, ", ")
	}
	return ""
}

// restoring names the claims whose volumes are being made from the snapshot.
func (s *Snapshots) restoring(ctx context.Context, snap *snapshotv1.VolumeSnapshot) string {
	list, err := s.Kube.CoreV1().PersistentVolumeClaims(snap.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return ""
	}
	var b strings.Builder
	for i := range list.Items {
		pvc := &list.Items[i]
		if source := pvc.Spec.DataSource; pvc.Status.Phase == corev1.ClaimPending && source != nil && source.Kind == "VolumeSnapshot" && source.Name == snap.Name {
			fmt.Fprintf(&b, "; PersistentVolumeClaim %s is yet to be filled from it: start a pod that mounts it, or delete it", pvc.Name)
		}
	}
	return b.String()
}

// deleting tells whether the driver is the one to wait for.
func (s *Snapshots) deleting(ctx context.Context, snap *snapshotv1.VolumeSnapshot) string {
	content, err := s.Content(ctx, contentOf(snap))
	if err != nil || content.DeletionTimestamp == nil {
		return ""
	}
	return driversTurn(content)
}

func driversTurn(content *snapshotv1.VolumeSnapshotContent) string {
	return fmt.Sprintf("; the driver %s has not deleted the storage's snapshot: see the log of the csi-snapshotter beside it", content.Spec.Driver)
}

// Discard removes a snapshot that came to nothing, with all that the storage may have
// of it, whatever its class says. It does so also when ctx has ended.
func (s *Snapshots) Discard(ctx context.Context, snap *snapshotv1.VolumeSnapshot) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	s.settle(ctx, snap)
	if err := s.Remove(ctx, snap); err != nil {
		return fmt.Errorf("what was begun is left, delete it by hand: %w", err)
	}
	// A class may keep the content, and a content may be made in the moment in which
	// its VolumeSnapshot goes.
	content, err := s.Content(ctx, contentOf(snap))
	switch {
	case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		return nil // one that may not be read is the snapshot-controller's to remove
	case err == nil && content.Spec.VolumeSnapshotRef.UID == snap.UID:
		if err = s.setPolicy(ctx, content, snapshotv1.VolumeSnapshotContentDelete); err == nil {
			err = removeObject(ctx, s.contents(), content)
		}
	}
	if err != nil {
		return fmt.Errorf("what was begun is left: give its VolumeSnapshotContent the deletionPolicy Delete and delete it by hand: %w", err)
	}
	return nil
}

// contentOf is the name of the content that a snapshot is bound to; before it is bound,
// of the one that is made for a snapshot taken of a claim.
func contentOf(snap *snapshotv1.VolumeSnapshot) string {
	if snap.Status != nil && snap.Status.BoundVolumeSnapshotContentName != nil {
		return *snap.Status.BoundVolumeSnapshotContentName
	}
	return "snapcontent-" + string(snap.UID)
}

// settle waits until the driver has answered. A snapshot that is deleted before can
// outlive its VolumeSnapshot: the controllers then miss that it is to go, and look again
// after a quarter of an hour or never. Whatever ends the wait, the removal is tried.
func (s *Snapshots) settle(ctx context.Context, snap *snapshotv1.VolumeSnapshot) {
	notice, cancel := context.WithTimeout(ctx, noticeLimit)
	defer cancel()
	_, err := Follow(notice, s.in(snap.Namespace), snap, func(now *snapshotv1.VolumeSnapshot) (bool, error) {
		return now.Status != nil && (now.Status.BoundVolumeSnapshotContentName != nil || now.Status.Error != nil), nil
	})
	var content *snapshotv1.VolumeSnapshotContent
	if err == nil {
		content, err = s.Content(ctx, contentOf(snap))
	}
	if err == nil {
		answer, cancel := context.WithTimeout(ctx, answerLimit)
		defer cancel()
		_, err = Follow(answer, s.contents(), content, func(now *snapshotv1.VolumeSnapshotContent) (bool, error) {
			_, busy := now.Annotations[beingCreated]
			return now.Status != nil && !busy, nil
		})
	}
	if err != nil {
		s.Log.Debug("a snapshot is removed before the driver has answered", "namespace", snap.Namespace, "name", snap.Name, "error", err)
	}
}

// Release removes a pair that was made for a snapshot of the storage, and leaves that
// one alone. snap is nil if there is none yet. It does so also when ctx has ended.
func (s *Snapshots) Release(ctx context.Context, snap *snapshotv1.VolumeSnapshot, content *snapshotv1.VolumeSnapshotContent) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	err := s.setPolicy(ctx, content, snapshotv1.VolumeSnapshotContentRetain)
	if err == nil && snap != nil {
		err = s.Remove(ctx, snap)
	}
	if err == nil {
		err = removeObject(ctx, s.contents(), content)
	}
	if err != nil {
		return fmt.Errorf("VolumeSnapshotContent %s is left: before you delete it, set its deletionPolicy to Retain, "+
			"or the storage's snapshot goes with it: %w", content.Name, err)
	}
	return nil
}

// setPolicy decides what becomes of the storage's snapshot when the content is
// deleted, and marks the content as one whose VolumeSnapshot is not to come back.
func (s *Snapshots) setPolicy(ctx context.Context, content *snapshotv1.VolumeSnapshotContent, policy snapshotv1.DeletionPolicy) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{beingDeleted: "yes"}},
		"spec":     map[string]any{"deletionPolicy": policy},
	})
	if err != nil {
		return err
	}
	_, err = s.contents().Patch(ctx, content.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// RemoveContent deletes a VolumeSnapshotContent, unless a VolumeSnapshot is bound to
// it. It does not wait. One that is not there is fine.
func (s *Snapshots) RemoveContent(ctx context.Context, name string) error {
	content, err := s.Content(ctx, name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.unbound(ctx, content); err != nil {
		return fmt.Errorf("VolumeSnapshotContent %s %w", name, err)
	}
	err = s.contents().Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &content.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete VolumeSnapshotContent %s: %w", name, err)
	}
	return nil
}

// unbound is an error if there is a VolumeSnapshot that the content belongs to.
func (s *Snapshots) unbound(ctx context.Context, content *snapshotv1.VolumeSnapshotContent) error {
	ref := content.Spec.VolumeSnapshotRef
	snap, err := s.in(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("may be bound to VolumeSnapshot %s/%s, which cannot be read: %w", ref.Namespace, ref.Name, err)
	}
	if ref.UID != "" && ref.UID != snap.UID || ref.UID == "" && !names(snap, content.Name) {
		return nil // another one has the name of the one that is gone
	}
	return errors.New("is bound to VolumeSnapshot " + ref.Namespace + "/" + ref.Name + ": delete that one with DeleteCSISnapshot; " +
		"its deletionPolicy " + string(content.Spec.DeletionPolicy) + " decides what becomes of the content then")
}

// names tells whether a VolumeSnapshot asks for the content.
func names(snap *snapshotv1.VolumeSnapshot, content string) bool {
	source := snap.Spec.Source.VolumeSnapshotContentName
	bound := snap.Status != nil && snap.Status.BoundVolumeSnapshotContentName != nil && *snap.Status.BoundVolumeSnapshotContentName == content
	return bound || source != nil && *source == content
}
