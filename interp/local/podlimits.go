package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	quantities "k8s.io/apimachinery/pkg/api/resource"
)

// sizeInterval is how often volumes with a size limit are measured.
const sizeInterval = 500 * time.Millisecond

// A podFailure ends a pod from outside: it has broken one of its own limits.
type podFailure struct{ Reason, Message string }

func (f *podFailure) Error() string { return f.Reason + ": " + f.Message }

// watchLimits ends the pod when it breaks a limit. The function that it returns ends
// the watching.
func (w *podWorker) watchLimits() (stop func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.checkLimits(ctx)
	}()
	return func() { cancel(); <-done }
}

func (w *podWorker) checkLimits(ctx context.Context) {
	deadline, stopTimer := w.activeDeadline()
	defer stopTimer()
	sizes := map[string]*quantities.Quantity{}
	for _, v := range w.pod.Spec.Volumes {
		if v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil && v.EmptyDir.SizeLimit.Sign() > 0 {
			sizes[v.Name] = v.EmptyDir.SizeLimit
		}
	}
	var measure <-chan time.Time
	if len(sizes) > 0 {
		ticker := time.NewTicker(sizeInterval)
		defer ticker.Stop()
		measure = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-deadline:
			w.fail(&podFailure{"DeadlineExceeded", "Pod was active on the node longer than the specified deadline"})
			return
		case <-measure:
			if f := w.tooLarge(sizes); f != nil {
				w.fail(f)
				return
			}
		}
	}
}

// activeDeadline comes activeDeadlineSeconds after the pod's start, which may have
// been in an earlier process.
func (w *podWorker) activeDeadline() (<-chan time.Time, func() bool) {
	seconds := w.pod.Spec.ActiveDeadlineSeconds
	if seconds == nil {
		return nil, func() bool { return false }
	}
	w.mu.Lock()
	start := w.status.StartTime.Time
	w.mu.Unlock()
	timer := time.NewTimer(time.Until(start.Add(time.Duration(*seconds) * time.Second)))
	return timer.C, timer.Stop
}

// tooLarge finds a volume that has grown over its limit. What the kubelet says then is
// said here, too.
func (w *podWorker) tooLarge(sizes map[string]*quantities.Quantity) *podFailure {
	for name, limit := range sizes {
		size, err := treeSize(w.emptyDir(name))
		if err != nil {
			w.k.c.report("size of volume "+name, err)
		}
		if size > limit.Value() {
			return &podFailure{"Evicted", fmt.Sprintf("Usage of EmptyDir volume %q exceeds the limit %q.", name, limit)}
		}
	}
	return nil
}

// treeSize adds up the files below a directory. What goes away meanwhile does not
// count.
func treeSize(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				size += diskUsage(info)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return size, err
}

// fail ends the pod's containers and makes it a failed one.
func (w *podWorker) fail(f *podFailure) { w.stop(f, podGrace(w.pod)) }

// noteFailure writes the failure that ended the pod into its status.
func (w *podWorker) noteFailure() {
	var f *podFailure
	if errors.As(context.Cause(w.ctx), &f) {
		w.setStatus(func(s *corev1.PodStatus) { failWith(s, f) })
	}
}

// failWith makes a status that of a pod which was ended from outside.
func failWith(s *corev1.PodStatus, f *podFailure) {
	s.Reason, s.Message = f.Reason, f.Message
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for i := range list {
			if list[i].State.Terminated == nil {
				list[i].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exitKilled, Reason: "Error"}}
			}
		}
	}
	finishStatus(s, corev1.PodFailed)
}
