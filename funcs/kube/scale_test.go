package kube

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

var appLabels = map[string]string{"app": "web"}

func objectMeta(name string, uid types.UID, owner *metav1.OwnerReference) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uid, Labels: appLabels, ResourceVersion: "1"}
	if owner != nil {
		m.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	return m
}

func ownedBy(kind, name string, uid types.UID) *metav1.OwnerReference {
	return &metav1.OwnerReference{APIVersion: "apps/v1", Kind: kind, Name: name, UID: uid, Controller: new(true)}
}

func statefulSet(replicas, ready int32) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: objectMeta("web", "sts", nil),
		Spec:       appsv1.StatefulSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: appLabels}},
		Status:     appsv1.StatefulSetStatus{Replicas: ready, ReadyReplicas: ready},
	}
}

func deploymentAt(revision string, replicas int32) *appsv1.Deployment {
	d := &appsv1.Deployment{
		ObjectMeta: objectMeta("web", "dep", nil),
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: appLabels}},
	}
	d.Annotations = map[string]string{deploymentRevision: revision}
	return d
}

func replicaSet(name string, uid types.UID, revision string) *appsv1.ReplicaSet {
	rs := &appsv1.ReplicaSet{ObjectMeta: objectMeta(name, uid, ownedBy("Deployment", "web", "dep"))}
	rs.Annotations = map[string]string{deploymentRevision: revision}
	return rs
}

func podOf(name string, owner *metav1.OwnerReference, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: objectMeta(name, types.UID(name), owner), Status: corev1.PodStatus{Phase: phase}}
}

// controller answers each change of the StatefulSet's replicas with these statuses.
func controller(t *testing.T, client *fake.Clientset, statuses ...appsv1.StatefulSetStatus) {
	t.Helper()
	w, err := client.AppsV1().StatefulSets("shop").Watch(t.Context(), metav1.ListOptions{ResourceVersion: "1000"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	go func() {
		<-w.ResultChan()
		for _, status := range statuses {
			s, err := client.AppsV1().StatefulSets("shop").Get(context.Background(), "web", metav1.GetOptions{})
			if err == nil {
				s.Status = status
				_, err = client.AppsV1().StatefulSets("shop").UpdateStatus(context.Background(), s, metav1.UpdateOptions{})
			}
			if err != nil {
				t.Error(err)
			}
		}
	}()
}

var web = WorkloadRef{Kind: "StatefulSet", Namespace: "shop", Name: "web"}

func TestScaleWaits(t *testing.T) {
	client := fake.NewClientset(statefulSet(1, 1))
	controller(t, client, appsv1.StatefulSetStatus{Replicas: 2, ReadyReplicas: 1}, appsv1.StatefulSetStatus{Replicas: 3, ReadyReplicas: 3})
	before, err := (&Scaler{Kube: client}).Scale(t.Context(), web, 3, true)
	if err != nil || before != 1 {
		t.Fatalf("before %d, error %v", before, err)
	}
	s, err := client.AppsV1().StatefulSets("shop").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || *s.Spec.Replicas != 3 || s.Status.ReadyReplicas != 3 {
		t.Errorf("returned at %+v, error %v", s.Status, err)
	}
}

// TestScaleNothingToDo: there is no write when the number is right, but the wait
// is for the pods all the same.
func TestScaleNothingToDo(t *testing.T) {
	client := fake.NewClientset(statefulSet(2, 2))
	before, err := (&Scaler{Kube: client}).Scale(t.Context(), web, 2, true)
	if err != nil || before != 2 {
		t.Fatalf("before %d, error %v", before, err)
	}
	for _, a := range client.Actions() {
		if a.GetVerb() == "patch" || a.GetVerb() == "update" {
			t.Errorf("it wrote: %v", a)
		}
	}
}

func TestScaleConflict(t *testing.T) {
	client := fake.NewClientset(statefulSet(1, 0))
	conflicts := 2
	client.PrependReactor("patch", "statefulsets", func(clienttesting.Action) (bool, runtime.Object, error) {
		if conflicts--; conflicts >= 0 {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "statefulsets"}, "web", errors.New("changed"))
		}
		return false, nil, nil
	})
	before, err := (&Scaler{Kube: client}).Scale(t.Context(), web, 0, true)
	if err != nil || before != 1 || conflicts >= 0 {
		t.Errorf("before %d, error %v", before, err)
	}
}

