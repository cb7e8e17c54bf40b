package local

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/restmapper"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

const gadgetDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.acme.example}
spec:
  group: acme.example
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget, shortNames: [gd]}
  versions:
  - name: v1beta1
    served: true
    storage: false
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
---
apiVersion: acme.example/v1
kind: Gadget
metadata: {name: g}
spec: {size: 1}
`

var gadgetsGVR = schema.GroupVersionResource{Group: "acme.example", Version: "v1", Resource: "gadgets"}

// mapping finds the resource of a kind as KubeOps does, by discovery.
func mapping(t *testing.T, env *funcs.Env, gvk schema.GroupVersionKind) (resource string, scope string) {
	t.Helper()
	groups, err := restmapper.GetAPIGroupResources(env.Kube.Discovery())
	if err != nil {
		t.Fatal(err)
	}
	m, err := restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return "", ""
	}
	return m.Resource.Resource, string(m.Scope.Name())
}

func TestKindsAreDiscovered(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(gadgetDefinition)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ group, version, kind, want string }{
		{"", "v1", "ConfigMap", "configmaps namespace"},
		{"", "v1", "PersistentVolume", "persistentvolumes root"},
		{"apps", "v1", "Deployment", "deployments namespace"},
		{"snapshot.storage.k8s.io", "v1", "VolumeSnapshotContent", "volumesnapshotcontents root"},
		{"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions root"},
		{"acme.example", "v1", "Gadget", "gadgets namespace"},
		{"acme.example", "v1beta1", "Gadget", " "}, // not the version that is stored
		{"batch", "v1", "Job", " "},                // refused
	} {
		resource, scope := mapping(t, env, schema.GroupVersionKind{Group: tt.group, Version: tt.version, Kind: tt.kind})
		if got := resource + " " + scope; got != tt.want {
			t.Errorf("%s %s: found %q, expected %q", tt.version, tt.kind, got, tt.want)
		}
	}
	crd, err := env.Dynamic.Resource(definitionsGVR).Get(deadline(t), "gadgets.acme.example", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conditions, _, err := unstructured.NestedSlice(crd.Object, "status", "conditions")
	established := slices.ContainsFunc(conditions, func(c any) bool {
		m := c.(map[string]any)
		return m["type"] == "Established" && m["status"] == "True"
	})
	if err != nil || !established {
		t.Errorf("conditions %v, %v", conditions, err)
	}
}

// TestCustomResourcesArePatched as a real API server does it: without a Go type
// there is no strategic merge.
func TestCustomResourcesArePatched(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(gadgetDefinition)); err != nil {
		t.Fatal(err)
	}
	gadgets := env.Dynamic.Resource(gadgetsGVR).Namespace("default")
	patch := []byte(`{"spec":{"size":2}}`)
	_, err := gadgets.Patch(deadline(t), "g", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if !apierrors.IsUnsupportedMediaType(err) {
		t.Errorf("strategic merge patch: %v", err)
	}
	g, err := gadgets.Patch(deadline(t), "g", types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil || g.Object["spec"].(map[string]any)["size"] != int64(2) || g.GetGeneration() != 2 {
		t.Errorf("merge patch: %v, %v", g, err)
	}
	if _, err := gadgets.Patch(deadline(t), "g", types.MergePatchType, []byte(`{"status":{"phase":"x"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if g, err = gadgets.Get(deadline(t), "g", metav1.GetOptions{}); err != nil || g.Object["status"] != nil {
		t.Errorf("status is written past its subresource: %v, %v", g, err)
	}
}

func TestDefinitionTakesItsObjectsAlong(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(gadgetDefinition)); err != nil {
		t.Fatal(err)
	}
	deleteDefinition(t, env, "gadgets.acme.example")
	_, err := env.Dynamic.Resource(gadgetsGVR).Namespace("default").Get(deadline(t), "g", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the kind is still known: %v", err)
	}
	if resource, _ := mapping(t, env, schema.GroupVersionKind{Group: "acme.example", Version: "v1", Kind: "Gadget"}); resource != "" {
		t.Errorf("the kind is still discovered as %s", resource)
	}
}

