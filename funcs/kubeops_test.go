package funcs_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

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

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
)

// newCluster is a cluster that serves some kinds. The objects are in its dynamic
// client.
func newCluster(t *testing.T, objects ...runtime.Object) (*funcs.Env, *fake.Clientset, *dynamicfake.FakeDynamicClient) {
	t.Helper()
	env, client, _ := funcstest.NewEnv(objects...)
	client.Resources = []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "configmaps", Kind: "ConfigMap", Namespaced: true}, {Name: "secrets", Kind: "Secret", Namespaced: true}, {Name: "namespaces", Kind: "Namespace"},
		}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{{Name: "deployments", Kind: "Deployment", Namespaced: true}}},
		{GroupVersion: "apiextensions.k8s.io/v1", APIResources: []metav1.APIResource{{Name: "customresourcedefinitions", Kind: "CustomResourceDefinition"}}},
	}
	return env, client, env.Dynamic.(*dynamicfake.FakeDynamicClient)
}

// verbs are what was asked of the dynamic client: "create configmaps".
func verbs(client *dynamicfake.FakeDynamicClient) []string {
	var done []string
	for _, a := range client.Actions() {
		done = append(done, a.GetVerb()+" "+a.GetResource().Resource+" "+a.GetNamespace())
	}
	return done
}

func configMap(namespace, name string, annotations map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "u", Annotations: annotations},
	}
}

func TestKubeOpsCreate(t *testing.T) {
	env, _, client := newCluster(t)
	out, err := funcs.KubeOps().Exec(t.Context(), env, funcs.Args{"operation": "create", "spec": `
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: shop}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: here}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: whole, namespace: of-no-use}}
`})
	if want := (funcs.Output{"apiVersion": "v1", "group": "", "resource": "namespaces", "kind": "Namespace", "name": "whole", "namespace": ""}); err != nil || !maps.Equal(out, want) {
		t.Errorf("output %v, error %v", out, err)
	}
	if got := verbs(client); !slices.Equal(got, []string{"create configmaps shop", "create configmaps default", "create namespaces "}) {
		t.Errorf("done %q", got)
	}
	out, err = funcs.KubeOps().Exec(t.Context(), env, funcs.Args{"operation": "create", "namespace": "arg", "spec": `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"}}`})
	if want := (funcs.Output{"apiVersion": "v1", "group": "apps", "resource": "deployments", "kind": "Deployment", "name": "web", "namespace": "arg"}); err != nil || !maps.Equal(out, want) {
		t.Errorf("output %v, error %v", out, err)
	}
}

// TestKubeOpsCreateNothing: a document that cannot be created is found before the
// first is.
func TestKubeOpsCreateNothing(t *testing.T) {
	const fine = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n"
	for spec, want := range map[string]string{
		fine + "{apiVersion: v1, kind: Confmap, metadata: {name: b}}":   "document 2 of 2, line 3 of the spec: the API server has no Confmap in v1",
		fine + "{apiVersion: v1, kind: ConfigMap}":                      "document 2 of 2, line 3 of the spec: ConfigMap: metadata is missing",
		fine + "{apiVersion: v1, kind: ConfigMap, metadata: {name: n}}": "ConfigMap: metadata.name is false, which is no text in YAML: put it into quotes",
		fine + "a: [":     "spec:3",
		"# only a remark": "the spec has no object",
	} {
		synctest.Test(t, func(t *testing.T) {
			env, _, client := newCluster(t)
			_, err := funcs.KubeOps().Exec(t.Context(), env, funcs.Args{"operation": "create", "spec": spec})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "nothing was created") {
				t.Errorf("error %v", err)
			}
			if done := verbs(client); len(done) != 0 {
				t.Errorf("done %q", done)
			}
		})
	}
}

