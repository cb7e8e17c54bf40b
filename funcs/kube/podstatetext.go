package kube

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// lastSeen says in words what a pod was doing, for the error of a wait that ended
// before the pod did.
func lastSeen(pod *corev1.Pod, job []string) string {
	if len(pod.Status.ContainerStatuses) == 0 {
		if t := trouble(pod, job); t != nil {
			return strings.TrimSuffix(fmt.Sprintf("it had not started, %s: %s", t.Reason, t.Message), ": ")
		}
		return "it had not started"
	}
	said := make([]string, len(job))
	for i, name := range job {
		said[i] = "container " + name + " " + DescribeContainer(pod, name)
	}
	return strings.Join(said, ", ")
}

// DescribeContainer says in words what a container of a pod does, and why it was
// started again if it was: "runs", "waits: CrashLoopBackOff: …".
func DescribeContainer(pod *corev1.Pod, name string) string {
	all := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses)
	c := containerStatus(all, name)
	if c == nil {
		return "has no state yet"
	}
	text := describeState(c.State)
	if t := c.LastTerminationState.Terminated; t != nil && c.RestartCount > 0 {
		text += fmt.Sprintf(", and was started again %d times, the last time after %s", c.RestartCount, describeEnd(t))
	}
	return text
}

func describeState(s corev1.ContainerState) string {
	switch {
	case s.Running != nil:
		return "runs"
	case s.Terminated != nil:
		return "has ended: " + describeEnd(s.Terminated)
	case s.Waiting != nil && s.Waiting.Message != "":
		return fmt.Sprintf("waits: %s: %s", s.Waiting.Reason, strings.TrimSpace(s.Waiting.Message))
	case s.Waiting != nil:
		return "waits: " + s.Waiting.Reason
	}
	return "has no state yet"
}

func describeEnd(t *corev1.ContainerStateTerminated) string {
	return fmt.Sprintf("%s (status %d)", t.Reason, t.ExitCode)
}

// ExplainContainer says what a container does in which something could not be done. No
// name stands for the pod's only one.
func ExplainContainer(pod *corev1.Pod, name string) string {
	var names []string
	for _, c := range pod.Spec.Containers {
		names = append(names, c.Name)
	}
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	switch {
	case name == "":
		return "the pod has several containers, name one of them: " + strings.Join(names, ", ")
	case !slices.Contains(names, name) && !isExtra(pod, name):
		return "the pod has no container of that name; it has " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("the container %s %s", name, DescribeContainer(pod, name))
}

// isExtra tells whether it is an init container or one that was added later.
func isExtra(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == name }) ||
		slices.ContainsFunc(pod.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool { return c.Name == name })
}
