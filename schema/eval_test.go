package schema

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/tools/flow"
	"github.com/google/go-cmp/cmp"
)

// evaluate builds a blueprint of testdata/ok in this process.
func evaluate(t testing.TB, example string, change ...string) cue.Value {
	t.Helper()
	src := read(t, filepath.Join("testdata", "ok", example, "blueprint.cue"))
	src = strings.NewReplacer(change...).Replace(src)
	return evaluateSource(t, src)
}

func evaluateSource(t testing.TB, src string) cue.Value {
	t.Helper()
	dir := "/blueprint"
	overlay, err := Overlay(dir)
	if err != nil {
		t.Fatal(err)
	}
	overlay[dir+"/cue.mod/module.cue"] = load.FromString("module: \"example.com/shop\"\nlanguage: version: \"v0.17.0\"\n")
	overlay[dir+"/blueprint.cue"] = load.FromString(src)
	insts := load.Instances([]string{"."}, &load.Config{Dir: dir, Overlay: overlay})
	if err := insts[0].Err; err != nil {
		t.Fatal(err)
	}
	return cuecontext.New().BuildInstance(insts[0])
}

// Phases that an input decides about appear, and are checked, when it is known.
func TestPhasesAppearWithTheirInputs(t *testing.T) {
	restore := cue.ParsePath("blueprint.actions.restore")
	known := map[string]any{
		"options":     map[string]string{"wipe": "yes"},
		"statefulSet": map[string]any{"pods": []string{"db-0", "db-1"}},
	}
	v := evaluate(t, "postgres").LookupPath(restore).FillPath(cue.ParsePath("input"), known)
	if err := v.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []string{"wipe", "load", "analyze-db-0", "analyze-db-1"}
	if diff := cmp.Diff(want, labels(t, v.LookupPath(cue.ParsePath("phases")))); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}

	v = evaluate(t, "postgres", `"vacuumdb", `, `5, `).LookupPath(restore)
	if err := v.Validate(); err != nil {
		t.Errorf("without inputs there is no phase to be wrong: %v", err)
	}
	if err := v.FillPath(cue.ParsePath("input"), known).Validate(); err == nil {
		t.Error("the wrong phase was not found")
	}
}

// A phase that depends on an input which is not known must not hide mistakes in
// the others.
func TestOpenInputsHideNothing(t *testing.T) {
	v := evaluateSource(t, blueprintOf(`
		if input.options.full == "yes" {full: {func: "KubeTask", args: {image: "x", command: ["x"]}}}
		for p in input.statefulSet.pods {"dump-\(p)": {func: "KubeTask", args: {image: "x", command: [p]}}}
		wrong: {func: "ScaleWorkload", args: replica: 0}
		right: {func: "ScaleWorkload", args: replicas: 0}`))
	err := v.Validate()
	if err == nil || !strings.Contains(err.Error(), "wrong.args.replica: field not allowed") {
		t.Errorf("found %v", err)
	}
	if all := errors.Errors(err); len(all) != 1 {
		t.Errorf("found %d errors: %v", len(all), all)
	}
}

func labels(t testing.TB, v cue.Value) []string {
	t.Helper()
	it, err := v.Fields()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for it.Next() {
		names = append(names, it.Selector().Unquoted())
	}
	return names
}

// Dependency analysis must see which phase reads which.
func TestDependenciesAreSeen(t *testing.T) {
	for _, tt := range []struct {
		example, action string
		want            map[string][]string
	}{
		{"volume", "backup", map[string][]string{"stop": nil, "copy": nil, "measure": {"copy"}}},
		{"volume", "restore", map[string][]string{"stop": nil, "load": nil, "own": nil, "start": {"stop"}}},
		{"postgres", "backup", map[string][]string{"dump": nil}},
	} {
		got := map[string][]string{}
		phases := "blueprint.actions." + tt.action + ".phases"
		cfg := &flow.Config{Root: cue.ParsePath(phases)}
		c := flow.New(cfg, evaluate(t, tt.example), func(v cue.Value) (flow.Runner, error) {
			if len(v.Path().Selectors()) != len(cfg.Root.Selectors())+1 {
				return nil, nil
			}
			return flow.RunnerFunc(func(*flow.Task) error { return nil }), nil
		})
		for _, task := range c.Tasks() {
			var deps []string
			for _, d := range task.Dependencies() {
				deps = append(deps, last(d))
			}
			slices.Sort(deps)
			got[last(task)] = deps
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", tt.action, tt.example, diff)
		}
	}
}

func last(task *flow.Task) string {
	s := task.Path().Selectors()
	return s[len(s)-1].Unquoted()
}
