package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
)

// endlessLog is the log of a container that goes on.
type endlessLog struct{}

func (endlessLog) Follow(ctx context.Context, _, _, _ string, _ io.Writer) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestPodLostFromSight has a running pod that may not be watched. Losing it ends
// the log and the work on the pod; the error is why it was lost.
func TestPodLostFromSight(t *testing.T) {
	untilEnd := func(ctx context.Context, wrap func(error) error) error {
		<-ctx.Done()
		return wrap(ctx.Err())
	}
	for name, c := range map[string]struct {
		run  func(context.Context, *Runner) error
		also string // what else the error says
	}{
		"while its log is read": {run: func(ctx context.Context, r *Runner) error {
			return r.Run(ctx, job("main"), io.Discard)
		}},
		"while it is needed": {run: func(ctx context.Context, r *Runner) error {
			return r.With(ctx, job("main"), func(ctx context.Context, _ *corev1.Pod) error {
				return untilEnd(ctx, func(err error) error { return fmt.Errorf("copy: %w", err) })
			})
		}},
		"while it is needed, with an error of its own": {also: "stream closed", run: func(ctx context.Context, r *Runner) error {
			return r.With(ctx, job("main"), func(ctx context.Context, _ *corev1.Pod) error {
				return untilEnd(ctx, func(error) error { return errors.New("stream closed") })
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // reading on takes no time
				cl := newCluster(t, status(corev1.PodRunning, running("main")))
				cl.PrependWatchReactor("pods", func(clienttesting.Action) (bool, watch.Interface, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "p", errors.New("no right to watch"))
				})
				err := c.run(t.Context(), cl.runner(endlessLog{}))
				if err == nil || !strings.Contains(err.Error(), "no right to watch") || !strings.Contains(err.Error(), c.also) ||
					errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				if cl.left(t) != 0 {
					t.Error("the pod is left")
				}
			})
		})
	}
}

// TestWithEndedByCaller: the error is that of the work, once, and not the watch's.
func TestWithEndedByCaller(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want string
	}{
		"cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, "copy: context canceled"},
		"out of time": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, "copy: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := newCluster(t, status(corev1.PodRunning, running("main")))
				ctx, cancel := c.end(t.Context())
				defer cancel()
				err := cl.runner(textLogs{}).With(ctx, job("main"), func(ctx context.Context, _ *corev1.Pod) error {
					<-ctx.Done()
					return fmt.Errorf("copy: %w", ctx.Err())
				})
				if err == nil || err.Error() != c.want || cl.left(t) != 0 {
					t.Errorf("error %v, %d pods left", err, cl.left(t))
				}
			})
		})
	}
}

// TestRemovalSitsOutages: a pod that is left would go on working on its volumes.
func TestRemovalSitsOutages(t *testing.T) {
	for name, c := range map[string]struct {
		failures, left int
	}{
		"a minute":     {failures: 10},
		"for too long": {failures: 1000, left: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl, failures := newCluster(t, status(corev1.PodRunning, running("main"))), 0
				cl.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
					failures++
					return failures <= c.failures, nil, errors.New("dial tcp 10.0.0.1:6443: connect: connection refused")
				})
				err := cl.runner(textLogs{}).With(t.Context(), job("main"), func(context.Context, *corev1.Pod) error { return nil })
				if err != nil {
					t.Errorf("error %v", err)
				}
				if n := cl.left(t); n != c.left {
					t.Errorf("%d pods are left after %d failures", n, failures)
				}
			})
		})
	}
}
