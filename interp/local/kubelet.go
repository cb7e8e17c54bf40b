package local

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// nodeName is the one node of the cluster: this machine.
const nodeName = "local"

var (
	errPodDeleted = errors.New("the pod was deleted")
	errClosing    = errors.New("the cluster is closing")
)

// A kubelet runs the pods of the cluster.
type kubelet struct {
	c    *Cluster
	logs *logBook

	mu      sync.Mutex
	workers map[types.UID]*podWorker
	warned  map[string]bool // texts that are in the log already
	running sync.WaitGroup
}

func newKubelet(c *Cluster) *kubelet {
	return &kubelet{c: c, logs: newLogBook(c.dirs.logs), workers: map[types.UID]*podWorker{}, warned: map[string]bool{}}
}

// sync makes what runs match the pod: it starts a new pod, and ends a deleted one.
func (k *kubelet) sync(pod *corev1.Pod) error {
	k.mu.Lock()
	worker := k.workers[pod.UID]
	if worker == nil && pod.DeletionTimestamp == nil && !finished(pod) {
		worker = newPodWorker(k, pod)
		k.workers[pod.UID] = worker
		k.running.Add(1)
		go k.run(worker)
	}
	k.mu.Unlock()
	switch {
	case pod.DeletionTimestamp == nil:
		return nil
	case worker != nil:
		worker.stop(errPodDeleted, graceLeft(pod))
		return nil
	}
	return k.forget(pod)
}

func (k *kubelet) run(w *podWorker) {
	defer k.running.Done()
	w.run()
	k.mu.Lock()
	delete(k.workers, w.pod.UID)
	k.mu.Unlock()
	if errors.Is(context.Cause(w.ctx), errClosing) {
		return
	}
	// A deletion may have come after the last container ended.
	if err := k.settle(w.pod); err != nil {
		k.c.report("pod "+w.pod.Namespace+"/"+w.pod.Name, err)
	}
}

func (k *kubelet) settle(pod *corev1.Pod) error {
	obj, err := k.c.store.get(k.c.pods(), pod.Namespace, pod.Name)
	if err != nil || obj.GetUID() != pod.UID || obj.GetDeletionTimestamp() == nil {
		return nil
	}
	return k.forget(pod)
}

// forget removes a pod of which nothing runs any more, with its logs and scratch
// directories.
func (k *kubelet) forget(pod *corev1.Pod) error {
	k.logs.forget(pod.UID)
	if err := removeAll(k.c.dirs.pod(pod.UID), k.c.dirs.podLogs(pod.UID)); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	if err := k.c.forgetEvents(pod); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	obj, err := untyped(pod)
	if err != nil {
		return err
	}
	return k.c.store.remove(k.c.pods(), obj)
}

// retry wakes the pods that wait for an object that was missing.
func (k *kubelet) retry(namespace string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.workers {
		if w.pod.Namespace == namespace {
			w.wake()
		}
	}
}

// container gives the running container of a pod.
func (k *kubelet) container(pod *corev1.Pod, name string) (*runningContainer, error) {
	k.mu.Lock()
	w := k.workers[pod.UID]
	k.mu.Unlock()
	if w == nil {
		return nil, fmt.Errorf("pod %s/%s is not running: its phase is %s", pod.Namespace, pod.Name, pod.Status.Phase)
	}
	return w.container(name)
}

// close ends all pods and leaves their objects as they are. When ctx ends, containers
// get no more time to end by themselves.
func (k *kubelet) close(ctx context.Context) {
	k.stopAll(func(w *podWorker) time.Duration { return podGrace(w.pod) })
	hurry := context.AfterFunc(ctx, func() { k.stopAll(func(*podWorker) time.Duration { return 0 }) })
	defer hurry()
	k.running.Wait()
}

func (k *kubelet) stopAll(grace func(*podWorker) time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.workers {
		w.stop(errClosing, grace(w))
	}
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// podGrace is the time that a pod's containers are given to end by themselves.
func podGrace(pod *corev1.Pod) time.Duration {
	if seconds := pod.Spec.TerminationGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return corev1.DefaultTerminationGracePeriodSeconds * time.Second
}

// graceLeft is what a deleted pod has left of it. Who deletes may ask for another time
// than the pod does.
func graceLeft(pod *corev1.Pod) time.Duration {
	if seconds := pod.DeletionGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return podGrace(pod)
}