func TestKubeOpsCreateStops(t *testing.T) {
	env, _, client := newCluster(t, configMap("default", "b", nil))
	_, err := funcs.KubeOps().Exec(t.Context(), env, funcs.Args{"operation": "create",
		"spec": "{apiVersion: v1, kind: Namespace, metadata: {name: ns}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n" +
			"{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n"})
	if !apierrors.IsAlreadyExists(err) || !strings.Contains(err.Error(), "ConfigMap default/b (document 3 of 4, line 5 of the spec)") ||
		!strings.Contains(err.Error(), "created before it, and still there: Namespace ns, ConfigMap default/a") {
		t.Errorf("error %v", err)
	}
	if got := verbs(client); !slices.Equal(got, []string{"create namespaces ", "create configmaps default", "create configmaps default", "get configmaps default"}) {
		t.Errorf("done %q", got)
	}
}

// TestKubeOpsCreateOwnWork: an object that exists is taken if this phase of this run
// has made it.
func TestKubeOpsCreateOwnWork(t *testing.T) {
	for name, c := range map[string]struct {
		labels, annotations map[string]string
		fine                bool
	}{
		"own":             {map[string]string{funcs.RunLabel: "r", funcs.PhaseLabel: "p"}, map[string]string{funcs.RunLabel: "r", funcs.PhaseLabel: "p"}, true},
		"of another run":  {map[string]string{funcs.RunLabel: "r", funcs.PhaseLabel: "p"}, map[string]string{funcs.RunLabel: "old", funcs.PhaseLabel: "p"}, false},
		"of nobody":       {map[string]string{funcs.RunLabel: "r", funcs.PhaseLabel: "p"}, nil, false},
		"outside of runs": {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			env, _, _ := newCluster(t, configMap("default", "a", c.annotations))
			env.Labels = c.labels
			out, err := funcs.KubeOps().Exec(t.Context(), env, funcs.Args{"operation": "create", "spec": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"})
			if c.fine && (err != nil || out["name"] != "a") || !c.fine && !apierrors.IsAlreadyExists(err) {
				t.Errorf("output %v, error %v", out, err)
			}
		})
	}
}

// TestKubeOpsCreateAnswerLost: the connection breaks, and nobody knows whether the object
// was created. In a run it would be known by its annotations, so it is tried once more.
func TestKubeOpsCreateAnswerLost(t *testing.T) {
	lost := errors.New("write: broken pipe")
	for name, c := range map[string]struct {
		phase   string
		carried bool // the server has created it
		creates int
		fine    bool
	}{
		"carried out":      {phase: "p", carried: true, creates: 2, fine: true},
		"got lost":         {phase: "p", creates: 2, fine: true},
		"outside of a run": {carried: true, creates: 1},
	} {
		t.Run(name, func(t *testing.T) {
			env, _, client := newCluster(t)
			env.Labels = map[string]string{funcs.RunLabel: "r", funcs.PhaseLabel: c.phase}
			creates := 0
			client.PrependReactor("create", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
				if creates++; creates > 1 {
					return false, nil, nil
				}
				if c.carried {
					object := a.(clienttesting.CreateAction).GetObject()
					if err := client.Tracker().Create(a.GetResource(), object, a.GetNamespace()); err != nil {
						t.Error(err)
					}
				}
				return true, nil, lost
			})
			out, err := funcs.KubeOps().Exec(t.Context(), env, funcs.Args{"operation": "create", "spec": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"})
			if creates != c.creates || c.fine && (err != nil || out["name"] != "a") || !c.fine && !errors.Is(err, lost) {
				t.Errorf("%d creates, output %v, error %v", creates, out, err)
			}
		})
	}
}

func TestKubeOpsRefuses(t *testing.T) {
	ref := map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "a"}
	without := func(field string) map[string]any {
		r := maps.Clone(ref)
		delete(r, field)
		return r
	}
	for want, args := range map[string]funcs.Args{
		`operation "replace" is not known`:        {"operation": "replace", "spec": "a: b"},
		"operation create needs a spec":           {"operation": "create"},
		"operation patch needs a spec":            {"operation": "patch", "objectReference": ref},
		"operation patch needs an object":         {"operation": "patch", "spec": "a: b"},
		"operation delete needs an object":        {"operation": "delete"},
		"objectReference needs apiVersion":        {"operation": "delete", "objectReference": without("apiVersion")},
		"objectReference needs resource":          {"operation": "delete", "objectReference": without("resource")},
		"objectReference needs name":              {"operation": "delete", "objectReference": without("name")},
		"configmaps a needs a namespace":          {"operation": "patch", "spec": "a: b", "objectReference": ref},
		"the spec is no map":                      {"operation": "patch", "spec": "- a", "objectReference": ref},
		"the spec has 0 documents":                {"operation": "patch", "spec": "# a", "objectReference": ref},
		`has group "apps", but apiVersion "x/v1"`: {"operation": "delete", "objectReference": map[string]any{"apiVersion": "x/v1", "group": "apps", "resource": "deployments", "name": "a"}},
	} {
		env, _, client := newCluster(t)
		_, err := funcs.KubeOps().Exec(t.Context(), env, args)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, expected %s", args, err, want)
		}
		if done := verbs(client); len(done) != 0 {
			t.Errorf("%v: done %q", args, done)
		}
	}
}

