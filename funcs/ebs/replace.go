package ebs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/rescuecue/rescue/funcs/kube"
)

func (r *restoring) claims() corev1client.PersistentVolumeClaimInterface {
	return r.phase.Kube.CoreV1().PersistentVolumeClaims(r.namespace)
}

// replace puts a claim of the new volume into the place of the old claim, and waits
// until it is bound.
func (r *restoring) replace(ctx context.Context) error {
	claim, err := r.anew(ctx)
	if err != nil {
		return err
	}
	return r.bound(ctx, claim)
}

func (r *restoring) anew(ctx context.Context) (*corev1.PersistentVolumeClaim, error) {
	if r.done {
		return r.claims().Get(ctx, r.name, metav1.GetOptions{})
	}
	if err := r.remove(ctx); err != nil {
		return nil, err
	}
	r.committed = true
	claim, _, err := kube.Keep(ctx, r.keeper(), r.claims(), r.claimObject(r.size))
	if apierrors.IsAlreadyExists(err) {
		err = fmt.Errorf("somebody has made another claim of the name in the meantime; delete that one: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("make it anew: %w", err)
	}
	return claim, nil
}

// remove deletes the old claim and waits until it is gone. What becomes of the old
// volume is for its reclaim policy to say.
func (r *restoring) remove(ctx context.Context) error {
	if r.old == nil {
		return nil
	}
	err := r.claims().Delete(ctx, r.name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &r.old.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		r.committed = r.going(ctx)
		return fmt.Errorf("delete it, to make room for the restored one: %w", err)
	}
	r.committed = true
	now, err := r.claims().Get(ctx, r.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && now.UID != r.old.UID {
		return nil
	}
	if err != nil {
		return err
	}
	now, err = kube.Follow(ctx, r.claims(), now, func(*corev1.PersistentVolumeClaim) (bool, error) { return false, nil })
	if errors.Is(err, kube.ErrDeleted) {
		return nil
	}
	return fmt.Errorf("it is deleted, but held by its finalizers %s: %w", strings.Join(now.Finalizers, ", "), err)
}

// going tells whether the old claim is on its way out, after a request to delete it
// that failed. Where that cannot be known it is taken for yes.
func (r *restoring) going(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now, err := r.claims().Get(ctx, r.name, metav1.GetOptions{})
	return err != nil || now.DeletionTimestamp != nil || now.UID != r.old.UID
}

// bound waits until the new claim has the new volume.
func (r *restoring) bound(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	last, err := kube.Follow(ctx, r.claims(), claim, func(now *corev1.PersistentVolumeClaim) (bool, error) {
		switch {
		case now.DeletionTimestamp != nil:
			return false, errors.New("somebody is deleting the new one")
		case now.Status.Phase == corev1.ClaimLost:
			return false, fmt.Errorf("the new one is Lost: PersistentVolume %s is gone", now.Spec.VolumeName)
		}
		return now.Status.Phase == corev1.ClaimBound && now.Spec.VolumeName == r.volumeName, nil
	})
	switch {
	case err == nil:
		r.phase.Log.Info("claim restored", "namespace", r.namespace, "pvc", r.name, "volume", r.volumeName)
		return nil
	case errors.Is(err, kube.ErrDeleted):
		return errors.New("somebody has deleted the new one")
	case ctx.Err() != nil:
		return fmt.Errorf("the new one is %s and not bound to PersistentVolume %s yet: %w", phaseOf(last), r.volumeName, ctx.Err())
	}
	return err
}

func phaseOf(claim *corev1.PersistentVolumeClaim) string {
	if claim.Status.Phase == "" {
		return "new"
	}
	return string(claim.Status.Phase)
}
