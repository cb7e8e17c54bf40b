//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube/client"
)

// cond is a condition on an object: version, group, resource, namespace, name.
func cond(text string, ref ...string) map[string]any {
	reference := map[string]any{"apiVersion": ref[0], "resource": ref[2], "name": ref[4]}
	if ref[1] != "" {
		reference["group"] = ref[1]
	}
	if ref[3] != "" {
		reference["namespace"] = ref[3]
	}
	return map[string]any{"condition": text, "objectReference": reference}
}

func conditions(list string, conds ...any) map[string]any { return map[string]any{list: conds} }

func TestWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f     funcs.Func
		conds func(env *funcs.Env, on func(string) any) map[string]any
	}{
		"V2": {funcs.WaitV2(), func(_ *funcs.Env, on func(string) any) map[string]any {
			return conditions("allOf", on(`{{ eq .status.availableReplicas .spec.replicas }}`),
				on(`{{ range .status.conditions }}{{ if eq .type "Available" }}{{ eq .status "True" }}{{ end }}{{ end }}`))
		}},
		"V1": {funcs.Wait(), func(_ *funcs.Env, on func(string) any) map[string]any {
			return conditions("allOf",
				on(`{{ and (eq {$.status.availableReplicas} 1) (eq "{ $.status.conditions[?(@.type=="Available")].status }" "True") }}`))
		}},
		"any of": {funcs.WaitV2(), func(env *funcs.Env, on func(string) any) map[string]any {
			never := cond("{{ true }}", "v1", "", "configmaps", env.Namespace, "never")
			return map[string]any{"anyOf": []any{never, on(`{{ ge .status.availableReplicas 1 }}`)}, "allOf": []any{never}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := newEnv(t)
			available := func() any {
				status, _ := read(t, env, deployments, env.Namespace, "web").Object["status"].(map[string]any)
				return status["availableReplicas"]
			}
			// Available five seconds after it is ready, so that there is something to wait for.
			create(t, env, strings.Replace(deploymentSpec("web", "sleep 3600"), "spec:\n", "spec:\n  minReadySeconds: 5\n", 1))
			if available() != nil {
				t.Fatal("the deployment is available already")
			}
			conds := c.conds(env, func(text string) any { return cond(text, "v1", "apps", "deployments", env.Namespace, "web") })
			out, err := run(t, t.Context(), c.f, env, funcs.Args{"timeout": "4m", "conditions": conds})
			if err != nil || out == nil || len(out) != 0 {
				t.Errorf("output %v, error %v", out, err)
			}
			if available() != int64(1) {
				t.Errorf("%v replicas are available", available())
			}
		})
	}
}

func TestWaitClusterScoped(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	active := cond(`{{ if (eq "{ $.status.phase }" "Active") }}true{{end}}`, "v1", "", "namespaces", "", env.Namespace)
	if _, err := run(t, t.Context(), funcs.Wait(), env, funcs.Args{"timeout": "4m", "conditions": conditions("anyOf", active)}); err != nil {
		t.Error(err)
	}
}

// TestWaitForObject: one that appears later, is deleted, comes again, and then has
// what is waited for.
func TestWaitForObject(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	met := make(chan time.Time, 1)
	go func() {
		maps := env.Kube.CoreV1().ConfigMaps(env.Namespace)
		for _, phase := range []string{"early", "late", "done"} {
			time.Sleep(time.Second)
			object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "later"}, Data: map[string]string{"phase": phase}}
			if phase == "late" {
				if err := maps.Delete(context.Background(), "later", metav1.DeleteOptions{}); err != nil {
					t.Error(err)
				}
				continue
			}
			if phase == "done" {
				met <- time.Now()
			}
			if _, err := maps.Create(context.Background(), object, metav1.CreateOptions{}); err != nil {
				t.Error(err)
			}
		}
	}()
	_, err := run(t, t.Context(), funcs.Wait(), env, funcs.Args{"timeout": "4m",
		"conditions": conditions("anyOf", cond(`{{ eq "{$.data.phase}" "done" }}`, "v1", "", "configmaps", env.Namespace, "later"))})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case at := <-met:
		t.Logf("noticed %d ms after it was created", time.Since(at).Milliseconds())
	default:
		t.Error("it did not wait")
	}
}

