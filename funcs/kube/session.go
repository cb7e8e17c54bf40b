package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat/phaseoutput"
)

// removeLimit bounds the removal of a pod, which has to happen even when the
// action was cancelled.
const removeLimit = 45 * time.Second

// A session is the life of one pod.
type session struct {
	*Runner
	job  Job
	last *corev1.Pod // the last known state
}

// runToEnd copies the job's log to out until the work is done.
func (s *session) runToEnd(ctx context.Context, out io.Writer) error {
	workCtx, abort := context.WithCancel(ctx)
	defer abort()
	logCtx, stopLog := context.WithCancel(workCtx)
	defer stopLog()
	logs := make(chan error, 1)
	pod := s.last
	go func() {
		err := s.Logs.Follow(logCtx, pod.Namespace, pod.Name, s.job.Containers[0], out)
		if err != nil {
			abort() // without its log, the outputs are lost: no use in going on
		}
		logs <- err
	}()
	var err error
	s.last, err = s.Ended(workCtx, pod, s.job)
	if err != nil {
		drain := time.AfterFunc(drainTime(err), stopLog)
		defer drain.Stop()
	}
	logErr := <-logs
	switch {
	case isPodError(err):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !errors.Is(err, context.Canceled):
		return err // the log then only broke off because the pod was lost
	case logErr != nil:
		return fmt.Errorf("log of pod %s/%s: %w", pod.Namespace, pod.Name, logErr)
	}
	return err
}

// guard calls use, and ends its context when the pod ends.
func (s *session) guard(ctx context.Context, use func(context.Context, *corev1.Pod) error) error {
	useCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	pod := s.last
	go func() {
		last, err := s.Ended(useCtx, pod, s.job)
		if err == nil {
			err = podError(last, "Completed", "the pod ended while it was needed")
		}
		cancel()
		s.last = last
		ended <- err
	}()
	err := use(useCtx, pod)
	cancel()
	lost := <-ended
	switch {
	case err == nil || errors.Is(lost, context.Canceled): // by the end of use
		return err
	case ctx.Err() != nil && !isPodError(lost): // by the caller
		return err
	case errors.Is(err, context.Canceled): // by the loss of the pod
		return lost
	}
	return errors.Join(lost, err)
}

// explain adds the log's last lines to a *PodError, unless it is about the
// container whose log the caller has seen.
func (s *session) explain(ctx context.Context, err error, seen string) error {
	var e *PodError
	if !errors.As(err, &e) || !e.Exited || e.Container == seen {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	var tail Tail
	text := phaseoutput.NewParser(tail.Add) // without outputs: they may be secrets
	if logErr := s.Logs.Follow(ctx, e.Namespace, e.Pod, e.Container, text); logErr != nil {
		s.Log.Debug("no log for the error", "pod", e.Pod, "container", e.Container, "error", logErr)
	}
	if _, parseErr := text.Finish(); parseErr != nil {
		s.Log.Debug("malformed output", "pod", e.Pod, "container", e.Container, "error", parseErr)
	}
	e.Log = tail.Lines()
	return err
}

// drainTime is how long the log is read after err.
func drainTime(err error) time.Duration {
	if e := (*PodError)(nil); errors.As(err, &e) && e.Exited {
		return drainLimit
	}
	return lostLimit
}

// remove deletes the pod, and waits until containers that still run are gone, so
// that nothing of it works on a volume any more. It goes on when ctx has ended.
func (s *session) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	if err := s.delete(ctx); err != nil && !apierrors.IsNotFound(err) {
		s.Log.Warn("could not remove a pod: delete it by hand",
			"namespace", s.last.Namespace, "pod", s.last.Name, "error", err)
	}
}

func (s *session) delete(ctx context.Context) error {
	pods := s.Client.CoreV1().Pods(s.last.Namespace)
	opts := metav1.DeleteOptions{GracePeriodSeconds: new(int64(1))}
	if s.last.UID != "" {
		opts.Preconditions = &metav1.Preconditions{UID: &s.last.UID}
	}
	idle := atRest(s.last)
	if idle {
		opts.GracePeriodSeconds = new(int64)
	}
	// A pod that somebody else deleted keeps the time that it was given to end.
	going := s.last.DeletionTimestamp != nil
	if err := pods.Delete(ctx, s.last.Name, opts); err != nil || idle || going {
		return err
	}
	now, err := pods.Get(ctx, s.last.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	_, err = Follow(ctx, pods, now, func(*corev1.Pod) (bool, error) { return false, nil })
	if errors.Is(err, ErrDeleted) {
		return nil
	}
	return err
}

// atRest tells whether no container of the pod runs, or can still be started.
func atRest(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return true
	}
	if pod.Spec.NodeName == "" {
		return true
	}
	return len(pod.Status.ContainerStatuses) > 0 && !slices.ContainsFunc(pod.Status.ContainerStatuses,
		func(c corev1.ContainerStatus) bool { return c.State.Terminated == nil })
}

func isPodError(err error) bool {
	var e *PodError
	return errors.As(err, &e)
}
