package local

import (
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// beginStatus is the status of a pod that its node has taken. What is known from
// an earlier process stays.
func beginStatus(pod *corev1.Pod, s *corev1.PodStatus, now metav1.Time) {
	s.Phase = corev1.PodPending
	s.HostIP, s.PodIP = "127.0.0.1", "127.0.0.1"
	s.HostIPs = []corev1.HostIP{{IP: s.HostIP}}
	s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	s.QOSClass = corev1.PodQOSBestEffort
	if s.StartTime == nil {
		s.StartTime = &now
	}
	setCondition(s, corev1.PodScheduled, true, "", "")
	s.InitContainerStatuses = beginContainers(pod.Spec.InitContainers, s.InitContainerStatuses)
	s.ContainerStatuses = beginContainers(pod.Spec.Containers, s.ContainerStatuses)
	if len(pod.Spec.InitContainers) > 0 && !conditionTrue(s, corev1.PodInitialized) {
		setCondition(s, corev1.PodInitialized, false, "ContainersNotInitialized", "containers with incomplete status")
	}
}

func beginContainers(containers []corev1.Container, known []corev1.ContainerStatus) []corev1.ContainerStatus {
	list := make([]corev1.ContainerStatus, len(containers))
	for i, c := range containers {
		list[i] = corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: c.Image}
		for _, old := range known {
			if old.Name == c.Name {
				list[i] = old
			}
		}
		if list[i].State.Running != nil {
			list[i].RestartCount++
			list[i].State = corev1.ContainerState{}
		}
		if list[i].State.Terminated == nil {
			list[i].State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
		}
		list[i].Ready, list[i].Started = false, new(bool)
	}
	return list
}

// failInterrupted ends a pod whose containers ended with an earlier process.
func failInterrupted(s *corev1.PodStatus) {
	s.Reason = "NodeShutdown"
	s.Message = "the process that ran this pod's containers ended before they did; the pod's restartPolicy is Never"
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for i := range list {
			if list[i].State.Terminated == nil {
				list[i].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					ExitCode: exitKilled, Reason: "ContainerStatusUnknown", Message: s.Message,
				}}
			}
		}
	}
	finishStatus(s, corev1.PodFailed)
}

func finishStatus(s *corev1.PodStatus, phase corev1.PodPhase) {
	s.Phase = phase
	for i := range s.ContainerStatuses {
		s.ContainerStatuses[i].Ready = false
	}
}

// cannotMount is the status of a pod whose volumes are not there. As in Kubernetes, a
// missing claim keeps it from its node, and anything else is told by events.
func cannotMount(s *corev1.PodStatus, err error) {
	if missing := missingClaim(err); missing != nil {
		setCondition(s, corev1.PodScheduled, false, corev1.PodReasonUnschedulable, missing.Error())
		return
	}
	setCondition(s, corev1.PodScheduled, true, "", "")
	setCondition(s, corev1.PodReadyToStartContainers, false, "", "")
	for i := range s.ContainerStatuses {
		s.ContainerStatuses[i].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: "ContainerCreating", Message: err.Error(),
		}}
	}
}

// missingClaim finds a claim in err that is not there, nil if it is something else.
func missingClaim(err error) *missingObject {
	if missing := (*missingObject)(nil); errors.As(err, &missing) && missing.Kind == "persistentvolumeclaim" {
		return missing
	}
	return nil
}

