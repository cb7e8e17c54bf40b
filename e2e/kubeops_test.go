//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/rescuecue/rescue/funcs"
)

var (
	crds         = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	configMaps   = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	deployments  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	clusterRoles = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
	namespaces   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// definition is a custom resource of a group of its own.
func definition(group string) string {
	return fmt.Sprintf(`apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: backups.%[1]s
spec:
  group: %[1]s
  scope: Namespaced
  names: {plural: backups, singular: backup, kind: Backup, listKind: BackupList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
`, group)
}

// newGroup is a group for custom resources that is removed after the test.
func newGroup(t *testing.T, env *funcs.Env) string {
	t.Helper()
	group := "e2e-" + rand.String(6) + ".rescue.dev"
	cleanUp(t, env, crds, "", "backups."+group)
	return group
}

// cleanUp deletes an object after the test, if it is there.
func cleanUp(t *testing.T, env *funcs.Env, gvr schema.GroupVersionResource, namespace, name string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err := env.Dynamic.Resource(gvr).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("%s %s/%s is left: %v", gvr.Resource, namespace, name, err)
		}
	})
}

func read(t *testing.T, env *funcs.Env, gvr schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	object, err := env.Dynamic.Resource(gvr).Namespace(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func create(t *testing.T, env *funcs.Env, spec string) funcs.Output {
	t.Helper()
	out, err := run(t, t.Context(), funcs.KubeOps(), env, funcs.Args{"operation": "create", "namespace": env.Namespace, "spec": spec})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func deploymentSpec(name, command string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: app, image: %[2]q, command: [sh, -c, %[3]q]}
      - {name: sidecar, image: %[2]q, command: [sleep, "3600"]}
`, name, image(), command)
}

// TestKubeOpsCreate: a definition, an object of it, cluster-scoped and namespaced
// objects, a List, in one spec.
func TestKubeOpsCreate(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Labels = map[string]string{funcs.RunLabel: "run-1", funcs.PhaseLabel: "make"}
	group, other := newGroup(t, env), "rescue-e2e-"+rand.String(6)
	cleanUp(t, env, clusterRoles, "", other)
	cleanUp(t, env, namespaces, "", other)
	spec := definition(group) + `---
apiVersion: v1
kind: Namespace
metadata: {name: ` + other + `}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: ` + other + `}
---
# This one must not inherit the namespace of the one before.
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: here, annotations: {team: data}}
  data: {yes: "yes"}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: ` + other + `}
  rules: []
