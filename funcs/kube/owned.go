package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const (
	deploymentRevision       = "deployment.kubernetes.io/revision"
	deploymentConfigRevision = "openshift.io/deployment-config.latest-version"
)

// podsOf lists the pods that a workload owns, by name, with the resource version
// of the list. A Deployment owns pods through ReplicaSets, a DeploymentConfig
// through ReplicationControllers: current asks for those of the present revision
// only.
func podsOf(ctx context.Context, kube kubernetes.Interface, w *workload, current bool) ([]corev1.Pod, string, error) {
	selector, err := metav1.LabelSelectorAsSelector(w.selector)
	if err != nil {
		return nil, "", fmt.Errorf("selector of %s: %w", w.WorkloadRef, err)
	}
	owners, err := ownersOf(ctx, kube, w, current)
	if err != nil {
		return nil, "", err
	}
	list, err := kube.CoreV1().Pods(w.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, "", fmt.Errorf("pods of %s: %w", w.WorkloadRef, err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool {
		owner := metav1.GetControllerOf(&p)
		return owner == nil || !slices.Contains(owners, owner.UID)
	})
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, list.ResourceVersion, nil
}

// ownersOf returns the UIDs of the objects that own the pods of a workload.
func ownersOf(ctx context.Context, kube kubernetes.Interface, w *workload, current bool) ([]types.UID, error) {
	switch w.Kind {
	case KindDeployment:
		return replicaSets(ctx, kube, w, current)
	case KindDeploymentConfig:
		return replicationControllers(ctx, kube, w, current)
	default:
		return []types.UID{w.object.GetUID()}, nil
	}
}

func replicaSets(ctx context.Context, kube kubernetes.Interface, w *workload, current bool) ([]types.UID, error) {
	list, err := kube.AppsV1().ReplicaSets(w.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("replica sets of %s: %w", w.WorkloadRef, err)
	}
	var owners []types.UID
	for i := range list.Items {
		rs := &list.Items[i]
		if metav1.IsControlledBy(rs, w.object) && (!current || rs.Annotations[deploymentRevision] == w.revision) {
			owners = append(owners, rs.UID)
		}
	}
	if current && len(owners) == 0 {
		return nil, fmt.Errorf("%s has no replica set of its present revision %q", w.WorkloadRef, w.revision)
	}
	return owners, nil
}

func replicationControllers(ctx context.Context, kube kubernetes.Interface, w *workload, current bool) ([]types.UID, error) {
	list, err := kube.CoreV1().ReplicationControllers(w.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("replication controllers of %s: %w", w.WorkloadRef, err)
	}
	var owners []types.UID
	for i := range list.Items {
		rc := &list.Items[i]
		if metav1.IsControlledBy(rc, w.object) && (!current || rc.Annotations[deploymentConfigRevision] == w.revision) {
			owners = append(owners, rc.UID)
		}
	}
	if current && len(owners) == 0 {
		return nil, fmt.Errorf("%s has no replication controller of its present version %s", w.WorkloadRef, w.revision)
	}
	return owners, nil
}
