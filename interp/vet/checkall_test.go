package vet

import (
	"fmt"
	"strings"
	"testing"
)

func yamlUnit(name, function string) Unit {
	text := fmt.Sprintf("apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nmetadata: {name: x}\nactions:\n  backup:\n    phases:\n    - func: %s\n      name: dump\n      args: {image: \"a:1\", command: [dump]}\n", function)
	return Unit{Language: YAML, Files: []File{{Name: name, Data: []byte(text)}}}
}

func cueUnit(name, function string) Unit {
	text := fmt.Sprintf("package x\nimport \"github.com/rescuecue/rescue/schema\"\nblueprint: schema.#Blueprint & {name: \"x\", actions: backup: phases: dump: {func: %q, args: {image: \"a:1\", command: [\"dump\"]}}}\n", function)
	return Unit{Language: CUE, Files: []File{{Name: name, Path: "/nowhere/" + name, Data: []byte(text)}}}
}

// TestChecker: what has changed is checked again, what has gone is forgotten, and what
// is as it was gives the same findings.
func TestChecker(t *testing.T) {
	c := &Checker{}
	errorsIn := func(units ...Unit) string {
		t.Helper()
		findings, err := c.CheckAll(units)
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		for _, f := range findings {
			if f.Severity == Error {
				files = append(files, f.File)
			}
		}
		return strings.Join(files, " ")
	}
	for step, tt := range []struct {
		units []Unit
		want  string
	}{
		{[]Unit{yamlUnit("a.yaml", "KubeTsk"), cueUnit("b.cue", "KubeTask")}, "a.yaml"},
		{[]Unit{yamlUnit("a.yaml", "KubeTsk"), cueUnit("b.cue", "KubeTsk")}, "a.yaml b.cue"},
		{[]Unit{yamlUnit("a.yaml", "KubeTsk"), cueUnit("b.cue", "KubeTsk")}, "a.yaml b.cue"},
		{[]Unit{yamlUnit("a.yaml", "KubeTask"), cueUnit("b.cue", "KubeTsk")}, "b.cue"},
		{[]Unit{yamlUnit("c.yaml", "KubeTsk")}, "c.yaml"},
		{nil, ""},
	} {
		if got := errorsIn(tt.units...); got != tt.want {
			t.Errorf("step %d: errors in %q, want %q", step, got, tt.want)
		}
		if len(c.known) > len(tt.units) {
			t.Errorf("step %d: %d verdicts are kept of %d units", step, len(c.known), len(tt.units))
		}
	}
}

// TestCheckManyPackages: packages share evaluated schemas, a few at a time, and each
// gets its own findings.
func TestCheckManyPackages(t *testing.T) {
	var units []Unit
	for i := range 40 {
		function := "KubeTask"
		if i%3 == 0 {
			function = "KubeTsk"
		}
		units = append(units, cueUnit(fmt.Sprintf("p%02d.cue", i), function))
	}
	findings, err := CheckAll(units)
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for _, f := range findings {
		if f.Severity == Error {
			wrong++
			if f.Rule != ruleUnknownFunction {
				t.Errorf("%s: %s", f.File, f.Message)
			}
		}
	}
	if wrong != 14 {
		t.Errorf("%d errors, want 14", wrong)
	}
}