---
` + deploymentSpec("web", "sleep 3600") + `---
apiVersion: ` + group + `/v1
kind: Backup
metadata: {generateName: nightly-}
spec: {full: true}
`
	out := create(t, env, spec)
	name, _ := out["name"].(string)
	if want := (funcs.Output{"apiVersion": "v1", "group": group, "resource": "backups", "kind": "Backup", "name": name, "namespace": env.Namespace}); !maps.Equal(out, want) {
		t.Errorf("output %v", out)
	}
	if !strings.HasPrefix(name, "nightly-") || name == "nightly-" {
		t.Errorf("name %q", name)
	}
	backups := schema.GroupVersionResource{Group: group, Version: "v1", Resource: "backups"}
	if full := read(t, env, backups, env.Namespace, name).Object["spec"]; !reflect.DeepEqual(full, map[string]any{"full": true}) {
		t.Errorf("spec %v", full)
	}
	read(t, env, configMaps, other, "elsewhere")
	read(t, env, clusterRoles, "", other)
	here := read(t, env, configMaps, env.Namespace, "here")
	if a := here.GetAnnotations(); a["team"] != "data" || a[funcs.RunLabel] != "run-1" || a[funcs.PhaseLabel] != "make" || len(here.GetLabels()) != 0 {
		t.Errorf("annotations %v, labels %v", a, here.GetLabels())
	}
	if m := here.GetManagedFields(); len(m) != 1 || m[0].Manager != "kanister-create" {
		t.Errorf("managers %v", m)
	}
	if !reflect.DeepEqual(here.Object["data"], map[string]any{"true": "yes"}) { // YAML 1.1, as for kubectl
		t.Errorf("data %v", here.Object["data"])
	}
}

// TestKubeOpsCreateAgain: a second attempt takes what the first has made, and nothing
// that somebody else has.
func TestKubeOpsCreateAgain(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	env.Labels = map[string]string{funcs.RunLabel: "run-1", funcs.PhaseLabel: "make"}
	const first = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
	create(t, env, first)
	create(t, env, first+"---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n")
	if !strings.Contains(log.String(), "an earlier attempt of this phase has created it already") {
		t.Errorf("log:\n%s", log)
	}
	env.Labels = map[string]string{funcs.RunLabel: "run-2", funcs.PhaseLabel: "make"}
	_, err := run(t, t.Context(), funcs.KubeOps(), env, funcs.Args{"operation": "create", "namespace": env.Namespace, "spec": first})
	if !apierrors.IsAlreadyExists(err) {
		t.Errorf("error %v", err)
	}
}

func TestKubeOpsCreateFails(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	const fine = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n---\n"
	for name, c := range map[string]struct {
		spec    string
		want    []string
		created bool
	}{
		"third is invalid": {
			spec:    fine + "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine-too}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: broken}\nspec: {ports: [{port: 99999}]}\n",
			want:    []string{"Service", "/broken (document 3 of 3, line 9 of the spec)", "spec.ports[0].port", "created before it, and still there: ConfigMap", "/fine-too"},
			created: true,
		},
		"unknown kind": {
			spec: fine + "apiVersion: v1\nkind: Confmap\nmetadata: {name: b}\n",
			want: []string{"nothing was created", "document 2 of 2, line 5 of the spec", "the API server has no Confmap in v1"},
		},
		"kind of another group": {
			spec: "apiVersion: v1\nkind: Deployment\nmetadata: {name: b}\n",
			want: []string{`did you mean resource "deployments" (kind Deployment) of group "apps", version v1?`},
		},
		"unknown group": {
			spec: "apiVersion: no.such.group/v1\nkind: Thing\nmetadata: {name: b}\n",
			want: []string{"the API server has no Thing in no.such.group/v1", "CustomResourceDefinition must be installed first"},
		},
		"not YAML":          {spec: fine + "a: [", want: []string{"nothing was created", "spec:5"}},
		"no object":         {spec: fine + "just text\n", want: []string{"nothing was created", "line 5"}},
		"no namespace":      {spec: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: no-such-namespace}\n", want: []string{"no-such-namespace/a", "not found", "nothing was created"}},
		"unnamed":           {spec: "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", want: []string{"no name and no generateName"}},
		"annotation number": {spec: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {n: 5}}\n", want: []string{"annotations must be texts"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := *env
			env.Namespace = newNamespaceOf(t, &env)
			_, err := run(t, t.Context(), funcs.KubeOps(), &env, funcs.Args{"operation": "create", "namespace": env.Namespace, "spec": c.spec})
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in the error: %v", want, err)
				}
			}
			_, gone := env.Kube.CoreV1().ConfigMaps(env.Namespace).Get(t.Context(), "fine", metav1.GetOptions{})
			if apierrors.IsNotFound(gone) == c.created {
				t.Errorf("the first object: %v", gone)
			}
		})
	}
}

func newNamespaceOf(t *testing.T, env *funcs.Env) string {
	t.Helper()
	name := "rescue-e2e-" + rand.String(6)
	cleanUp(t, env, namespaces, "", name)
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
	if _, err := env.Dynamic.Resource(namespaces).Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return name
}

func remove(ctx context.Context, t *testing.T, env *funcs.Env, ref map[string]any) (funcs.Output, error) {
	t.Helper()
	return run(t, ctx, funcs.KubeOps(), env, funcs.Args{"operation": "delete", "namespace": env.Namespace, "objectReference": ref})
}

func TestKubeOpsDelete(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	role := "rescue-e2e-" + rand.String(6)
	cleanUp(t, env, clusterRoles, "", role)
	create(t, env, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n"+deploymentSpec("web", "sleep 3600")+
		"---\n{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: "+role+"}, rules: []}\n")
	for _, ref := range []map[string]any{
		{"apiVersion": "v1", "resource": "configmaps", "name": "a", "namespace": env.Namespace},
		{"APIVERSION": "v1", "Group": "apps", "Resource": "deployments", "name": "web"}, // the namespace is the argument's
		{"apiVersion": "rbac.authorization.k8s.io/v1", "resource": "clusterroles", "name": role, "namespace": "ignored"},
	} {
		out, err := remove(t.Context(), t, env, ref)
		if err != nil || out["name"] != ref["name"] || out["kind"] == "" || len(out) != 6 {
			t.Errorf("output %v, error %v", out, err)
			continue
		}
		gvr := schema.GroupVersionResource{Group: fmt.Sprint(out["group"]), Version: fmt.Sprint(out["apiVersion"]), Resource: fmt.Sprint(out["resource"])}
		_, err = env.Dynamic.Resource(gvr).Namespace(fmt.Sprint(out["namespace"])).Get(t.Context(), fmt.Sprint(out["name"]), metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("%v is still there: %v", ref, err)
		}
		if _, err := remove(t.Context(), t, env, ref); !apierrors.IsNotFound(err) {
			t.Errorf("delete of a missing object: %v", err)
		}
	}
}

// TestKubeOpsDeleteWaits: until the finalizer is removed, or the run is cancelled.
func TestKubeOpsDeleteWaits(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	create(t, env, "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, finalizers: [rescue.dev/e2e]}}\n")
	ref := map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "kept"}
	through, proxy := throughProxy(t, env)
	ctx, cancel := context.WithCancel(inTime(t))
	defer cancel()
	go func() {
		defer cancel()
		awaitWatch(t, proxy, "configmaps")
	}()
	_, err := remove(ctx, t, through, ref)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `finalizers ["rescue.dev/e2e"]`) {
		t.Errorf("error %v", err)
	}
	through, proxy = throughProxy(t, env)
	released := make(chan time.Time, 1)
	go func() {
		awaitWatch(t, proxy, "configmaps")
		released <- time.Now()
		_, err := env.Kube.CoreV1().ConfigMaps(env.Namespace).Patch(context.Background(), "kept", types.MergePatchType,
			[]byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil {
			t.Error(err)
		}
	}()
	if _, err := remove(inTime(t), t, through, ref); err != nil {
		t.Fatal(err)
	}
	select {
	case at := <-released:
		t.Logf("noticed %d ms after the finalizer was gone", time.Since(at).Milliseconds())
	default:
		t.Error("it did not wait")
	}
}

// awaitWatch returns when the API server has opened a watch of the resource.
func awaitWatch(t *testing.T, proxy *apiProxy, resource string) {
	err := eventually(t, "a watch of "+resource+" is open", func(context.Context) (bool, error) { return proxy.watched(resource), nil })
	if err != nil {
		t.Error(err)
	}
}

func TestKubeOpsPatch(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	group := newGroup(t, env)
	backups := schema.GroupVersionResource{Group: group, Version: "v1", Resource: "backups"}
	create(t, env, definition(group)+"---\n"+deploymentSpec("web", "sleep 3600")+
		"---\n{apiVersion: "+group+"/v1, kind: Backup, metadata: {name: b}, spec: {keep: 1, drop: 2, list: [1, 2]}}\n")
	patch := func(spec string, ref map[string]any) (funcs.Output, error) {
		return run(t, t.Context(), funcs.KubeOps(), env, funcs.Args{"operation": "patch", "spec": spec, "objectReference": ref})
	}
	deployment := map[string]any{"apiVersion": "v1", "group": "apps", "resource": "deployments", "name": "web", "namespace": env.Namespace}
	out, err := patch("spec:\n  template:\n    spec:\n      containers:\n      - name: sidecar\n        env: [{name: MODE, value: quiet}]\n", deployment)
	if err != nil || out["kind"] != "Deployment" || out["name"] != "web" {
		t.Fatalf("output %v, error %v", out, err)
	}
	d, err := env.Kube.AppsV1().Deployments(env.Namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c := d.Spec.Template.Spec.Containers; len(c) != 2 || c[1].Name+c[0].Name != "sidecarapp" && c[0].Name+c[1].Name != "sidecarapp" {
		t.Errorf("containers %v", c)
	}
	custom := map[string]any{"apiVersion": "v1", "group": group, "resource": "backups", "name": "b", "namespace": env.Namespace}
	if _, err := patch("spec: {drop: null, list: [3], more: {deep: yes}}\n", custom); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"keep": int64(1), "list": []any{int64(3)}, "more": map[string]any{"deep": true}}
	if got := read(t, env, backups, env.Namespace, "b").Object["spec"]; !reflect.DeepEqual(got, want) {
		t.Errorf("spec %v", got)
	}
	if _, err := patch("metadata: {labels: {team: data}}", map[string]any{"apiVersion": "v1", "resource": "namespaces", "name": env.Namespace}); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		spec string
		ref  map[string]any
		want string
	}{
		"invalid":       {"spec: {replicas: -1}", deployment, "must be greater than or equal to 0"},
		"missing":       {"a: b", map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "absent", "namespace": env.Namespace}, "configmaps " + env.Namespace + "/absent"},
		"no namespace":  {"a: b", map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "a"}, "needs a namespace"},
		"two documents": {"a: b\n---\nc: d\n", deployment, "2 documents"},
	} {
		if _, err := patch(c.spec, c.ref); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
