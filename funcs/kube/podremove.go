package kube

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// removeLimit bounds the removal of a pod, which has to happen even when the
	// action was cancelled. It is longer than the outages of the API server that are
	// sat out: a pod that is left goes on working on its volumes.
	removeLimit = outageLimit + 45*time.Second
	// goingLimit bounds it for a pod that somebody else has deleted: its node may be
	// lost, and then nothing ever ends it.
	goingLimit = 30 * time.Second
	// lateLimit is how long a pod may take to appear whose creation failed without an
	// answer: the API server may still be at it.
	lateLimit = 3 * time.Second
)

// errNotEnding says that a pod which somebody else has deleted does not end.
var errNotEnding = errors.New("somebody else has deleted it, but its node does not end it: the node may be lost")

// remove deletes the pod, and waits until containers that still run are gone, so
// that nothing of it works on a volume any more. It goes on when ctx has ended.
func (s *session) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	err := s.delete(ctx)
	for lost := (Outage{}); err != nil && !refused(err) && !errors.Is(err, errNotEnding); err = s.delete(ctx) {
		if pause, hopeless := lost.Next(); hopeless || Sleep(ctx, pause) != nil {
			break
		}
	}
	if err != nil && !apierrors.IsNotFound(err) {
		s.Log.Warn("could not remove a pod, which may still run: delete it by hand",
			"namespace", s.last.Namespace, "pod", s.last.Name, "error", err)
	}
}

// delete decides by the present state of the pod, since what was last seen may be long
// ago: a pod that waited for a node may run by now. A pod at rest is deleted at once,
// and only as long as it is at rest; a conflict says that it has changed. NotFound is
// fine.
func (s *session) delete(ctx context.Context) error {
	pods := s.Client.CoreV1().Pods(s.last.Namespace)
	pod, err := s.present(ctx)
	if err != nil || pod == nil {
		return err
	}
	opts := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}}
	if atRest(pod) {
		opts.GracePeriodSeconds = new(int64)
		if !hasFinished(pod) {
			opts.Preconditions.ResourceVersion = &pod.ResourceVersion
		}
		return pods.Delete(ctx, pod.Name, opts)
	}
	opts.GracePeriodSeconds = new(int64(1))
	if err := pods.Delete(ctx, pod.Name, opts); err != nil {
		return err
	}
	now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil || now.UID != pod.UID {
		return err
	}
	return s.awaitEnd(ctx, now, pod.DeletionTimestamp != nil)
}

// awaitEnd waits until a pod that was deleted is gone, or does nothing any more and is
// only held by finalizers. byOthers says that somebody else had deleted it before.
func (s *session) awaitEnd(ctx context.Context, pod *corev1.Pod, byOthers bool) error {
	if byOthers {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, goingLimit, errNotEnding)
		defer cancel()
	}
	_, err := Follow(ctx, s.Client.CoreV1().Pods(pod.Namespace), pod, func(p *corev1.Pod) (bool, error) {
		return len(p.Finalizers) > 0 && atRest(p), nil
	})
	switch {
	case errors.Is(err, ErrDeleted):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// present is the pod as it is now, nil if it is gone and another one has its name. One
// that has finished stays so.
func (s *session) present(ctx context.Context) (*corev1.Pod, error) {
	if s.last.UID == "" {
		return s.appear(ctx)
	}
	if hasFinished(s.last) {
		return s.last, nil
	}
	pod, err := s.Client.CoreV1().Pods(s.last.Namespace).Get(ctx, s.last.Name, metav1.GetOptions{})
	if err != nil || pod.UID != s.last.UID {
		return nil, err
	}
	return pod, nil
}

// appear waits a little for a pod that may have been created, nil if it was not.
func (s *session) appear(ctx context.Context) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, lateLimit)
	defer cancel()
	var made *corev1.Pod
	looked := false
	err := Observe(ctx, s.Client.CoreV1().Pods(s.last.Namespace), s.last.Name, func(pod *corev1.Pod, exists bool) (bool, error) {
		looked = true
		if exists && isLike(pod, s.last) {
			made = pod
		}
		return exists, nil
	})
	if looked && ctx.Err() != nil {
		err = nil
	}
	return made, err
}

// isLike tells whether a pod has the labels of the one that was to be made.
func isLike(pod, wanted *corev1.Pod) bool {
	for key, value := range wanted.Labels {
		if pod.Labels[key] != value {
			return false
		}
	}
	return true
}

// hasFinished tells whether a pod has reached the end of its life. It never leaves it.
func hasFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// atRest tells whether no container of the pod runs, or can still be started.
func atRest(pod *corev1.Pod) bool {
	if hasFinished(pod) || pod.Spec.NodeName == "" {
		return true
	}
	all := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses)
	return len(pod.Status.ContainerStatuses) > 0 && !slices.ContainsFunc(all, func(c corev1.ContainerStatus) bool {
		return !isOver(pod.Spec.RestartPolicy, c.State.Terminated)
	})
}

// isOver tells whether a container has ended and its node will not start it again.
func isOver(policy corev1.RestartPolicy, end *corev1.ContainerStateTerminated) bool {
	return end != nil && (policy == corev1.RestartPolicyNever || policy == corev1.RestartPolicyOnFailure && end.ExitCode == 0)
}
