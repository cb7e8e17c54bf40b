package kube

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A callingWriter calls at the first write.
type callingWriter struct{ call func() }

func (w callingWriter) Write(b []byte) (int, error) {
	w.call()
	return len(b), nil
}

// TestInitLogComes while the init container runs, and not when it has ended.
func TestInitLogComes(t *testing.T) {
	atWork := status(corev1.PodPending)
	atWork.InitContainerStatuses = []corev1.ContainerStatus{running("init")}
	cl := newCluster(t, atWork)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	came := errors.New("it came")
	ctx, stop := context.WithCancelCause(ctx)
	j := job("output", "background")
	j.Pod.Spec.InitContainers = []corev1.Container{{Name: "init"}}
	j.Logs = map[string]io.Writer{"init": callingWriter{func() { stop(came) }}}
	if err := cl.runner(textLogs{"init": "at work\n"}).Run(ctx, j, io.Discard); !errors.Is(err, context.Canceled) || context.Cause(ctx) != came {
		t.Errorf("error %v, because of %v", err, context.Cause(ctx))
	}
}