// TestScaleWaitsForEndingPods: the status counts a pod that is ending no more, but
// its containers still run.
func TestScaleWaitsForEndingPods(t *testing.T) {
	ending := podOf("web-abc", ownedBy("ReplicaSet", "web-1", "rs"), corev1.PodRunning)
	ending.DeletionTimestamp = &metav1.Time{}
	evicted := podOf("web-old", ownedBy("ReplicaSet", "web-1", "rs"), corev1.PodFailed)
	client := fake.NewClientset(deploymentAt("1", 0), replicaSet("web-1", "rs", "1"), ending, evicted)
	watching := make(chan struct{})
	client.PrependWatchReactor("pods", func(clienttesting.Action) (bool, watch.Interface, error) {
		defer close(watching)
		return false, nil, nil
	})
	go func() {
		<-watching
		if err := client.CoreV1().Pods("shop").Delete(context.Background(), "web-abc", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}()
	if _, err := (&Scaler{Kube: client}).Scale(t.Context(), WorkloadRef{"deployment", "shop", "web"}, 0, true); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Pods("shop").Get(t.Context(), "web-abc", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("it did not wait for the pod: %v", err)
	}
}

func TestScaleFails(t *testing.T) {
	stuck := deploymentAt("1", 2)
	stuck.Status.Conditions = []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded", Message: "too slow",
	}}
	client := fake.NewClientset(stuck)
	_, err := (&Scaler{Kube: client}).Scale(t.Context(), WorkloadRef{"deployment", "shop", "web"}, 2, true)
	if err == nil || !strings.Contains(err.Error(), "too slow: 0 of 2 replicas") {
		t.Errorf("error %v", err)
	}
}

// TestScaleCancelled: the error says what was missing.
func TestScaleCancelled(t *testing.T) {
	pod := podOf("web-0", ownedBy("StatefulSet", "web", "sts"), corev1.PodPending)
	pod.Spec.Containers = []corev1.Container{{Name: "main"}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{waiting("main", "ImagePullBackOff")}
	client := fake.NewClientset(statefulSet(1, 0), pod)
	ctx, cancel := context.WithCancel(t.Context())
	client.PrependWatchReactor("statefulsets", func(clienttesting.Action) (bool, watch.Interface, error) {
		cancel()
		return false, nil, nil
	})
	_, err := (&Scaler{Kube: client}).Scale(ctx, web, 1, true)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "0 of 1 replicas") ||
		!strings.Contains(err.Error(), "pod web-0: ImagePullBackOff: because") {
		t.Errorf("error %v", err)
	}
}

func deploymentConfigObject(replicas int64) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps.openshift.io/v1",
		"kind":       "DeploymentConfig",
		"metadata":   map[string]any{"namespace": "shop", "name": "web", "uid": "dc", "resourceVersion": "1", "generation": int64(1)},
		"spec":       map[string]any{"replicas": replicas, "selector": map[string]any{"app": "web"}},
		"status": map[string]any{"latestVersion": int64(3), "observedGeneration": int64(1),
			"replicas": int64(0), "updatedReplicas": int64(0), "availableReplicas": int64(0)},
	}}
}

func dynamicWith(objects ...runtime.Object) *dynamicfake.FakeDynamicClient {
	return dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{DeploymentConfigs: "DeploymentConfigList"}, objects...)
}

func TestScaleDeploymentConfig(t *testing.T) {
	dyn := dynamicWith(deploymentConfigObject(2))
	before, err := (&Scaler{Kube: fake.NewClientset(), Dynamic: dyn, Phase: "r1/stop"}).Scale(t.Context(), WorkloadRef{"DeploymentConfig", "shop", "web"}, 0, true)
	if err != nil || before != 2 {
		t.Fatalf("before %d, error %v", before, err)
	}
	dc, err := dyn.Resource(DeploymentConfigs).Namespace("shop").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n, _, err := unstructured.NestedInt64(dc.Object, "spec", "replicas"); n != 0 || err != nil {
		t.Errorf("%d replicas, error %v", n, err)
	}
	if noted := dc.GetAnnotations()[ReplicasBefore]; noted != "r1/stop=2" {
		t.Errorf("annotation %q", noted)
	}
}

