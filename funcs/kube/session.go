package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/rescuecue/rescue/compat/phaseoutput"
)

// A session is the life of one pod.
type session struct {
	*Runner
	job   Job
	last  *corev1.Pod         // the last known state
	inits map[string]*logCopy // logs of init containers
}

// runToEnd copies the logs of the job until the work is done.
func (s *session) runToEnd(ctx context.Context, out io.Writer) error {
	workCtx, abort := context.WithCancel(ctx)
	defer abort()
	// Without the job's log the outputs are lost: no use in going on.
	logs := s.copyLogs(workCtx, out, abort)
	pod := s.last
	var err error
	s.last, err = s.Ended(workCtx, pod, s.job)
	err = s.settle(workCtx, err)
	logErr := logs.finish(s.last, err)
	switch {
	case isPodError(err) && logErr != nil && ctx.Err() == nil:
		return errors.Join(err, fmt.Errorf("log of pod %s/%s: %w", pod.Namespace, pod.Name, logErr))
	case isPodError(err):
		return err
	case ctx.Err() != nil:
		return stopped(ctx, s.last, s.job, "")
	case err != nil && !errors.Is(err, context.Canceled):
		return err // the log then only broke off because the pod was lost
	case logErr != nil:
		// The broken log has ended the wait, perhaps just before it could say how the
		// containers ended.
		failed := failures(s.last, s.job.Containers)
		return errors.Join(append(failed, fmt.Errorf("log of pod %s/%s: %w", pod.Namespace, pod.Name, logErr))...)
	}
	return err
}

// settle gives the other containers a moment to end when one has failed: the first
// failure that is seen may be but the consequence of another. It returns the errors
// of all that failed.
func (s *session) settle(ctx context.Context, err error) error {
	if len(s.job.Containers) == 1 || !exited(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	s.last, _ = Follow(ctx, s.Client.CoreV1().Pods(s.last.Namespace), s.last, func(p *corev1.Pod) (bool, error) {
		return len(runningOf(p, s.job.Containers)) == 0, nil
	}) // how the waiting ended does not matter: the job has failed anyway
	for _, name := range runningOf(s.last, s.job.Containers) {
		s.Log.Warn("the container is stopped, because another one of the pod has failed", "pod", s.last.Name, "container", name)
	}
	if all := failures(s.last, s.job.Containers); len(all) > 0 {
		return errors.Join(all...)
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

// explain adds the log's last lines to each *PodError, unless it is about a container
// whose log the caller has seen.
func (s *session) explain(ctx context.Context, err error, seen ...string) error {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	for _, e := range PodErrors(err) {
		if e.Exited && !slices.Contains(seen, e.Container) {
			e.Log = s.endOfLog(ctx, e)
		}
	}
	return err
}

// endOfLog reads the last lines of a container's log, without outputs: they may be
// secrets.
func (s *session) endOfLog(ctx context.Context, of *PodError) []string {
	var tail Tail
	text := phaseoutput.NewParser(tail.Add)
	if err := s.Logs.Follow(ctx, of.Namespace, of.Pod, of.Container, text); err != nil {
		s.Log.Debug("no log for the error", "pod", of.Pod, "container", of.Container, "error", err)
	}
	if _, err := text.Finish(); err != nil {
		s.Log.Debug("malformed output", "pod", of.Pod, "container", of.Container, "error", err)
	}
	return tail.Lines()
}