// TestKubeOpsPatch: strategic where the server takes it, else a merge patch.
func TestKubeOpsPatch(t *testing.T) {
	env, _, client := newCluster(t)
	var sent []string
	refuse := http.StatusUnsupportedMediaType
	client.PrependReactor("patch", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		patch := a.(clienttesting.PatchAction)
		sent = append(sent, string(patch.GetPatchType())+" "+string(patch.GetPatch()))
		if patch.GetPatchType() == types.StrategicMergePatchType && refuse != 0 {
			return true, nil, &apierrors.StatusError{ErrStatus: metav1.Status{Code: int32(refuse), Reason: metav1.StatusReasonBadRequest}}
		}
		return true, &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": patch.GetName()}}}, nil
	})
	args := funcs.Args{"operation": "patch", "spec": "spec:\n  drop: null\n  on: yes\n",
		"objectReference": map[string]any{"APIVersion": "apps/v1", "RESOURCE": "deployments", "name": "web", "namespace": "shop", "kind": "ignored"}}
	out, err := funcs.KubeOps().Exec(t.Context(), env, args)
	if want := (funcs.Output{"apiVersion": "v1", "group": "apps", "resource": "deployments", "kind": "Deployment", "name": "web", "namespace": "shop"}); err != nil || !maps.Equal(out, want) {
		t.Errorf("output %v, error %v", out, err)
	}
	const body = ` {"spec":{"drop":null,"true":true}}`
	if !slices.Equal(sent, []string{string(types.StrategicMergePatchType) + body, string(types.MergePatchType) + body}) {
		t.Errorf("sent %q", sent)
	}
	sent, refuse = nil, http.StatusBadRequest
	if _, err := funcs.KubeOps().Exec(t.Context(), env, args); err == nil || !strings.Contains(err.Error(), "patch deployments.apps shop/web") || len(sent) != 1 {
		t.Errorf("sent %q, error %v", sent, err)
	}
}

func TestKubeOpsDelete(t *testing.T) {
	env, _, client := newCluster(t, configMap("arg", "a", nil))
	leaving := &unstructured.Unstructured{}
	leaving.SetName("a")
	leaving.SetUID("u")
	leaving.SetFinalizers([]string{"x/y"})
	events := watch.NewFakeWithChanSize(2, false)
	events.Modify(leaving)
	events.Delete(leaving)
	client.PrependWatchReactor("configmaps", clienttesting.DefaultWatchReactor(events, nil))
	out, err := funcs.KubeOps().Exec(t.Context(), env, funcs.Args{"operation": "delete", "namespace": "arg",
		"objectReference": map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "a"}})
	if err != nil || out["namespace"] != "arg" || out["kind"] != "ConfigMap" {
		t.Errorf("output %v, error %v", out, err)
	}
	if got := verbs(client); !slices.Equal(got, []string{"get configmaps arg", "delete configmaps arg", "watch configmaps arg"}) {
		t.Errorf("done %q", got)
	}
}

