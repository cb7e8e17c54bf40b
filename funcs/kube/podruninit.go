package kube

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// copyInitLogs starts to copy the logs of the init containers that the job wants, each
// as soon as its container runs: one may work for hours before the others start.
func (s *session) copyInitLogs(ctx context.Context) {
	s.inits = map[string]*logCopy{}
	for _, c := range s.last.Spec.InitContainers {
		if to := s.job.Logs[c.Name]; to != nil {
			copyCtx, stop := context.WithCancel(ctx)
			l := &logCopy{container: c.Name, stop: stop, done: make(chan error, 1)}
			s.inits[c.Name] = l
			pod, failed := s.last, s.unread(ctx, c.Name)
			go func() {
				err := s.awaitInit(copyCtx, pod, c.Name)
				if err == nil {
					err = s.Logs.Follow(copyCtx, pod.Namespace, pod.Name, c.Name, to)
				}
				if err != nil {
					failed(err)
				}
				l.done <- err
			}()
		}
	}
}

// awaitInit waits until an init container has a log, or never will have.
func (s *session) awaitInit(ctx context.Context, pod *corev1.Pod, name string) error {
	_, err := Follow(ctx, s.Client.CoreV1().Pods(pod.Namespace), pod, func(p *corev1.Pod) (bool, error) {
		c := containerStatus(p.Status.InitContainerStatuses, name)
		return hasFinished(p) || c != nil && (c.State.Running != nil || c.State.Terminated != nil), nil
	})
	return err
}

// finishInitLogs waits for the ends of the logs when the pod has failed with err, or
// has started with none.
func (s *session) finishInitLogs(err error) {
	for _, l := range s.inits {
		if err != nil {
			late := time.AfterFunc(l.patience(s.last, err), l.stop)
			defer late.Stop()
		}
		<-l.done // its error was noted when it came
		l.stop()
	}
}

// isInit tells whether a container of the pod is an init container.
func isInit(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == name })
}
