package local

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Restarts wait longer and longer, but shorter than in Kubernetes: the first one
// comes at once.
const (
	firstBackoff = time.Second
	maxBackoff   = 5 * time.Minute
)

// A podWorker runs the containers of one pod.
type podWorker struct {
	k      *kubelet
	pod    *corev1.Pod
	ctx    context.Context
	cancel context.CancelCauseFunc
	kick   chan struct{}

	ending   sync.Mutex
	deadline time.Time     // for containers to end by themselves; zero until the pod is to end
	hurry    chan struct{} // wakes those who wait for it: closed and replaced

	writing sync.Mutex // held from an edit of status until it is in the store
	mu      sync.Mutex
	status  corev1.PodStatus
	current map[string]*runningContainer
}

func newPodWorker(k *kubelet, pod *corev1.Pod) *podWorker {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &podWorker{
		k: k, pod: pod, ctx: ctx, cancel: cancel,
		kick:    make(chan struct{}, 1),
		hurry:   make(chan struct{}),
		status:  *pod.Status.DeepCopy(),
		current: map[string]*runningContainer{},
	}
}

// stop ends the pod; run returns when all its processes are gone. A pod that is ending
// can be given less time, but not more.
func (w *podWorker) stop(cause error, grace time.Duration) {
	deadline := time.Now().Add(grace)
	w.ending.Lock()
	if w.deadline.IsZero() || deadline.Before(w.deadline) {
		w.deadline = deadline
		close(w.hurry)
		w.hurry = make(chan struct{})
	}
	w.ending.Unlock()
	w.cancel(cause)
}

// graceLeft is the time that containers still have, and a channel that is closed when
// it gets less.
func (w *podWorker) graceLeft() (time.Duration, <-chan struct{}) {
	w.ending.Lock()
	defer w.ending.Unlock()
	return time.Until(w.deadline), w.hurry
}

func (w *podWorker) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

func (w *podWorker) run() {
	defer w.cancel(nil)
	if w.interrupted() {
		w.setStatus(failInterrupted)
		return
	}
	w.k.warn(w.pod)
	w.setStatus(func(s *corev1.PodStatus) { beginStatus(w.pod, s, w.k.c.now()) })
	stop := w.watchLimits()
	w.work()
	stop()
	w.noteFailure()
}

// work runs the containers to their ends, or to the pod's.
func (w *podWorker) work() {
	if err := w.waitForVolumes(); err != nil {
		return // Only the pod's end ends the wait.
	}
	w.setStatus(func(s *corev1.PodStatus) { setCondition(s, corev1.PodReadyToStartContainers, true, "", "") })
	for i := range w.pod.Spec.InitContainers {
		c := &w.pod.Spec.InitContainers[i]
		if w.succeeded(c.Name) {
			continue
		}
		code := w.runToEnd(c, initRestartPolicy(w.pod.Spec.RestartPolicy))
		if w.ctx.Err() != nil {
			return
		}
		if code != 0 {
			w.setStatus(func(s *corev1.PodStatus) { finishStatus(s, corev1.PodFailed) })
			return
		}
	}
	w.setStatus(func(s *corev1.PodStatus) { setCondition(s, corev1.PodInitialized, true, "", "") })
	w.runContainers()
}

// interrupted tells whether the pod ran when an earlier process ended, and must
// not be started again.
func (w *podWorker) interrupted() bool {
	return w.pod.Spec.RestartPolicy == corev1.RestartPolicyNever && w.pod.Status.StartTime != nil
}

func initRestartPolicy(p corev1.RestartPolicy) corev1.RestartPolicy {
	if p == corev1.RestartPolicyAlways {
		return corev1.RestartPolicyOnFailure
	}
	return p
}

// runContainers runs the containers side by side until all have ended for good.
func (w *podWorker) runContainers() {
	codes := make([]int, len(w.pod.Spec.Containers))
	var all sync.WaitGroup
	policy := w.pod.Spec.RestartPolicy
	for i := range w.pod.Spec.Containers {
		c := &w.pod.Spec.Containers[i]
		if policy != corev1.RestartPolicyAlways && w.succeeded(c.Name) {
			continue
		}
		all.Go(func() { codes[i] = w.runToEnd(c, policy) })
	}
	all.Wait()
	if w.ctx.Err() != nil {
		return
	}
	phase := corev1.PodSucceeded
	for _, code := range codes {
		if code != 0 {
			phase = corev1.PodFailed
		}
	}
	w.setStatus(func(s *corev1.PodStatus) { finishStatus(s, phase) })
}

// runToEnd runs a container, again and again as the policy says, and returns the
// last exit status.
func (w *podWorker) runToEnd(c *corev1.Container, policy corev1.RestartPolicy) int {
	backoff := time.Duration(0)
	for {
		end := w.runOnce(c)
		if w.ctx.Err() != nil {
			return int(end.ExitCode)
		}
		again := policy == corev1.RestartPolicyAlways || policy == corev1.RestartPolicyOnFailure && end.ExitCode != 0
		w.setStatus(func(s *corev1.PodStatus) { containerEnded(s, c.Name, end, again) })
		if !again {
			return int(end.ExitCode)
		}
		if backoff > 0 {
			w.setStatus(func(s *corev1.PodStatus) { containerBacksOff(s, c.Name, backoff) })
			w.sleep(backoff)
		}
		backoff = min(max(2*backoff, firstBackoff), maxBackoff)
		w.setStatus(func(s *corev1.PodStatus) { containerRestarts(s, c.Name) })
	}
}

func (w *podWorker) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ctx.Done():
	}
}

// waitForVolumes waits until all that the pod's volumes name is there.
func (w *podWorker) waitForVolumes() error {
	for {
		_, err := w.resolveVolumes()
		if err == nil {
			return nil
		}
		w.setStatus(func(s *corev1.PodStatus) { cannotMount(s, err) })
		if missingClaim(err) == nil {
			w.warn("FailedMount", err.Error())
		}
		if err := w.waitForKick(); err != nil {
			return err
		}
	}
}

func (w *podWorker) waitForKick() error {
	select {
	case <-w.kick:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

func (w *podWorker) container(name string) (*runningContainer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.current[name]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("container %s of pod %s/%s is not running%s", name, w.pod.Namespace, w.pod.Name, describeState(&w.status, name))
}

func (w *podWorker) setCurrent(name string, r *runningContainer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r == nil {
		delete(w.current, name)
		return
	}
	w.current[name] = r
}

// succeeded tells whether the container ended well, maybe in an earlier process.
func (w *podWorker) succeeded(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := findStatus(&w.status, name)
	return s != nil && s.State.Terminated != nil && s.State.Terminated.ExitCode == 0
}

// setStatus changes the pod's status and publishes it. A pod that is gone, or was
// replaced by another of its name, has none.
func (w *podWorker) setStatus(edit func(*corev1.PodStatus)) {
	// Containers report side by side: without this an older status could be written
	// over a newer one.
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	edit(&w.status)
	refreshReadiness(w.pod, &w.status, w.k.c.now())
	status := *w.status.DeepCopy()
	w.mu.Unlock()
	if err := w.k.c.writeStatus(w.k.c.pods(), w.pod, status); err != nil && !errors.Is(err, errReplaced) {
		w.k.c.report("status of pod "+w.pod.Namespace+"/"+w.pod.Name, err)
	}
}