// TestKubeOpsDeleteMissing: an error, as in Kanister, in each attempt of a phase.
func TestKubeOpsDeleteMissing(t *testing.T) {
	env, _, client := newCluster(t)
	env.Notes = notes{}
	for range 2 {
		_, err := funcs.KubeOps().Exec(t.Context(), env, funcs.Args{"operation": "delete",
			"objectReference": map[string]any{"apiVersion": "v1", "resource": "namespaces", "name": "a", "namespace": "ignored"}})
		if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "delete namespaces a: ") {
			t.Errorf("error %v", err)
		}
	}
	if got := verbs(client); !slices.Equal(got, []string{"get namespaces ", "get namespaces "}) {
		t.Errorf("done %q", got)
	}
}

// notes are those of one phase.
type notes map[string]string

func (n notes) Note(key, value string) error {
	n[key] = value
	return nil
}

func (n notes) Noted(key string) (string, bool) {
	value, ok := n[key]
	return value, ok
}

// TestKubeOpsDeleteAgain: an attempt begins to delete an object and breaks off. The next
// one is done if it is gone, also if another one has its name by then.
func TestKubeOpsDeleteAgain(t *testing.T) {
	args := funcs.Args{"operation": "delete", "namespace": "shop",
		"objectReference": map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "a"}}
	for name, c := range map[string]struct {
		then *corev1.ConfigMap // nil: it is gone
		done []string
	}{
		"gone":        {done: []string{"get configmaps shop"}},
		"another one": {then: configMap("shop", "a", map[string]string{"new": "yes"}), done: []string{"get configmaps shop"}},
		"still there": {then: configMap("shop", "a", nil), done: []string{"get configmaps shop", "delete configmaps shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			env, _, client := newCluster(t, configMap("shop", "a", nil))
			env.Notes = notes{}
			broken := errors.New("connection reset")
			client.PrependReactor("delete", "*", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, broken })
			if _, err := funcs.KubeOps().Exec(t.Context(), env, args); !errors.Is(err, broken) {
				t.Fatalf("error %v", err)
			}
			if c.then != nil && c.then.Annotations != nil {
				c.then.UID = "later"
			}
			next, _, client := newCluster(t)
			if c.then != nil {
				next, _, client = newCluster(t, c.then)
			}
			next.Notes = env.Notes
			client.PrependReactor("delete", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, "a")
			})
			out, err := funcs.KubeOps().Exec(t.Context(), next, args)
			if err != nil || out["name"] != "a" || out["namespace"] != "shop" {
				t.Errorf("output %v, error %v", out, err)
			}
			if got := verbs(client); !slices.Equal(got, c.done) {
				t.Errorf("done %q", got)
			}
		})
	}
}

// TestKubeOpsServerErrors are passed on, with the object's name.
func TestKubeOpsServerErrors(t *testing.T) {
	ref := map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "a", "namespace": "shop"}
	for operation, args := range map[string]funcs.Args{
		"create": {"spec": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}}"},
		"delete": {"objectReference": ref},
		"patch":  {"objectReference": ref, "spec": "a: b"},
	} {
		env, _, client := newCluster(t, configMap("shop", "a", nil))
		client.PrependReactor(operation, "*", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "a", errors.New("the webhook says no"))
		})
		args["operation"] = operation
		_, err := funcs.KubeOps().Exec(t.Context(), env, args)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "shop/a") || !strings.Contains(err.Error(), "the webhook says no") {
			t.Errorf("%s: %v", operation, err)
		}
	}
}
