package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Ready waits until all Deployments, StatefulSets and their like have the pods that
// they want, all of them ready and no others left: as after Open or Apply. A
// container that keeps failing is an error at once. When ctx ends first, the error
// says what is still waited for.
func (c *Cluster) Ready(ctx context.Context) error {
	changes := c.store.watchAll()
	defer c.store.stopWatch(changes)
	for {
		missing, err := c.unready()
		if err == nil && len(missing) > 0 {
			err = c.hopeless()
		}
		if err != nil || len(missing) == 0 {
			return err
		}
		if _, err := changes.next(ctx); err != nil {
			return fmt.Errorf("%w while waiting for:\n  - %s", context.Cause(ctx), strings.Join(missing, "\n  - "))
		}
	}
}

// unready describes the workloads that are not as they should be.
func (c *Cluster) unready() ([]string, error) {
	var missing []string
	for _, gvr := range []schema.GroupVersionResource{deploymentsGVR, replicaSetsGVR, statefulSetsGVR, controllersGVR, configsGVR} {
		r := c.must(gvr)
		objs, _ := c.store.list(r, "", matcher{})
		for _, obj := range objs {
			w := workload{}
			if err := errors.Join(convert(obj.Object["spec"], &w.Spec), convert(obj.Object["status"], &w.Status)); err != nil {
				return nil, fmt.Errorf("%s %s: %w", r.Kind, obj.GetName(), err)
			}
			if w.ready(obj.GetGeneration(), gvr == deploymentsGVR || gvr == configsGVR) {
				continue
			}
			missing = append(missing, fmt.Sprintf("%s %s/%s: %d of %d pods are ready%s", r.Kind, obj.GetNamespace(), obj.GetName(),
				w.Status.ReadyReplicas, w.Spec.Replicas, c.troubles(obj.GetNamespace(), obj.GetName())))
		}
	}
	return missing, nil
}

// workload is what Deployments, StatefulSets and their like have in common.
type workload struct {
	Spec struct {
		Replicas int32 `json:"replicas"`
		Paused   bool  `json:"paused"`
	}
	Status struct {
		appsv1.ReplicaSetStatus
		UpdatedReplicas int32 `json:"updatedReplicas"`
	}
}

// ready tells whether the status is as the spec wants it; rolls says that a new
// template replaces all pods.
func (w workload) ready(generation int64, rolls bool) bool {
	s := w.Status
	return s.ObservedGeneration >= generation && s.Replicas == w.Spec.Replicas && s.ReadyReplicas == w.Spec.Replicas &&
		(!rolls || w.Spec.Paused || s.UpdatedReplicas == w.Spec.Replicas) &&
		(s.TerminatingReplicas == nil || *s.TerminatingReplicas == 0)
}

// troubles says why the pods whose names begin with the workload's are not ready.
func (c *Cluster) troubles(namespace, name string) string {
	pods, err := fetchAll[corev1.Pod](c, podsGVR, namespace)
	if err != nil {
		return ": " + err.Error()
	}
	var out strings.Builder
	for _, pod := range pods {
		if !strings.HasPrefix(pod.Name, name+"-") || ready(pod) {
			continue
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
				fmt.Fprintf(&out, "; %s: %s", pod.Name, condition.Message)
			}
		}
		for _, s := range pod.Status.ContainerStatuses {
			if !s.Ready {
				fmt.Fprintf(&out, "; container %s of %s%s", s.Name, pod.Name, describeState(&pod.Status, s.Name))
			}
		}
	}
	return out.String()
}

// patience is how often a container may be started again, for example because what
// it talks to was not up yet.
const patience = 3

// hopeless finds a container of a workload that fails again and again.
func (c *Cluster) hopeless() error {
	pods, err := fetchAll[corev1.Pod](c, podsGVR, "")
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if metav1.GetControllerOf(pod) == nil {
			continue
		}
		for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if w := s.State.Waiting; w == nil || w.Reason != "CrashLoopBackOff" || s.RestartCount < patience {
				continue
			}
			end := s.LastTerminationState.Terminated
			if end == nil {
				end = &corev1.ContainerStateTerminated{Reason: "Unknown"}
			}
			return fmt.Errorf("pod %s/%s: container %s fails again and again: exit status %d (%s) %s",
				pod.Namespace, pod.Name, s.Name, end.ExitCode, end.Reason, end.Message)
		}
	}
	return nil
}

// forgetReadiness takes back what an earlier process said of a workload or a pod:
// its containers ended with it. Without this a client that reads right after Open
// would be told that they run.
func forgetReadiness(obj *unstructured.Unstructured) {
	status, ok := obj.Object["status"].(map[string]any)
	if !ok {
		return
	}
	switch obj.GetKind() {
	case "Deployment", "ReplicaSet", "StatefulSet", "ReplicationController", "DeploymentConfig":
		for _, count := range []string{"readyReplicas", "availableReplicas", "observedGeneration"} {
			delete(status, count)
		}
	case "Pod":
		if phase := status["phase"]; phase == string(corev1.PodRunning) {
			status["phase"] = string(corev1.PodPending)
		}
		setFalse(status["containerStatuses"], "ready", false, func(map[string]any) bool { return true })
		setFalse(status["conditions"], "status", "False", func(c map[string]any) bool {
			return c["type"] == string(corev1.PodReady) || c["type"] == string(corev1.ContainersReady)
		})
	}
}

func setFalse(list any, field string, value any, which func(map[string]any) bool) {
	items, _ := list.([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok && which(m) {
			m[field] = value
		}
	}
}
