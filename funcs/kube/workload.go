package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// Kinds of workloads, as blueprints write them, in lower case.
const (
	KindDeployment       = "deployment"
	KindStatefulSet      = "statefulset"
	KindDeploymentConfig = "deploymentconfig"
)

// DeploymentConfigs is OpenShift's resource.
var DeploymentConfigs = schema.GroupVersionResource{Group: "apps.openshift.io", Version: "v1", Resource: "deploymentconfigs"}

// WorkloadRef names a workload. Kind may be written in any case.
type WorkloadRef struct {
	Kind, Namespace, Name string
}

func (r WorkloadRef) String() string {
	return fmt.Sprintf("%s %s/%s", strings.ToLower(r.Kind), r.Namespace, r.Name)
}

// A workload is what Deployments, StatefulSets and DeploymentConfigs have in
// common.
type workload struct {
	WorkloadRef
	object   metav1.Object
	replicas int32 // wanted
	selector *metav1.LabelSelector
	// settled says what is still missing until status shows n ready replicas, ""
	// if nothing.
	settled func(n int32) string
	// stuck is why it will never be, "" if it may.
	stuck string
	// failure is why its controller cannot make pods, as its status says; "" if it
	// can.
	failure string
	// revision is the present revision, where the kind has them.
	revision string
	// grace is how long its pods may take to end.
	grace time.Duration
}

// workloads works on one kind.
type workloads interface {
	get(ctx context.Context, name string) (*workload, error)
	// patch applies a merge patch.
	patch(ctx context.Context, name string, patch []byte) (*workload, error)
	// follow is Follow.
	follow(ctx context.Context, from *workload, see func(*workload) (bool, error)) error
}

func workloadsOf(kube kubernetes.Interface, dyn dynamic.Interface, ref WorkloadRef) (workloads, error) {
	switch strings.ToLower(ref.Kind) {
	case KindDeployment:
		return typed[*appsv1.Deployment]{kube.AppsV1().Deployments(ref.Namespace), fromDeployment}, nil
	case KindStatefulSet:
		return typed[*appsv1.StatefulSet]{kube.AppsV1().StatefulSets(ref.Namespace), fromStatefulSet}, nil
	case KindDeploymentConfig:
		resource := dyn.Resource(DeploymentConfigs).Namespace(ref.Namespace)
		return typed[*unstructured.Unstructured]{dynamicClient{resource}, fromDeploymentConfig}, nil
	}
	return nil, fmt.Errorf("kind %q is not a workload: use deployment, statefulset or deploymentconfig", ref.Kind)
}

// FindWorkload tells whether a workload is there.
func FindWorkload(ctx context.Context, kube kubernetes.Interface, dyn dynamic.Interface, ref WorkloadRef) error {
	kind, err := workloadsOf(kube, dyn, ref)
	if err != nil {
		return err
	}
	if _, err = kind.get(ctx, ref.Name); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return nil
}

// patcher is a Client that can patch as well.
type patcher[T Object] interface {
	Client[T]
	Patch(ctx context.Context, name string, pt types.PatchType, data []byte, opts metav1.PatchOptions, sub ...string) (T, error)
}

// typed makes workloads of a client for one type.
type typed[T Object] struct {
	client patcher[T]
	view   func(T) (*workload, error)
}

func (t typed[T]) get(ctx context.Context, name string) (*workload, error) {
	object, err := t.client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return t.view(object)
}

func (t typed[T]) patch(ctx context.Context, name string, patch []byte) (*workload, error) {
	object, err := t.client.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return nil, err
	}
	return t.view(object)
}

func (t typed[T]) follow(ctx context.Context, from *workload, see func(*workload) (bool, error)) error {
	object, ok := from.object.(T)
	if !ok {
		return fmt.Errorf("%s is a %T", from.WorkloadRef, from.object)
	}
	_, err := Follow(ctx, t.client, object, func(object T) (bool, error) {
		w, err := t.view(object)
		if err != nil {
			return false, err
		}
		return see(w)
	})
	return err
}

