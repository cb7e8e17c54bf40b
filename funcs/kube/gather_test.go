package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/rescuecue/rescue/compat"
)

// runningPod has containers whose statuses are in another order than its spec.
func runningPod(name string, owner *metav1.OwnerReference) *corev1.Pod {
	p := podOf(name, owner, corev1.PodRunning)
	p.Spec.Volumes = []corev1.Volume{
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-" + name}}},
		{Name: "scratch"},
	}
	p.Spec.Containers = []corev1.Container{
		{Name: "app", VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/first"}, {Name: "scratch", MountPath: "/tmp"}}},
		{Name: "proxy", VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/last"}}},
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{running("proxy"), running("app")}
	return p
}

func gatherer(objects ...runtime.Object) *Gatherer {
	return &Gatherer{Kube: fake.NewClientset(objects...), Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme, objects...)}
}

func describes(pods ...string) *compat.Workload {
	w := &compat.Workload{Name: "web", Namespace: "shop", Pods: pods, Containers: [][]string{},
		PersistentVolumeClaims: map[string]map[string]string{}}
	for _, p := range pods {
		w.Containers = append(w.Containers, []string{"proxy", "app"})
		w.PersistentVolumeClaims[p] = map[string]string{"data-" + p: "/last"}
	}
	if pods == nil {
		w.Pods = []string{}
	}
	return w
}

func TestGatherWorkloads(t *testing.T) {
	for name, c := range map[string]struct {
		kind    string
		objects []runtime.Object
		want    *compat.Workload
	}{
		"stateful set": {
			"StatefulSet",
			[]runtime.Object{
				statefulSet(3, 2),
				runningPod("web-1", ownedBy("StatefulSet", "web", "sts")),
				runningPod("web-0", ownedBy("StatefulSet", "web", "sts")),
				podOf("web-2", ownedBy("StatefulSet", "web", "sts"), corev1.PodPending),
				runningPod("other-0", ownedBy("StatefulSet", "other", "other")),
				runningPod("stray", nil),
			},
			describes("web-0", "web-1"),
		},
		"deployment in the middle of a rollout": {
			"deployment",
			[]runtime.Object{
				deploymentAt("2", 1), replicaSet("web-1", "rs1", "1"), replicaSet("web-2", "rs2", "2"),
				runningPod("web-1-a", ownedBy("ReplicaSet", "web-1", "rs1")),
				runningPod("web-2-a", ownedBy("ReplicaSet", "web-2", "rs2")),
			},
			describes("web-2-a"),
		},
		"scaled to nothing": {"statefulset", []runtime.Object{statefulSet(0, 0)}, describes()},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := gatherer(c.objects...).Gather(t.Context(), Wanted{Target: Target{Kind: c.kind, Namespace: "shop", Name: "web"}})
			if err != nil {
				t.Fatal(err)
			}
			got := p.StatefulSet
			if strings.EqualFold(c.kind, KindDeployment) {
				got = p.Deployment
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if name, _, err := unstructured.NestedString(p.Object, "metadata", "name"); name != "web" {
				t.Errorf("object %v, error %v", p.Object, err)
			}
		})
	}
}

func TestGatherDeploymentConfig(t *testing.T) {
	rc := &corev1.ReplicationController{ObjectMeta: objectMeta("web-3", "rc3", ownedBy("DeploymentConfig", "web", "dc"))}
	rc.Annotations = map[string]string{deploymentConfigRevision: "3"}
	g := &Gatherer{
		Kube:    fake.NewClientset(rc, runningPod("web-3-a", ownedBy("ReplicationController", "web-3", "rc3"))),
		Dynamic: dynamicWith(deploymentConfigObject(1)),
	}
	p, err := g.Gather(t.Context(), Wanted{Target: Target{Kind: "DeploymentConfig", Namespace: "shop", Name: "web"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(describes("web-3-a"), p.DeploymentConfig); diff != "" {
		t.Error(diff)
	}
}

func TestGatherOthers(t *testing.T) {
	objects := []runtime.Object{
		&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s"}, Type: "Opaque", Data: map[string][]byte{"k": []byte("v")}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "c"}, Data: map[string]string{"k": "v"}},
	}
	for name, c := range map[string]struct {
		target Target
		check  func(*compat.Params) bool
	}{
		"pvc": {Target{Kind: "PVC", Namespace: "shop", Name: "data"}, func(p *compat.Params) bool {
			return *p.PVC == compat.NamespacedName{Name: "data", Namespace: "shop"}
		}},
		"namespace by name": {Target{Kind: "Namespace", Name: "shop"}, func(p *compat.Params) bool {
			return *p.Namespace == compat.NamespacedName{Name: "shop", Namespace: "shop"}
		}},
		"namespace by namespace": {Target{Kind: "namespace", Namespace: "shop"}, func(p *compat.Params) bool {
			return *p.Namespace == compat.NamespacedName{Name: "shop", Namespace: "shop"}
		}},
		"any object": {Target{Version: "v1", Resource: "services", Namespace: "shop", Name: "web"}, func(p *compat.Params) bool {
			return p.Object["kind"] == "Service" && p.PVC == nil && p.Namespace == nil && p.StatefulSet == nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := gatherer(objects...).Gather(t.Context(), Wanted{
				Target:     c.target,
				Secrets:    map[string]compat.NamespacedName{"login": {Namespace: "shop", Name: "s"}},
				ConfigMaps: map[string]compat.NamespacedName{"conf": {Namespace: "shop", Name: "c"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if !c.check(p) || string(p.Secrets["login"].Data["k"]) != "v" || p.Secrets["login"].Name != "s" || p.ConfigMaps["conf"].Data["k"] != "v" {
				t.Errorf("parameters %+v", p)
			}
		})
	}
}

func TestGatherFails(t *testing.T) {
	_, err := gatherer().Gather(t.Context(), Wanted{
		Target:     Target{Kind: "statefulset", Namespace: "shop", Name: "web"},
		Secrets:    map[string]compat.NamespacedName{"login": {Namespace: "shop", Name: "s"}},
		ConfigMaps: map[string]compat.NamespacedName{"conf": {Namespace: "shop", Name: "c"}},
	})
	for _, want := range []string{"read statefulsets shop/web", `Secret "login" (shop/s)`, `ConfigMap "conf" (shop/c)`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error without %q: %v", want, err)
		}
	}
	_, err = gatherer().Gather(t.Context(), Wanted{Target: Target{Kind: "widget", Name: "w"}})
	if err == nil || !strings.Contains(err.Error(), "version and resource must be given") {
		t.Errorf("error %v", err)
	}
	_, err = gatherer().Gather(t.Context(), Wanted{Target: Target{Kind: "namespace", Name: "a", Namespace: "b"}})
	if err == nil || !strings.Contains(err.Error(), "differ") {
		t.Errorf("error %v", err)
	}
}
