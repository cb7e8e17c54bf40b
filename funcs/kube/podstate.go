package kube

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	reasonDeleted    = "Deleted"
	reasonNotStarted = "NotStarted"
)

// podState is what a pod's status means for its work.
type podState struct {
	started bool // every container of the job runs or has ended
	ended   bool // every container of the job has ended well
	failure *PodError
	trouble *PodError // what keeps it from starting; it may pass
}

// judge reads the status of a pod. Only the containers of the job count: one that
// a service mesh added may run for ever.
func judge(pod *corev1.Pod, job []string) podState {
	s := podState{started: true, ended: true}
	if pod.Status.Phase == corev1.PodSucceeded {
		return s
	}
	for _, name := range job {
		c := containerStatus(pod.Status.ContainerStatuses, name)
		ended := c != nil && hasEnded(pod, c)
		s.ended = s.ended && ended
		s.started = s.started && c != nil && (ended || c.State.Running != nil)
		if ended && c.State.Terminated.ExitCode != 0 && s.failure == nil {
			s.failure = exitError(pod, c)
		}
	}
	if s.failure != nil {
		s.ended = false
		return s
	}
	if s.ended {
		return s
	}
	s.failure = lost(pod)
	if !s.started {
		s.trouble = trouble(pod, job)
	}
	return s
}

// hasEnded tells whether a container has ended and will not be started again.
func hasEnded(pod *corev1.Pod, c *corev1.ContainerStatus) bool {
	t := c.State.Terminated
	if t == nil {
		return false
	}
	return t.ExitCode == 0 || pod.Spec.RestartPolicy == corev1.RestartPolicyNever || pod.Status.Phase == corev1.PodFailed
}

// lost explains a pod that will never do its work although no container of the
// job has failed: nil if it still can.
func lost(pod *corev1.Pod) *PodError {
	switch {
	case pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "":
		return podError(pod, pod.Status.Reason, pod.Status.Message)
	case pod.Status.Phase == corev1.PodFailed:
		return failedInit(pod)
	case pod.DeletionTimestamp != nil:
		return deleted(pod)
	}
	return nil
}

// failedInit finds the container that made the pod fail.
func failedInit(pod *corev1.Pod) *PodError {
	all := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	for i := range all {
		if t := all[i].State.Terminated; t != nil && t.ExitCode != 0 {
			return exitError(pod, &all[i])
		}
	}
	return podError(pod, "Failed", pod.Status.Message)
}

// deleted says that a pod was taken away, and by whom if the cluster tells.
func deleted(pod *corev1.Pod) *PodError {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return podError(pod, reasonDeleted, c.Reason+": "+c.Message)
		}
	}
	return podError(pod, reasonDeleted, "somebody deleted the pod while it was needed")
}

// exitError describes a container that ended badly.
func exitError(pod *corev1.Pod, c *corev1.ContainerStatus) *PodError {
	t := c.State.Terminated
	e := podError(pod, t.Reason, strings.TrimSpace(t.Message))
	e.Container, e.ExitCode, e.Exited = c.Name, int(t.ExitCode), true
	if pod.Status.Reason != "" { // Evicted, DeadlineExceeded: the cause of the exit
		e.Reason, e.Message = pod.Status.Reason, pod.Status.Message
	}
	return e
}

// failures describes all containers of a job that ended badly, in the order of their
// ends. One that ended at the same time as another, because nobody read what it
// wrote, comes behind it.
func failures(pod *corev1.Pod, job []string) []error {
	type failure struct {
		at  time.Time
		err *PodError
	}
	var all []failure
	for _, name := range job {
		c := containerStatus(pod.Status.ContainerStatuses, name)
		if c != nil && hasEnded(pod, c) && c.State.Terminated.ExitCode != 0 {
			all = append(all, failure{c.State.Terminated.FinishedAt.Time, exitError(pod, c)})
		}
	}
	if len(all) > 1 && pod.Status.Reason != "" {
		all = all[:1] // the whole pod was evicted: one cause, once
	}
	slices.SortStableFunc(all, func(a, b failure) int {
		return cmp.Or(a.at.Compare(b.at), brokenPipe(a.err)-brokenPipe(b.err))
	})
	errs := make([]error, len(all))
	for i, f := range all {
		errs[i] = f.err
	}
	return errs
}

func brokenPipe(e *PodError) int {
	if e.ExitCode == statusBrokenPipe {
		return 1
	}
	return 0
}

// runningOf lists the containers of a job that have not ended.
func runningOf(pod *corev1.Pod, job []string) []string {
	return slices.DeleteFunc(slices.Clone(job), func(name string) bool {
		ended, _ := ContainerEnded(pod, name)
		return ended
	})
}

// trouble finds what keeps a pod from starting.
func trouble(pod *corev1.Pod, job []string) *PodError {
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		own := slices.Contains(job, c.Name) || containerStatus(pod.Status.InitContainerStatuses, c.Name) != nil
		if w := c.State.Waiting; own && w != nil && w.Reason != "" && !slices.Contains(harmless, w.Reason) {
			e := podError(pod, w.Reason, strings.TrimSpace(w.Message))
			e.Container = c.Name
			return e
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return podError(pod, c.Reason, c.Message)
		}
	}
	return nil
}

// harmless are the reasons that every container waits for.
var harmless = []string{"ContainerCreating", "PodInitializing"}

func containerStatus(all []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	i := slices.IndexFunc(all, func(c corev1.ContainerStatus) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

func podError(pod *corev1.Pod, reason, message string) *PodError {
	return &PodError{Namespace: pod.Namespace, Pod: pod.Name, Reason: reason, Message: message}
}

// ContainerEnded tells whether a container of the pod has ended for good, and how
// often it was started again.
func ContainerEnded(pod *corev1.Pod, name string) (ended bool, restarts int32) {
	for _, all := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		if c := containerStatus(all, name); c != nil {
			return hasEnded(pod, c), c.RestartCount
		}
	}
	return false, 0
}
