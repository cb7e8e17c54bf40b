package funcs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEffectsOfAllFunctions: each function says what it does, by arguments that it has.
func TestEffectsOfAllFunctions(t *testing.T) {
	registry := Builtin()
	for _, name := range registry.Names() {
		f, err := registry.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(effects[name]) == 0 {
			t.Errorf("%s: nothing says what it does", name)
		}
		for _, e := range effects[name] {
			for _, m := range regexp.MustCompile(`\{(\w+)`).FindAllStringSubmatch(e.Verb+e.Object, -1) {
				if !slices.Contains(f.Arguments(), m[1]) {
					t.Errorf("%s has no argument %s", name, m[1])
				}
			}
		}
		if len(EffectsOf(name, "rescue", nil)) != len(effects[name]) {
			t.Errorf("%s without arguments", name)
		}
	}
	for name := range effects {
		if _, err := registry.Lookup(name); err != nil {
			t.Errorf("effects of %s: %v", name, err)
		}
	}
}

func TestEffectsOf(t *testing.T) {
	for name, c := range map[string]struct {
		function string
		args     map[string]any
		want     string
	}{
		"default":         {"ScaleWorkload", map[string]any{"replicas": 0}, "scales the action's object to 0 replicas"},
		"given":           {"ScaleWorkload", map[string]any{"replicas": "<n of phase a>", "kind": "deployment", "name": "cart"}, "scales deployment cart to <n of phase a> replicas"},
		"namespace":       {"KubeTask", map[string]any{"namespace": "shop"}, "creates a pod in namespace shop"},
		"work namespace":  {"KubeTask", nil, "creates a pod in namespace rescue"},
		"within another":  {"RestoreDataUsingKopiaServer", map[string]any{"pod": "pg-0", "backupIdentifier": "k1"}, "changes the claims of pod pg-0: backup k1 is restored to /"},
		"volumes":         {"PrepareData", map[string]any{"volumes": map[string]any{"web": "/srv", "log": "/log"}}, "changes the claims log:/log, web:/srv, as its command does"},
		"verb":            {"KubeOps", map[string]any{"operation": "delete"}, "deletes objects in namespace default"},
		"braces of value": {"DeleteData", map[string]any{"backupID": "{x}", "backupArtifactPrefix": "{pod}"}, "deletes backup {x} at {pod}"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range EffectsOf(c.function, "rescue", c.args) {
				got = append(got, e.Verb+" "+e.Object)
			}
			if !slices.Contains(got, c.want) {
				t.Errorf("%s, want %s", strings.Join(got, "; "), c.want)
			}
		})
	}
}
