package kube

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func waiting(name, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "because"}}}
}

func running(name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func ended(name string, code int32, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}}
}

func condition(t corev1.PodConditionType, status corev1.ConditionStatus, reason string) corev1.PodCondition {
	return corev1.PodCondition{Type: t, Status: status, Reason: reason, Message: "because"}
}

func TestJudge(t *testing.T) {
	deletedAt := &metav1.Time{Time: time.Unix(0, 0)}
	for name, c := range map[string]struct {
		pod            corev1.Pod
		job            []string
		started, ended bool
		failure        string // text of the failure, "" for none
		trouble        string
	}{
		"new": {pod: corev1.Pod{}},
		"creating": {pod: corev1.Pod{Status: corev1.PodStatus{
			Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{waiting("main", "ContainerCreating")}}}},
		"running": {
			pod: corev1.Pod{Status: corev1.PodStatus{
				Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{running("main")}}},
			started: true,
		},
		"ended well": {
			pod: corev1.Pod{Status: corev1.PodStatus{
				Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{ended("main", 0, "Completed")}}},
			started: true, ended: true,
		},
		"ended beside a sidecar that runs": {
			pod: corev1.Pod{Status: corev1.PodStatus{
				Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{running("proxy"), ended("main", 0, "Completed")}}},
			started: true, ended: true,
		},
		"ended while the pod is deleted": {
			pod: corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: deletedAt},
				Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{ended("main", 0, "Completed")}}},
			started: true, ended: true,
		},
		"failed beside a sidecar that runs": {
			pod: corev1.Pod{
				Spec:   corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{running("proxy"), ended("main", 4, "Error")}}},
			started: true, failure: "container main: ended with status 4",
		},
		"out of memory": {
			pod: corev1.Pod{Status: corev1.PodStatus{
				Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{ended("main", 137, "OOMKilled")}}},
			started: true, failure: "container main: OOMKilled (ended with status 137)\nto go on: give the container a higher memory limit",
		},
		"will be started again": {
			pod: corev1.Pod{
				Spec:   corev1.PodSpec{RestartPolicy: corev1.RestartPolicyOnFailure},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{ended("main", 4, "Error")}}},
		},
		"the second container runs on": {
			pod: corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning,
				ContainerStatuses: []corev1.ContainerStatus{ended("main", 0, "Completed"), running("second")}}},
			job: []string{"main", "second"}, started: true,
		},
		"the second container has no image": {
			pod: corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending,
				ContainerStatuses: []corev1.ContainerStatus{running("main"), waiting("second", "ErrImagePull")}}},
			job: []string{"main", "second"}, trouble: "container second: ErrImagePull: because",
		},
		"the sidecar has no image": {
			pod: corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending,
				ContainerStatuses: []corev1.ContainerStatus{waiting("main", "PodInitializing"), waiting("proxy", "ErrImagePull")}}},
		},
		"init container has no image": {
			pod: corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending,
				InitContainerStatuses: []corev1.ContainerStatus{waiting("init", "ImagePullBackOff")},
				ContainerStatuses:     []corev1.ContainerStatus{waiting("main", "PodInitializing")}}},
			trouble: "container init: ImagePullBackOff",
		},
		"init container failed": {
			pod: corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed,
				InitContainerStatuses: []corev1.ContainerStatus{ended("init", 2, "Error")},
				ContainerStatuses:     []corev1.ContainerStatus{waiting("main", "PodInitializing")}}},
			failure: "container init: ended with status 2",
		},
		"no node": {
			pod: corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
				condition(corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable)}}},
			trouble: "Unschedulable: because",
		},
		"evicted": {
			pod:     corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "low on memory"}},
			failure: "Evicted: low on memory",
		},
		"deleted": {
			pod: corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: deletedAt},
				Status:     corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{running("main")}}},
			started: true, failure: "Deleted: somebody deleted the pod",
		},
		"drained": {
			pod: corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: deletedAt},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{running("main")},
					Conditions: []corev1.PodCondition{condition(corev1.DisruptionTarget, corev1.ConditionTrue, "EvictionByEvictionAPI")}}},
			started: true, failure: "Deleted: EvictionByEvictionAPI: because",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.job == nil {
				c.job = []string{"main"}
			}
			c.pod.Namespace, c.pod.Name = "ns", "p"
			got := judge(&c.pod, c.job)
			if got.started != c.started || got.ended != c.ended {
				t.Errorf("started %v, ended %v", got.started, got.ended)
			}
			sameError(t, "failure", got.failure, c.failure)
			sameError(t, "trouble", got.trouble, c.trouble)
		})
	}
}

func sameError(t *testing.T, what string, got *PodError, want string) {
	t.Helper()
	switch {
	case got == nil && want == "":
	case got == nil:
		t.Errorf("no %s, want %q", what, want)
	case want == "" || !strings.Contains(got.Error(), want):
		t.Errorf("%s %q, want %q", what, got, want)
	}
}
