package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestLastSeen(t *testing.T) {
	for want, status := range map[string]corev1.PodStatus{
		"it had not started": {},
		"it had not started, Unschedulable: because": {
			Conditions: []corev1.PodCondition{condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable")}},
		"container output runs, container background waits: ContainerCreating: because": {
			ContainerStatuses: []corev1.ContainerStatus{waiting("background", "ContainerCreating"), running("output")}},
		"container output has no state yet, container background has ended: Completed (status 0)": {
			ContainerStatuses: []corev1.ContainerStatus{ended("background", 0, "Completed")}},
	} {
		if got := lastSeen(&corev1.Pod{Status: status}, []string{"output", "background"}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestExplainContainer(t *testing.T) {
	restarted := running("app")
	restarted.RestartCount, restarted.LastTerminationState = 2, ended("app", 137, "OOMKilled").State
	pod := &corev1.Pod{
		Spec: corev1.PodSpec{
			InitContainers:      []corev1.Container{{Name: "init"}},
			Containers:          []corev1.Container{{Name: "app"}, {Name: "proxy"}},
			EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}},
		},
		Status: corev1.PodStatus{
			InitContainerStatuses:      []corev1.ContainerStatus{ended("init", 0, "Completed")},
			ContainerStatuses:          []corev1.ContainerStatus{restarted, {Name: "proxy"}},
			EphemeralContainerStatuses: []corev1.ContainerStatus{{Name: "debug", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "Pulling"}}}},
		},
	}
	for name, want := range map[string]string{
		"":      "the pod has several containers, name one of them: app, proxy",
		"app":   "the container app runs, and was started again 2 times, the last time after OOMKilled (status 137)",
		"proxy": "the container proxy has no state yet",
		"init":  "the container init has ended: Completed (status 0)",
		"debug": "the container debug waits: Pulling",
		"web":   "the pod has no container of that name; it has app, proxy",
	} {
		if got := ExplainContainer(pod, name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	pod.Spec.Containers = pod.Spec.Containers[1:]
	if got := ExplainContainer(pod, ""); got != "the container proxy has no state yet" {
		t.Errorf("the only container: %q", got)
	}
}