// deleteDefinition returns when the definition is gone.
func deleteDefinition(t *testing.T, env *funcs.Env, name string) {
	t.Helper()
	definitions := env.Dynamic.Resource(definitionsGVR)
	crd, err := definitions.Get(deadline(t), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := definitions.Delete(deadline(t), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = kube.Follow(deadline(t), kube.Dynamic(definitions), crd, func(*unstructured.Unstructured) (bool, error) { return false, nil })
	if !errors.Is(err, kube.ErrDeleted) {
		t.Fatal(err)
	}
}

// TestFinalizersHoldAnObject: a deleted object is there until the last one is off.
func TestFinalizersHoldAnObject(t *testing.T) {
	dir := t.TempDir()
	c, env := openCluster(t, dir)
	manifests := map[schema.GroupVersionResource]string{
		configMapsGVR: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [acme.example/hold]}",
		claimsGVR:     "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: held, finalizers: [acme.example/hold]}",
		podsGVR:       "apiVersion: v1\nkind: Pod\nmetadata: {name: held, finalizers: [acme.example/hold]}\nspec: {containers: [{name: c, image: any, command: [sleep, infinity]}]}",
	}
	for _, manifest := range manifests {
		if err := c.Apply([]byte(manifest)); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, env) // the claim has its files
	for gvr := range manifests {
		if err := env.Dynamic.Resource(gvr).Namespace("default").Delete(deadline(t), "held", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	closeCluster(t, c)
	_, env = openCluster(t, dir)
	if settle(t, env); !isDir(filepath.Join(dir, "volumes", "default", "held")) {
		t.Error("the files of the claim went before its finalizer")
	}
	for gvr := range manifests {
		t.Run(gvr.Resource, func(t *testing.T) { release(t, env, gvr) })
	}
}

// release looks at an object named held, and takes its finalizer off.
func release(t *testing.T, env *funcs.Env, gvr schema.GroupVersionResource) {
	objects := env.Dynamic.Resource(gvr).Namespace("default")
	held, err := objects.Get(deadline(t), "held", metav1.GetOptions{})
	if err != nil || held.GetDeletionTimestamp() == nil {
		t.Fatalf("%v, %v", held, err)
	}
	more := []byte(`{"metadata":{"finalizers":["acme.example/hold","acme.example/more"]}}`)
	if _, err := objects.Patch(deadline(t), "held", types.MergePatchType, more, metav1.PatchOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a new finalizer: %v", err)
	}
	none := []byte(`{"metadata":{"finalizers":null}}`)
	if _, err := objects.Patch(deadline(t), "held", types.MergePatchType, none, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = kube.Follow(deadline(t), kube.Dynamic(objects), held, func(*unstructured.Unstructured) (bool, error) { return false, nil })
	if !errors.Is(err, kube.ErrDeleted) && !apierrors.IsNotFound(err) {
		t.Error(err)
	}
	if _, err := objects.Get(deadline(t), "held", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestKindsOfTheRuntimeStay: a user may install the definitions that snapshots have
// elsewhere, and take them away again.
func TestKindsOfTheRuntimeStay(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	definition := strings.NewReplacer("acme.example", "snapshot.storage.k8s.io", "gadgets", "volumesnapshots", "Gadget", "VolumeSnapshot").
		Replace(strings.Split(gadgetDefinition, "---")[0])
	if err := c.Apply([]byte(definition + "---\n" + claimManifest)); err != nil {
		t.Fatal(err)
	}
	deleteDefinition(t, env, "volumesnapshots.snapshot.storage.k8s.io")
	snapshotOf(t, env, "taken", "data")
}

func TestDeletionIsNotWhatItIsNot(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	maps := env.Kube.CoreV1().ConfigMaps("default")
	if _, err := maps.Create(deadline(t), configMap("red", nil), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	orphan, old := metav1.DeletePropagationOrphan, "1"
	for want, opts := range map[string]metav1.DeleteOptions{
		"propagation policy Orphan": {PropagationPolicy: &orphan},
		"dry run":                   {DryRun: []string{metav1.DryRunAll}},
		"resourceVersion":           {Preconditions: &metav1.Preconditions{ResourceVersion: &old}},
	} {
		if err := maps.Delete(deadline(t), "red", opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := maps.Get(deadline(t), "red", metav1.GetOptions{}); err != nil {
		t.Errorf("it was deleted all the same: %v", err)
	}
}
