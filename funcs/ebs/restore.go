package ebs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rescuecue/rescue/funcs/kube"
)

// restoring is one claim on its way back.
type restoring struct {
	phase     *Phase
	client    *client
	info      Info
	namespace string
	name      string // of the claim
	// volumeName is that of the PersistentVolume; the same in all attempts.
	volumeName string
	claim      *Claim

	old      *corev1.PersistentVolumeClaim // that is to be replaced; nil if there is none
	done     bool                          // an earlier attempt has replaced it
	volumeID string                        // of the new EBS volume, as soon as there is one
	pv       *corev1.PersistentVolume      // of the new volume, as soon as there is one
	size     *int32                        // of the new volume, in GiB
	// committed says that the old claim goes or is gone: the new volume is all there is.
	committed bool
}

// Restore makes a claim of every snapshot, in the place of the claim that has its name.
// names are other names for the claims, in the manifest's order, or none.
//
// Nothing is deleted before all new volumes exist and are available. If that fails, or
// ctx ends before, the new volumes are removed again and all is as it was. Afterwards
// each new volume stays, reserved for its claim, and the next attempt goes on from
// there.
func (p *Phase) Restore(ctx context.Context, namespace string, m Manifest, names []string) error {
	all, err := p.restorings(ctx, namespace, m, names)
	if err != nil {
		return err
	}
	err = each(ctx, true, all, func(ctx context.Context, _ int, r *restoring) error {
		return r.explain(r.prepare(ctx))
	})
	if err == nil {
		err = each(ctx, false, all, func(ctx context.Context, _ int, r *restoring) error { return r.explain(r.replace(ctx)) })
	}
	if err == nil {
		return nil
	}
	cleanup, cancel := toRemove(ctx)
	defer cancel()
	return errors.Join(err, each(cleanup, false, all, func(ctx context.Context, _ int, r *restoring) error { return r.withdraw(ctx) }))
}

// restorings finds what is wrong before anything is touched.
func (p *Phase) restorings(ctx context.Context, namespace string, m Manifest, names []string) ([]*restoring, error) {
	if len(names) > 0 && len(names) != len(m) {
		return nil, fmt.Errorf("argument pvcNames has %d names, and there are %d snapshots: give one for each, or none", len(names), len(m))
	}
	all, errs := make([]*restoring, len(m)), []error{}
	for i, info := range m {
		name := info.PVCName
		if len(names) > 0 {
			name = names[i]
		}
		r := &restoring{phase: p, info: info, namespace: namespace, name: name, claim: info.Claim}
		all[i] = r
		errs = append(errs, r.explain(r.look(ctx)))
		if i := slices.Index(names, name); i >= 0 && slices.Contains(names[i+1:], name) {
			errs = append(errs, fmt.Errorf("argument pvcNames has %s twice", name))
		}
	}
	return all, errors.Join(errs...)
}

// look reads the claim that is to be replaced.
func (r *restoring) look(ctx context.Context) error {
	if len(validation.IsDNS1123Subdomain(r.name)) > 0 {
		return errors.New("that is not a name that a claim can have")
	}
	r.volumeName = "rescue-" + r.phase.Token("pv", r.namespace, r.name)
	old, err := r.claims().Get(ctx, r.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		old, err = nil, nil
	case err != nil:
		return err
	case r.phase.made(old.Annotations):
		r.done, r.volumeName = true, old.Spec.VolumeName
	default:
		r.old, err = old, r.unused(ctx)
	}
	if err == nil && r.claim == nil && old != nil {
		r.claim, err = r.present(ctx, old)
	}
	r.claim = r.claim.orDefaults()
	return err
}

// unused is an error if pods use the claim that are not about to go: the claim could
// not be deleted as long as they run.
func (r *restoring) unused(ctx context.Context) error {
	pods, err := r.phase.Kube.CoreV1().Pods(r.namespace).List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pods that use it: %w", err)
	}
	var users []string
	for i := range pods.Items {
		if pod := &pods.Items[i]; uses(pod, r.name) && pod.DeletionTimestamp == nil {
			users = append(users, pod.Name)
		}
	}
	if len(users) > 0 {
		return fmt.Errorf("it is in use by %s, and cannot be replaced under them: scale the application down first (ScaleWorkload)", strings.Join(users, ", "))
	}
	return nil
}

