package kube

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// logCopies are the logs of a job's containers on their way to their writers. The
// first is the job's log.
type logCopies []*logCopy

type logCopy struct {
	container string
	stop      context.CancelFunc
	done      chan error
}

// copyLogs starts to copy the logs of the job: that of its first container to out,
// the others to where the job says. lost is called when the job's log breaks off.
func (s *session) copyLogs(ctx context.Context, out io.Writer, lost func()) logCopies {
	var others []string
	for _, name := range slices.Sorted(maps.Keys(s.job.Logs)) {
		if !isInit(s.last, name) {
			others = append(others, name)
		}
	}
	all := logCopies{s.copyLog(ctx, s.job.Containers[0], out, func(error) { lost() })}
	for _, name := range others {
		all = append(all, s.copyLog(ctx, name, s.job.Logs[name], s.unread(ctx, name)))
	}
	return all
}

// copyLog copies one log. failed is called with the error that breaks it off.
func (s *session) copyLog(ctx context.Context, container string, to io.Writer, failed func(error)) *logCopy {
	ctx, stop := context.WithCancel(ctx)
	c := &logCopy{container: container, stop: stop, done: make(chan error, 1)}
	namespace, pod := s.last.Namespace, s.last.Name
	go func() {
		err := s.Logs.Follow(ctx, namespace, pod, container, to)
		if err != nil {
			failed(err)
		}
		c.done <- err
	}()
	return c
}

// unread notes that a log which holds no outputs could not be read to its end.
func (s *session) unread(ctx context.Context, container string) func(error) {
	pod := s.last.Name
	return func(err error) {
		if ctx.Err() == nil && !isContextError(err) {
			s.Log.Warn("the log of a container could not be read", "pod", pod, "container", container, "error", err)
		}
	}
}

// finish waits for the ends of the logs after the job has ended with err. It returns
// the error of the job's log.
func (all logCopies) finish(pod *corev1.Pod, err error) error {
	for _, c := range all {
		if err != nil {
			late := time.AfterFunc(c.patience(pod, err), c.stop)
			defer late.Stop()
		}
	}
	first := <-all[0].done
	for _, c := range all[1:] {
		<-c.done // its error was noted when it came
	}
	for _, c := range all {
		c.stop()
	}
	return first
}

// patience is how long the log is read on after the job has failed.
func (c *logCopy) patience(pod *corev1.Pod, err error) time.Duration {
	switch ended, _ := ContainerEnded(pod, c.container); {
	case !exited(err):
		return lostLimit
	case ended:
		return drainLimit
	}
	return 0 // it may go on for ever
}
