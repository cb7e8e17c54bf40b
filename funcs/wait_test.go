package funcs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/funcs"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// onConfigMap is a condition on a ConfigMap of the namespace shop.
func onConfigMap(name, text string) map[string]any {
	return map[string]any{"condition": text, "objectReference": map[string]any{
		"apiVersion": "v1", "resource": "configmaps", "namespace": "shop", "name": name,
	}}
}

// isDone is true for a ConfigMap whose phase is done.
const isDone = `{{ eq "{$.data.phase}" "done" }}`

func phaseOf(name, phase string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"phase": phase}}}
	u.SetNamespace("shop")
	u.SetName(name)
	return u
}

// waiting runs Wait, with one second between the steps, and returns its error and how
// long it took.
func waiting(t *testing.T, env *funcs.Env, conditions map[string]any, steps ...func() error) (time.Duration, error) {
	t.Helper()
	start, result := time.Now(), make(chan error, 1)
	go func() {
		_, err := funcs.Wait().Exec(t.Context(), env, funcs.Args{"timeout": "1m", "conditions": conditions})
		result <- err
	}()
	for _, step := range steps {
		time.Sleep(time.Second)
		synctest.Wait() // until it watches
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	err := <-result
	return time.Since(start), err
}

func TestWait(t *testing.T) {
	forbid := func(client *dynamicfake.FakeDynamicClient, name string) {
		client.PrependReactor("get", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
			if a.(clienttesting.GetAction).GetName() != name {
				return false, nil, nil
			}
			return true, nil, apierrors.NewForbidden(configMaps.GroupResource(), name, errors.New("no rights"))
		})
	}
	anyOf := func(c ...any) map[string]any { return map[string]any{"anyOf": c} }
	allOf := func(c ...any) map[string]any { return map[string]any{"allOf": c} }
	type steps = []func(c *dynamicfake.FakeDynamicClient) error
	put := func(name, phase string) func(c *dynamicfake.FakeDynamicClient) error {
		return func(c *dynamicfake.FakeDynamicClient) error {
			_, err := c.Resource(configMaps).Namespace("shop").Create(context.Background(), phaseOf(name, phase), metav1.CreateOptions{})
			return err
		}
	}
	set := func(name, phase string) func(c *dynamicfake.FakeDynamicClient) error {
		return func(c *dynamicfake.FakeDynamicClient) error {
			_, err := c.Resource(configMaps).Namespace("shop").Update(context.Background(), phaseOf(name, phase), metav1.UpdateOptions{})
			return err
		}
	}
	drop := func(name string) func(c *dynamicfake.FakeDynamicClient) error {
		return func(c *dynamicfake.FakeDynamicClient) error {
			return c.Resource(configMaps).Namespace("shop").Delete(context.Background(), name, metav1.DeleteOptions{})
		}
	}
	for name, c := range map[string]struct {
		conditions map[string]any
		forbidden  string
		steps      steps
		took       time.Duration
		err        string // empty: met
	}{
		"appears done":   {conditions: anyOf(onConfigMap("a", isDone)), steps: steps{put("a", "done")}, took: time.Second},
		"becomes done":   {conditions: anyOf(onConfigMap("a", isDone)), steps: steps{put("a", "new"), set("a", "done")}, took: 2 * time.Second},
		"comes again":    {conditions: allOf(onConfigMap("a", isDone)), steps: steps{put("a", "new"), drop("a"), put("a", "done")}, took: 3 * time.Second},
		"any of two":     {conditions: anyOf(onConfigMap("a", isDone), onConfigMap("b", isDone)), steps: steps{put("b", "done")}, took: time.Second},
		"all of two":     {conditions: allOf(onConfigMap("a", isDone), onConfigMap("b", isDone)), steps: steps{put("b", "done"), put("a", "done")}, took: 2 * time.Second},
		"not all":        {conditions: allOf(onConfigMap("a", isDone), onConfigMap("b", isDone)), steps: steps{put("b", "done")}, took: time.Minute, err: "not met within 1m0s"},
		"not at once":    {conditions: allOf(onConfigMap("a", isDone), onConfigMap("b", isDone)), steps: steps{put("b", "done"), drop("b"), put("a", "done")}, took: time.Minute, err: "not met within 1m0s"},
		"any or all":     {conditions: map[string]any{"anyOf": []any{onConfigMap("a", isDone)}, "allOf": []any{onConfigMap("b", isDone)}}, steps: steps{put("b", "done")}, took: time.Second},
		"empty allOf":    {conditions: map[string]any{"anyOf": []any{onConfigMap("a", isDone)}, "allOf": []any{}}, took: time.Minute, err: "not met within 1m0s"},
		"forbidden":      {conditions: anyOf(onConfigMap("a", isDone), onConfigMap("b", isDone)), forbidden: "b", err: "conditions.anyOf[1] (configmaps shop/b): "},
		"wrong types":    {conditions: anyOf(onConfigMap("a", `{{ gt "{$.data.phase}" 3 }}`)), steps: steps{put("a", "new")}, took: time.Second, err: "conditions.anyOf[0] (configmaps shop/a): the condition cannot become true: "},
		"fails":          {conditions: anyOf(onConfigMap("a", `{{ if eq "{$.data.phase}" "bad" }}{{ fail "backup is bad" }}{{ end }}`)), steps: steps{put("a", "new"), set("a", "bad")}, took: 2 * time.Second, err: "backup is bad"},
		"other spelling": {conditions: map[string]any{"ANYOF": []any{map[string]any{"Condition": isDone, "objectreference": map[string]any{"apiversion": "v1", "Resource": "configmaps", "Namespace": "shop", "NAME": "a", "kind": "x"}}}}, steps: steps{put("a", "done")}, took: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, _, client := newCluster(t)
				if c.forbidden != "" {
					forbid(client, c.forbidden)
				}
				var todo []func() error
				for _, s := range c.steps {
					todo = append(todo, func() error { return s(client) })
				}
				took, err := waiting(t, env, c.conditions, todo...)
				if c.err == "" && err != nil || c.err != "" && err == nil || took != c.took {
					t.Fatalf("after %s: error %v", took, err)
				}
				if timeout := errors.Is(err, context.DeadlineExceeded); timeout != (c.took == time.Minute) {
					t.Errorf("error %v", err)
				}
				if c.err != "" && !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// TestWaitMetAlready: what is true counts, also when another object may not be read.
func TestWaitMetAlready(t *testing.T) {
	env, _, client := newCluster(t, phaseOf("a", "done"))
	client.PrependReactor("get", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.(clienttesting.GetAction).GetName() == "a" {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(configMaps.GroupResource(), "b", errors.New("no rights"))
	})
	conditions := map[string]any{"anyOf": []any{onConfigMap("a", isDone)}, "allOf": []any{onConfigMap("b", isDone)}}
	for range 50 {
		if _, err := funcs.Wait().Exec(t.Context(), env, funcs.Args{"timeout": "1m", "conditions": conditions}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWaitLooksOnce: conditions on one object share what is read of it.
func TestWaitLooksOnce(t *testing.T) {
	env, _, client := newCluster(t, phaseOf("a", "done"))
	same := onConfigMap("a", `{{ eq "{$.metadata.name}" "a" }}`)
	_, err := funcs.Wait().Exec(t.Context(), env, funcs.Args{"timeout": "1m", "conditions": map[string]any{"allOf": []any{onConfigMap("a", isDone), same}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := verbs(client); !slices.Equal(got, []string{"get configmaps shop"}) {
		t.Errorf("done %q", got)
	}
}

func TestWaitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := &corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "key"},
			Data: map[string][]byte{"k": []byte("sesame")},
		}
		failing := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"namespace": "shop", "name": "web"},
			"status": map[string]any{"replicas": int64(2), "selector": map[string]any{"a": "b"}, "conditions": []any{
				map[string]any{"type": "Available", "status": "False", "message": strings.Repeat("long ", 100)},
			}},
		}}
		env, _, _ := newCluster(t, secret, failing)
		_, err := funcs.WaitV2().Exec(t.Context(), env, funcs.Args{"timeout": "90s", "conditions": map[string]any{
			"anyOf": []any{onConfigMap("absent", `{{ true }}`)},
			"allOf": []any{
				map[string]any{"condition": `{{ .status.readyReplicas }} of {{ .status.replicas }}`, "objectReference": map[string]any{"apiVersion": "apps/v1", "resource": "deployments", "namespace": "shop", "name": "web"}},
				map[string]any{"condition": `{{ .data.k | base64decode }}`, "objectReference": map[string]any{"apiVersion": "v1", "resource": "secrets", "namespace": "shop", "name": "key"}},
			},
		}})
		const want = "the conditions were not met within 1m30s: context deadline exceeded\n" +
			"    anyOf[0]: configmaps shop/absent: there is no such object\n" +
			"    allOf[0]: deployments.apps shop/web: the condition printed \"<no value> of 2\"; status: Available=False (long "
		if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v", err)
		}
		for _, want := range []string{"…), replicas=2\n", "allOf[1]: secrets shop/key: the condition printed (not shown", "to go on: "} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("no %q in the error: %v", want, err)
			}
		}
		if strings.Contains(err.Error(), "sesame") {
			t.Errorf("the secret is shown: %v", err)
		}
	})
}

func TestWaitCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, _, _ := newCluster(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := funcs.Wait().Exec(ctx, env, funcs.Args{"timeout": "1m", "conditions": map[string]any{"anyOf": []any{onConfigMap("a", isDone)}}})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "anyOf[0]: configmaps shop/a: there is no such object") {
			t.Errorf("error %v", err)
		}
	})
}

// TestWaitRefuses: before anything is asked of the API server.
func TestWaitRefuses(t *testing.T) {
	nameless := onConfigMap("", isDone)
	for want, args := range map[string]funcs.Args{
		`timeout "soon" is not a duration`:                                   {"timeout": "soon", "conditions": map[string]any{"anyOf": []any{onConfigMap("a", isDone)}}},
		"timeout -1s leaves no time":                                         {"timeout": "-1s", "conditions": map[string]any{"anyOf": []any{onConfigMap("a", isDone)}}},
		"there is nothing to wait for":                                       {"timeout": "1s", "conditions": map[string]any{"anyOf": []any{}}},
		"conditions.anyOf[0]: objectRefer":                                   {"timeout": "1s", "conditions": map[string]any{"anyOf": []any{nameless}}},
		"conditions.allOf[1]: the condition cannot be read: template line 1": {"timeout": "1s", "conditions": map[string]any{"allOf": []any{onConfigMap("a", isDone), onConfigMap("a", "{{ if }}")}}},
		"conditions.anyOf[0]: the condition is empty":                        {"timeout": "1s", "conditions": map[string]any{"anyOf": []any{onConfigMap("a", " ")}}},
		"the path { $.a[ } has a [ that is not closed":                       {"timeout": "1s", "conditions": map[string]any{"anyOf": []any{onConfigMap("a", "{$.a[}")}}},
		"conditions.anyOf[0]: the condition's JSONPath { $.a[x] }":           {"timeout": "1s", "conditions": map[string]any{"anyOf": []any{onConfigMap("a", "{$.a[x]}")}}},
	} {
		env, client, dynamic := newCluster(t)
		_, err := funcs.Wait().Exec(t.Context(), env, args)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %s", err, want)
		}
		if len(client.Actions()) != 0 || len(dynamic.Actions()) != 0 {
			t.Errorf("%s: the API server was asked: %v %v", want, client.Actions(), dynamic.Actions())
		}
	}
}