func fromDeployment(d *appsv1.Deployment) (*workload, error) {
	w := &workload{
		WorkloadRef: WorkloadRef{KindDeployment, d.Namespace, d.Name},
		object:      d,
		replicas:    orOne(d.Spec.Replicas),
		selector:    d.Spec.Selector,
		revision:    d.Annotations[deploymentRevision],
		grace:       graceOf(&d.Spec.Template),
	}
	w.settled = func(n int32) string {
		s := d.Status
		return missing(d.Generation, s.ObservedGeneration, n,
			count{"replicas", s.Replicas}, count{"updated", s.UpdatedReplicas}, count{"available", s.AvailableReplicas})
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded" && d.Status.ObservedGeneration >= d.Generation {
			w.stuck = c.Message
		}
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			w.failure = c.Reason + ": " + c.Message
		}
	}
	return w, nil
}

func fromStatefulSet(s *appsv1.StatefulSet) (*workload, error) {
	w := &workload{
		WorkloadRef: WorkloadRef{KindStatefulSet, s.Namespace, s.Name},
		object:      s,
		replicas:    orOne(s.Spec.Replicas),
		selector:    s.Spec.Selector,
		grace:       graceOf(&s.Spec.Template),
	}
	w.settled = func(n int32) string {
		return missing(s.Generation, s.Status.ObservedGeneration, n,
			count{"replicas", s.Status.Replicas}, count{"ready", s.Status.ReadyReplicas})
	}
	return w, nil
}

// deploymentConfig has the fields of a DeploymentConfig that matter here.
type deploymentConfig struct {
	Spec struct {
		Replicas int32                  `json:"replicas"`
		Selector map[string]string      `json:"selector"`
		Template corev1.PodTemplateSpec `json:"template"`
	} `json:"spec"`
	Status struct {
		LatestVersion      int64 `json:"latestVersion"`
		ObservedGeneration int64 `json:"observedGeneration"`
		Replicas           int32 `json:"replicas"`
		UpdatedReplicas    int32 `json:"updatedReplicas"`
		AvailableReplicas  int32 `json:"availableReplicas"`
	} `json:"status"`
}

func fromDeploymentConfig(u *unstructured.Unstructured) (*workload, error) {
	src, err := json.Marshal(u.Object)
	if err != nil {
		return nil, err
	}
	var dc deploymentConfig
	if err := json.Unmarshal(src, &dc); err != nil {
		return nil, fmt.Errorf("deploymentconfig %s/%s: %w", u.GetNamespace(), u.GetName(), err)
	}
	w := &workload{
		WorkloadRef: WorkloadRef{KindDeploymentConfig, u.GetNamespace(), u.GetName()},
		object:      u,
		replicas:    dc.Spec.Replicas,
		selector:    &metav1.LabelSelector{MatchLabels: dc.Spec.Selector},
		revision:    fmt.Sprint(dc.Status.LatestVersion),
		grace:       graceOf(&dc.Spec.Template),
	}
	w.settled = func(n int32) string {
		s := dc.Status
		return missing(u.GetGeneration(), s.ObservedGeneration, n,
			count{"replicas", s.Replicas}, count{"updated", s.UpdatedReplicas}, count{"available", s.AvailableReplicas})
	}
	return w, nil
}

type count struct {
	name string
	is   int32
}

// missing describes what a status lacks, "" if nothing.
func missing(generation, observed int64, want int32, counts ...count) string {
	if observed < generation {
		return "its controller has not seen the change yet"
	}
	for _, c := range counts {
		if c.is != want {
			return fmt.Sprintf("%d of %d %s", c.is, want, c.name)
		}
	}
	return ""
}

func graceOf(template *corev1.PodTemplateSpec) time.Duration {
	seconds := template.Spec.TerminationGracePeriodSeconds
	if seconds == nil {
		return corev1.DefaultTerminationGracePeriodSeconds * time.Second
	}
	return time.Duration(*seconds) * time.Second
}

func orOne(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// leftover tells whether a pod has ended and nobody is about to delete it, as it
// is with evicted ones. Such a pod counts for nothing.
func leftover(p *corev1.Pod) bool {
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return ended && p.DeletionTimestamp == nil
}
