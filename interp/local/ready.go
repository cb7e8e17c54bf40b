package local

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Ready waits until all Deployments and StatefulSets have the pods they want. A
// container that keeps failing is an error at once.
func (c *Cluster) Ready(ctx context.Context) error {
	changes := c.store.watchAll()
	defer c.store.stopWatch(changes)
	for {
		waiting, err := c.waiting(ctx)
		if err != nil || waiting == "" {
			return err
		}
		if _, err := changes.next(ctx); err != nil {
			return fmt.Errorf("%s is not ready: %w", waiting, err)
		}
	}
}

// waiting names a workload that is not ready yet.
func (c *Cluster) waiting(ctx context.Context) (string, error) {
	if err := c.checkPods(ctx); err != nil {
		return "", err
	}
	deployments, err := c.kube.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, d := range deployments.Items {
		if !deploymentReady(&d) {
			return "Deployment " + d.Namespace + "/" + d.Name, nil
		}
	}
	sets, err := c.kube.AppsV1().StatefulSets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, s := range sets.Items {
		if s.Status.ObservedGeneration < s.Generation || s.Status.ReadyReplicas != replicas(s.Spec.Replicas) {
			return "StatefulSet " + s.Namespace + "/" + s.Name, nil
		}
	}
	return "", nil
}

func deploymentReady(d *appsv1.Deployment) bool {
	want := replicas(d.Spec.Replicas)
	return d.Status.ObservedGeneration >= d.Generation && d.Status.ReadyReplicas == want &&
		d.Status.UpdatedReplicas == want && d.Status.Replicas == want
}

// replicas is what is wanted when nothing is said.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// checkPods finds a pod of a workload whose container fails again and again.
func (c *Cluster) checkPods(ctx context.Context) error {
	pods, err := c.kube.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, p := range pods.Items {
		if metav1.GetControllerOf(&p) == nil {
			continue
		}
		for _, s := range append(append([]corev1.ContainerStatus{}, p.Status.InitContainerStatuses...), p.Status.ContainerStatuses...) {
			if w := s.State.Waiting; w != nil && s.RestartCount > 0 && s.LastTerminationState.Terminated != nil {
				return fmt.Errorf("pod %s/%s: container %s fails again and again: exit code %d %s",
					p.Namespace, p.Name, s.Name, s.LastTerminationState.Terminated.ExitCode, s.LastTerminationState.Terminated.Message)
			}
		}
	}
	return nil
}