// TestScaleAgain has a first attempt that scaled 3 to 0 and was stopped before the
// pods were gone.
func TestScaleAgain(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string // phases
		want          int32  // that the second attempt gives as the number before
		noted         string // the annotation in the end
		replicas      int32  // that the second attempt asks for
	}{
		"the same phase":                  {"r1/stop", "r1/stop", 3, "r1/stop=3", 0},
		"the same phase, another number":  {"r1/stop", "r1/stop", 3, "r1/stop=3", 1},
		"another phase":                   {"r1/stop", "r1/start", 0, "r1/start=0", 2},
		"another phase, nothing to do":    {"r1/stop", "r1/check", 0, "r1/stop=3", 0},
		"another run":                     {"r1/stop", "r2/stop", 0, "r2/stop=0", 1},
		"a phase with a longer name":      {"r1/stop", "r1/sto", 0, "r1/sto=0", 1},
		"outside of a run":                {"", "", 0, "", 0},
		"outside of a run, after a phase": {"r1/stop", "", 0, "r1/stop=3", 1},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset(statefulSet(3, 3))
			ctx, cancel := context.WithCancel(t.Context())
			client.PrependWatchReactor("statefulsets", func(clienttesting.Action) (bool, watch.Interface, error) {
				cancel()
				return false, nil, nil
			})
			before, err := (&Scaler{Kube: client, Phase: c.first}).Scale(ctx, web, 0, true)
			if before != 3 || !errors.Is(err, context.Canceled) {
				t.Fatalf("the first attempt: before %d, error %v", before, err)
			}
			before, err = (&Scaler{Kube: client, Phase: c.second}).Scale(t.Context(), web, c.replicas, false)
			if before != c.want || err != nil {
				t.Errorf("the second attempt: before %d, error %v; want %d", before, err, c.want)
			}
			s, err := client.AppsV1().StatefulSets("shop").Get(t.Context(), "web", metav1.GetOptions{})
			if err != nil || s.Annotations[ReplicasBefore] != c.noted || *s.Spec.Replicas != c.replicas {
				t.Errorf("annotation %q, %d replicas, error %v", s.Annotations[ReplicasBefore], *s.Spec.Replicas, err)
			}
		})
	}
}

// TestScaleForeignNote: a call outside of a run believes no note.
func TestScaleForeignNote(t *testing.T) {
	noted := statefulSet(3, 3)
	noted.Annotations = map[string]string{ReplicasBefore: "=5"}
	before, err := (&Scaler{Kube: fake.NewClientset(noted)}).Scale(t.Context(), web, 0, false)
	if before != 3 || err != nil {
		t.Errorf("before %d, error %v", before, err)
	}
}

// TestScaleNoteMalformed: no number is made up, and nothing is changed.
func TestScaleNoteMalformed(t *testing.T) {
	for _, value := range []string{"r1/stop=", "r1/stop=three", "r1/stop=-1", "r1/stop=99999999999"} {
		t.Run(value, func(t *testing.T) {
			noted := statefulSet(3, 3)
			noted.Annotations = map[string]string{ReplicasBefore: value}
			client := fake.NewClientset(noted)
			_, err := (&Scaler{Kube: client, Phase: "r1/stop"}).Scale(t.Context(), web, 0, false)
			if err == nil || !strings.Contains(err.Error(), "statefulset shop/web") || !strings.Contains(err.Error(), value) {
				t.Errorf("error %v", err)
			}
			s, err := client.AppsV1().StatefulSets("shop").Get(t.Context(), "web", metav1.GetOptions{})
			if err != nil || *s.Spec.Replicas != 3 {
				t.Errorf("%d replicas, error %v", *s.Spec.Replicas, err)
			}
		})
	}
}
