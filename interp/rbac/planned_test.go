package rbac_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/rbac"
)

// TestPlanned: what a phase needs whose arguments are known, or not.
func TestPlanned(t *testing.T) {
	const spec = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}"
	for name, c := range map[string]struct {
		phase rbac.Planned
		want  []string
	}{
		"known": {rbac.Planned{Function: "KubeOps", Args: map[string]any{"operation": "create", "namespace": "shop", "spec": spec}},
			[]string{"create/get configmaps named:shop"}},
		"a spec that only the run knows": {rbac.Planned{
			Function: "KubeOps", Args: map[string]any{"operation": "create", "namespace": "shop", "spec": "<not known yet>"}, Unknown: map[string]bool{"spec": false},
		}, []string{"create/get  open:the spec"}},
		"a namespace that only the run knows": {rbac.Planned{
			Function: "ScaleWorkload", Kind: "StatefulSet", Args: map[string]any{"namespace": "<where of phase a>"}, Unknown: map[string]bool{"namespace": true},
		}, []string{"get/watch pods open:<where of phase a>", "get/patch/watch statefulsets open:<where of phase a>", "list pods open:<where of phase a>"}},
		"a pod without secrets": {rbac.Planned{Function: "KubeTask", Args: map[string]any{"namespace": "shop", "command": []any{"a"}}},
			[]string{"create/get/watch/delete pods named:shop", "get pods/log named:shop"}},
		"a pod with a secret": {rbac.Planned{
			Function: "KubeTask",
			Args:     map[string]any{"namespace": "shop", "command": []any{"a", "<password of Secret shop/db>"}},
			Objects:  map[string]any{"db": map[string]any{"kind": "Secret", "namespace": "shop", "name": "db"}},
			Unknown:  map[string]bool{"command[1]": true},
		}, []string{"get secrets[db] named:shop", "create/get/watch/delete pods named:shop", "get pods/log named:shop", "create/get/patch/delete secrets named:shop"}},
		"an object that only the run names": {rbac.Planned{
			Function: "KubeTask", Args: map[string]any{"namespace": "shop"},
			Objects: map[string]any{"c": map[string]any{"kind": "ConfigMap", "namespace": "shop", "name": "<name of phase a>"}},
			Unknown: map[string]bool{"objects.c.name": true},
		}, []string{"get configmaps named:shop", "create/get/watch/delete pods named:shop", "get pods/log named:shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			needs, err := c.phase.Needs(funcs.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range needs {
				text := strings.Join(n.Verbs, "/") + " " + n.Resource
				if len(n.Names) > 0 {
					text += "[" + strings.Join(n.Names, " ") + "]"
				}
				got = append(got, text+" "+string(n.Where.Kind)+":"+n.Where.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPlannedUnknown: where not even the arguments are known, that is said.
func TestPlannedUnknown(t *testing.T) {
	for want, phase := range map[string]rbac.Planned{
		"only the run knows":     {Function: "KubeTask", Args: map[string]any{}, Unknown: map[string]bool{"": false}},
		`unknown function "Foo"`: {Function: "Foo"},
	} {
		if _, err := phase.Needs(funcs.Builtin()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