func findStatus(s *corev1.PodStatus, name string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func describeState(s *corev1.PodStatus, name string) string {
	c := findStatus(s, name)
	switch {
	case c == nil:
		return ": the pod has no such container"
	case c.State.Waiting != nil:
		return fmt.Sprintf(": it waits (%s) %s", c.State.Waiting.Reason, c.State.Waiting.Message)
	case c.State.Terminated != nil:
		return fmt.Sprintf(": it ended with status %d (%s)", c.State.Terminated.ExitCode, c.State.Terminated.Reason)
	}
	return ""
}

func containerWaits(s *corev1.PodStatus, name, reason, message string) {
	if c := findStatus(s, name); c != nil {
		c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
		c.Ready = false
	}
}

func containerRuns(s *corev1.PodStatus, name, id string, now metav1.Time) {
	if c := findStatus(s, name); c != nil {
		started := true
		c.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
		c.ContainerID, c.Started = id, &started
	}
	if s.Phase == corev1.PodPending && allStarted(s) {
		s.Phase = corev1.PodRunning
	}
}

func allStarted(s *corev1.PodStatus) bool {
	for _, c := range s.ContainerStatuses {
		if c.State.Running == nil && c.State.Terminated == nil && c.LastTerminationState.Terminated == nil {
			return false
		}
	}
	return true
}

func containerReady(s *corev1.PodStatus, name string, ready bool) {
	if c := findStatus(s, name); c != nil {
		c.Ready = ready && c.State.Running != nil
	}
}

// containerEnded keeps how the container ended; one that will be started again
// shows it as its last state once it waits.
func containerEnded(s *corev1.PodStatus, name string, end corev1.ContainerStateTerminated, again bool) {
	c := findStatus(s, name)
	if c == nil {
		return
	}
	started := false
	c.Ready, c.Started, c.ContainerID = false, &started, end.ContainerID
	c.State = corev1.ContainerState{Terminated: &end}
	if s.Phase == corev1.PodPending && allStarted(s) && (again || len(s.ContainerStatuses) > 1) {
		s.Phase = corev1.PodRunning
	}
}

func containerBacksOff(s *corev1.PodStatus, name string, backoff time.Duration) {
	c := findStatus(s, name)
	if c == nil {
		return
	}
	c.LastTerminationState = c.State
	c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: "CrashLoopBackOff", Message: fmt.Sprintf("back-off %s restarting failed container", backoff),
	}}
}

func containerRestarts(s *corev1.PodStatus, name string) {
	c := findStatus(s, name)
	if c == nil {
		return
	}
	c.RestartCount++
	if c.State.Terminated != nil {
		c.LastTerminationState = c.State
	}
	c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
}

// refreshReadiness derives the conditions from the containers' states.
func refreshReadiness(pod *corev1.Pod, s *corev1.PodStatus, now metav1.Time) {
	s.ObservedGeneration = pod.Generation
	ready := len(s.ContainerStatuses) > 0
	var waiting []string
	for _, c := range s.ContainerStatuses {
		if !c.Ready {
			ready = false
			waiting = append(waiting, c.Name)
		}
	}
	if len(pod.Spec.InitContainers) == 0 && len(s.ContainerStatuses) > 0 {
		setCondition(s, corev1.PodInitialized, true, "", "")
	}
	reason, message := "", ""
	switch {
	case ready:
	case s.Phase == corev1.PodSucceeded:
		reason = "PodCompleted"
	case s.Phase == corev1.PodFailed:
		reason = "PodFailed"
	default:
		reason, message = "ContainersNotReady", fmt.Sprintf("containers with unready status: %v", waiting)
	}
	setCondition(s, corev1.ContainersReady, ready, reason, message)
	setCondition(s, corev1.PodReady, ready, reason, message)
	stampConditions(s, now)
}

func setCondition(s *corev1.PodStatus, kind corev1.PodConditionType, is bool, reason, message string) {
	status := corev1.ConditionFalse
	if is {
		status = corev1.ConditionTrue
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if c.Type != kind {
			continue
		}
		if c.Status != status {
			c.LastTransitionTime = metav1.Time{}
		}
		c.Status, c.Reason, c.Message = status, reason, message
		return
	}
	s.Conditions = append(s.Conditions, corev1.PodCondition{Type: kind, Status: status, Reason: reason, Message: message})
}

// stampConditions dates the conditions that have changed.
func stampConditions(s *corev1.PodStatus, now metav1.Time) {
	for i := range s.Conditions {
		if s.Conditions[i].LastTransitionTime.IsZero() {
			s.Conditions[i].LastTransitionTime = now
		}
	}
}

func conditionTrue(s *corev1.PodStatus, kind corev1.PodConditionType) bool {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