func TestWaitTimeout(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	// Never available in the time of this test. One whose container ends again and again is, for
	// a moment after each start.
	create(t, env, strings.Replace(deploymentSpec("web", "sleep 3600"), "spec:\n", "spec:\n  minReadySeconds: 500\n", 1))
	err := eventually(t, "the controller has seen the deployment", func(context.Context) (bool, error) {
		status, _ := read(t, env, deployments, env.Namespace, "web").Object["status"].(map[string]any)
		return strings.Contains(fmt.Sprint(status["conditions"]), "MinimumReplicasUnavailable"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	conds := map[string]any{
		"anyOf": []any{cond(`{{ eq "{$.data.phase}" "done" }}`, "v1", "", "configmaps", env.Namespace, "absent")},
		"allOf": []any{cond(`{{ eq {$.status.availableReplicas} 1 }}`, "v1", "apps", "deployments", env.Namespace, "web"),
			cond(`{{ eq "{$.metadata.name}" "elsewhere" }}`, "v1", "apps", "deployments", env.Namespace, "web")},
	}
	_, err = run(t, t.Context(), funcs.Wait(), env, funcs.Args{"timeout": "20s", "conditions": conds})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	for _, want := range []string{
		"not met within 20s",
		"anyOf[0]: configmaps " + env.Namespace + "/absent: there is no such object",
		"allOf[0]: deployments.apps " + env.Namespace + "/web: { $.status.availableReplicas }: availableReplicas is not found; status: ",
		`allOf[1]: deployments.apps ` + env.Namespace + `/web: the condition printed "false"; status: `,
		"Available=False (Deployment does not have minimum availability.)",
		"to go on: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in the error:\n%v", want, err)
		}
	}
	t.Log(err)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	_, err = run(t, ctx, funcs.Wait(), env, funcs.Args{"timeout": "1m", "conditions": conds})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "anyOf[0]") {
		t.Errorf("cancelled: %v", err)
	}
}

// TestWaitCannotBeMet: each of these would wait until the timeout in Kanister.
func TestWaitCannotBeMet(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	nobody := *env
	withoutRights(t, &nobody)
	onNamespace := []string{"v1", "", "namespaces", "", env.Namespace}
	for name, c := range map[string]struct {
		f    funcs.Func
		env  *funcs.Env
		cond map[string]any
		want []string
	}{
		"unknown function": {funcs.WaitV2(), env, cond(`{{ .status.phase | upcase }}`, onNamespace...), []string{"conditions.anyOf[0]", `unknown function "upcase"`}},
		"no end":           {funcs.Wait(), env, cond(`{{ if "{$.status.phase}" }}true`, onNamespace...), []string{"conditions.anyOf[0]", "unexpected EOF"}},
		"JSONPath":         {funcs.Wait(), env, cond(`{{ eq "{$.status[}" "x" }}`, onNamespace...), []string{"conditions.anyOf[0]", "the path { $.status[ } has a [ that is not closed"}},
		"wrong types":      {funcs.WaitV2(), env, cond(`{{ gt .status.phase 3 }}`, onNamespace...), []string{"conditions.anyOf[0]", "a text and a number"}},
		"no data":          {funcs.Wait(), env, cond(`{{ eq .status.phase "Active" }}`, onNamespace...), []string{"conditions.anyOf[0]", "{ $.status.phase }"}},
		"unknown resource": {funcs.WaitV2(), env, cond(`{{ true }}`, "v1", "", "deployment", "ns", "web"), []string{"conditions.anyOf[0]", `"deployments"`, `group "apps"`}},
		"no namespace":     {funcs.WaitV2(), env, cond(`{{ true }}`, "v1", "apps", "deployments", "", "web"), []string{"conditions.anyOf[0]", "needs a namespace"}},
		"forbidden":        {funcs.WaitV2(), &nobody, cond(`{{ true }}`, onNamespace...), []string{"conditions.anyOf[0]", "forbidden"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := run(t, t.Context(), c.f, c.env, funcs.Args{"timeout": "4m", "conditions": conditions("anyOf", c.cond)})
			if err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in the error: %v", want, err)
				}
			}
		})
	}
}

// withoutRights makes the clients those of a user who may do nothing.
func withoutRights(t *testing.T, env *funcs.Env) {
	t.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: "nobody", Groups: []string{"system:authenticated"}}
	clients, err := client.New(config, "rescue-e2e")
	if err != nil {
		t.Fatal(err)
	}
	clients.Fill(env)
}

func TestKubeOpsForbidden(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	withoutRights(t, env)
	for _, args := range []funcs.Args{
		{"operation": "create", "namespace": env.Namespace, "spec": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"},
		{"operation": "delete", "namespace": env.Namespace, "objectReference": map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "a"}},
		{"operation": "patch", "spec": "data: {a: b}", "objectReference": map[string]any{"apiVersion": "v1", "resource": "configmaps", "name": "a", "namespace": env.Namespace}},
	} {
		if _, err := run(t, t.Context(), funcs.KubeOps(), env, args); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), env.Namespace+"/a") {
			t.Errorf("%s: %v", args["operation"], err)
		}
	}
}
