package local

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"color": name}}, Data: data}
}

func TestAPIBehavesLikeKubernetes(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	maps := env.Kube.CoreV1().ConfigMaps("default")
	red, err := maps.Create(deadline(t), configMap("red", nil), metav1.CreateOptions{})
	if err != nil || red.UID == "" || red.ResourceVersion == "" || red.CreationTimestamp.IsZero() {
		t.Fatalf("%+v, %v", red, err)
	}
	if _, err := maps.Create(deadline(t), configMap("red", nil), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("second create: %v", err)
	}
	if _, err := env.Kube.CoreV1().ConfigMaps("nowhere").Create(deadline(t), configMap("red", nil), metav1.CreateOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("create in no namespace: %v", err)
	}
	made, err := maps.Create(deadline(t), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "gen-"}}, metav1.CreateOptions{})
	if err != nil || len(made.Name) != len("gen-12345") {
		t.Errorf("generated %q, %v", made.Name, err)
	}
	if _, err := maps.Update(deadline(t), configMap("red", map[string]string{"a": "1"}), metav1.UpdateOptions{}); err != nil {
		t.Errorf("update: %v", err)
	}
	if _, err := maps.Update(deadline(t), red, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("update of an old version: %v", err)
	}
	blue := applycorev1.ConfigMap("blue", "default").WithLabels(map[string]string{"color": "blue"})
	if _, err := maps.Apply(deadline(t), blue, metav1.ApplyOptions{FieldManager: "test"}); err != nil {
		t.Errorf("apply: %v", err)
	}
	list, err := maps.List(deadline(t), metav1.ListOptions{LabelSelector: "color in (red, blue)"})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("list %+v, %v", list.Items, err)
	}
	if err := maps.DeleteCollection(deadline(t), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "color"}); err != nil {
		t.Errorf("delete: %v", err)
	}
	checkWatch(t, red.ResourceVersion, func(opts metav1.ListOptions) (watch.Interface, error) {
		return maps.Watch(deadline(t), opts)
	})
}

// checkWatch sees what happened since the version, in order.
func checkWatch(t *testing.T, version string, start func(metav1.ListOptions) (watch.Interface, error)) {
	t.Helper()
	w, err := start(metav1.ListOptions{ResourceVersion: version, LabelSelector: "color"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	var seen []string
	for e := range w.ResultChan() {
		object, ok := e.Object.(*corev1.ConfigMap)
		if !ok {
			t.Fatalf("%s %+v", e.Type, e.Object)
		}
		seen = append(seen, string(e.Type)+" "+object.Name)
		if len(seen) == 4 {
			break
		}
	}
	if got, want := strings.Join(seen, ", "), "MODIFIED red, ADDED blue, DELETED blue, DELETED red"; got != want {
		t.Errorf("saw %s; want %s", got, want)
	}
}

func TestApplyRefusesWhatItCannotRun(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	tests := []struct{ name, manifest, want string }{
		{"job", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}", "document 1: j: the local runtime does not run a Job"},
		{"unknown kind", "apiVersion: v1\nkind: Gadget\nmetadata: {name: g}", "does not know v1 Gadget; it knows ActionSet, "},
		{"not an object", "a: b", "document 1: not a Kubernetes object"},
		{"not YAML", "a: b: c", "document 1: "},
		{"duplicate key", "kind: Pod\nkind: Pod", "document 1: "},
		{"no name", settingsManifest + "---\napiVersion: v1\nkind: Pod", "document 3: Pod without metadata.name"},
		{"wrong type", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: 3}", "document 1: Pod p: "},
		{"hooks", strings.Replace(deploymentConfigManifest, "replicas: 2", "replicas: 2\n  strategy: {recreateParams: {pre: {failurePolicy: Abort}}}", 1), "spec.strategy: hooks are not run"},
		{"no replicas", strings.Replace(deploymentConfigManifest, "replicas: 2", "", 1), "spec.replicas: is required"},
		{"service", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80, targetPort: 8080}]}", "port 80 cannot be passed on to 8080"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := c.Apply([]byte(tt.manifest)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := env.Kube.CoreV1().Secrets("default").Get(deadline(t), "login", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a refused text was applied in part: %v", err)
	}
}

func TestCustomObjectsOutliveTheCluster(t *testing.T) {
	dir := t.TempDir()
	c, _ := openCluster(t, dir)
	manifest := "apiVersion: acme.example/v1\nkind: Gadget\nmetadata: {name: g}\nspec: {size: 12345678901}"
	if err := c.Apply([]byte(strings.Replace(manifest, "name: g", "name: g, namespace: shop", 1))); err != nil {
		t.Fatal(err)
	}
	closeCluster(t, c)
	_, env := openCluster(t, dir)
	gvr := schema.GroupVersionResource{Group: "acme.example", Version: "v1", Resource: "gadgets"}
	obj, err := env.Dynamic.Resource(gvr).Namespace("shop").Get(deadline(t), "g", metav1.GetOptions{})
	if err != nil || obj.Object["spec"].(map[string]any)["size"] != int64(12345678901) {
		t.Errorf("%v, %v", obj, err)
	}
	if _, err := env.Kube.Discovery().ServerResourcesForGroupVersion("acme.example/v1"); err != nil {
		t.Error(err)
	}
}