func uses(pod *corev1.Pod, claim string) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return false
	}
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim
	})
}

// present describes the claim that is there, for a manifest that does not tell how it
// stood. Nil if its volume is no EBS volume, or gone.
func (r *restoring) present(ctx context.Context, old *corev1.PersistentVolumeClaim) (*Claim, error) {
	if old.Spec.VolumeName == "" {
		return nil, nil
	}
	pv, err := r.phase.Kube.CoreV1().PersistentVolumes().Get(ctx, old.Spec.VolumeName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if _, other := volumeID(pv); other != nil {
		return nil, fmt.Errorf("it would replace what is no EBS volume: %w", other)
	}
	return claimOf(old, pv), nil
}

// prepare makes the new volume, and reserves it for the claim.
func (r *restoring) prepare(ctx context.Context) (err error) {
	if r.done {
		return nil
	}
	if r.client, err = r.phase.in(ctx, r.info.region()); err != nil {
		return err
	}
	snapshot, err := r.client.completed(ctx, r.info.SnapshotID)
	if err != nil {
		return err
	}
	volume, err := r.client.make(ctx, r, snapshot)
	if err != nil {
		return err
	}
	r.size = volume.Size
	r.phase.Log.Info("volume made", "pvc", r.name, "volume", r.volumeID, "zone", aws.ToString(volume.AvailabilityZone), "GiB", aws.ToInt32(volume.Size))
	return r.reserve(ctx, r.volumeObject(volume))
}

// reserve makes the PersistentVolume, and waits until the cluster has accepted it: a
// claim that is made before waits for the next round of its controller.
func (r *restoring) reserve(ctx context.Context, want *corev1.PersistentVolume) error {
	client := r.phase.Kube.CoreV1().PersistentVolumes()
	pv, _, err := kube.Keep(ctx, r.keeper(), client, want)
	if err != nil {
		return fmt.Errorf("create PersistentVolume %s: %w", r.volumeName, err)
	}
	if id, err := volumeID(pv); err != nil || id != r.volumeID {
		return fmt.Errorf("PersistentVolume %s is there already and stands for volume %q, not for %s: delete it", r.volumeName, id, r.volumeID)
	}
	r.pv = pv
	last, err := kube.Follow(ctx, client, pv, func(now *corev1.PersistentVolume) (bool, error) {
		switch now.Status.Phase {
		case corev1.VolumeAvailable, corev1.VolumeBound:
			return true, nil
		case corev1.VolumeFailed, corev1.VolumeReleased:
			return false, fmt.Errorf("it is %s: %s", now.Status.Phase, now.Status.Message)
		}
		return false, nil
	})
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("the cluster has not accepted it, it is %s: %w", cmp.Or(last.Status.Phase, "new"), ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("PersistentVolume %s: %w", r.volumeName, err)
	}
	return nil
}

func (r *restoring) keeper() kube.Keeper { return kube.Keeper{Log: r.phase.Log, Own: r.phase.made} }

// explain adds which claim it is about, and where the data is if it is in a volume
// that waits for its claim.
func (r *restoring) explain(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("PersistentVolumeClaim %s/%s: %w", r.namespace, r.name, err)
	if r.committed {
		err = fmt.Errorf("%w; the restored data is in volume %s, which PersistentVolume %s reserves for the claim: run the phase again, or create the claim with that volumeName",
			err, r.volumeID, r.volumeName)
	}
	return err
}

// withdraw removes the new volume, unless it is all there is.
func (r *restoring) withdraw(ctx context.Context) error {
	if r.done || r.committed || r.client == nil {
		return nil
	}
	if r.pv != nil {
		opts := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &r.pv.UID}}
		err := r.phase.Kube.CoreV1().PersistentVolumes().Delete(ctx, r.pv.Name, opts)
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("PersistentVolume %s and its volume %s came to nothing and are left: %w", r.pv.Name, r.volumeID, err)
		}
	}
	if r.volumeID == "" {
		return nil
	}
	return r.client.discard(ctx, r.volumeID)
}
