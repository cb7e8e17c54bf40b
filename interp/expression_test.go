package interp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

// oddKeys has declared keys that are no identifiers, read within texts: CUE would
// name them, which it cannot.
const oddKeys = `
	phases: {
		a: {
			func: "KubeTask"
			objects: db: name: "db"
			secrets: db: data: {
				"root-password": *"" | string
				"user-name":     string
				"not.there":     string
			}
			args: {image: "i:1", command: ["sh", "-c", "u \(phases.a.secrets.db.data["user-name"]) p \(phases.a.secrets.db.data["root-password"])"]}
			output: k: string
		}
		b: {func: "KubeTask", after: [], args: {image: "i:1", command: ["x"]}}
		c: {func: "KubeTask", after: [], args: {image: "i:1", command: ["p \(phases.a.secrets.db.data["root-password"])"]}}
		d: {func: "KubeTask", after: [], args: {image: "i:1", command: ["p \(phases.a.secrets.db.data["not.there"])"]}}
	}
	outputArtifacts: x: keyValue: k: "\(phases.a.output.k) \(phases.a.secrets.db.data["root-password"])"`

func TestKeysThatAreNoIdentifiers(t *testing.T) {
	params := &compat.Params{Phases: map[string]*compat.Phase{"a": {
		Output:  map[string]any{"k": "v"},
		Secrets: map[string]compat.Secret{"db": {Data: map[string][]byte{"user-name": []byte("u1")}}},
	}}}
	p := mustPlan(t, oddKeys, params)
	if w := waits(p); len(w["b"]) != 0 || strings.Join(w["c"], " ") != "a" {
		t.Errorf("b, which reads nothing, and c wait for %v", w)
	}
	state := p.NewState(params, compat.Engine{}.Render)
	for i, want := range []string{"u u1 p ", "", "p "} {
		args, err := state.Args(p.Phases[i])
		if err != nil {
			t.Fatal(err)
		}
		command := args["command"].([]any)
		if got := command[len(command)-1]; want != "" && got != want {
			t.Errorf("phase %s: %q, expected %q", p.Phases[i].Name, got, want)
		}
	}
	if _, err := state.Args(p.Phases[3]); err == nil || !strings.Contains(err.Error(), "needs phases.a.secrets.db.data.not.there") {
		t.Errorf("the missing key: %v", err)
	}
	artifacts, err := state.Artifacts()
	if err != nil || artifacts["x"].KeyValue["k"] != "v " {
		t.Errorf("artifacts %v, %v", artifacts, err)
	}
}

// A condition that reads a list must not be mistaken for an index into that list.
func TestChoicesThatReadLists(t *testing.T) {
	params := &compat.Params{
		StatefulSet: &compat.Workload{Name: "s", Namespace: "n", Pods: []string{"pod-0", "pod-1"}},
		Phases:      map[string]*compat.Phase{"a": {Output: map[string]any{"k": "v"}}},
	}
	p := mustPlan(t, `
		kind: "StatefulSet"
		let some = [if len(input.statefulSet.pods) > 0 {"some"}, "none"][0]
		phases: {
			a: {func: "KubeTask", output: k: string, args: {image: "i:1", command: [
				[if len(input.statefulSet.pods) > 1 {"several"}, "one"][0],
				some,
				[if len(input.statefulSet.pods) > 5 {"many"}, if len(input.statefulSet.pods) <= 5 {input.statefulSet.pods[1]}][0],
			]}}
			b: {func: "KubeTask", args: {image: "i:1", command: ["\(a.output.k) \([if len(input.statefulSet.pods) > 0 {"yes"}, "no"][0]) \(some)"]}}
		}`, params)
	state := p.NewState(params, compat.Engine{}.Render)
	for i, want := range [][]any{{"several", "some", "pod-1"}, {"v yes some"}} {
		args, err := state.Args(p.Phases[i])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(want), args["command"]); diff != "" {
			t.Errorf("phase %s (-want +got):\n%s", p.Phases[i].Name, diff)
		}
	}
}

// What the branch of a choice lacks is an error also within a string, and not nothing.
func TestChoiceThatLacksSomething(t *testing.T) {
	params := &compat.Params{Options: map[string]string{"there": "x"}}
	const lacks = `[if input.options.there != "" {"b \(input.options.missing)"}, "c"][0]`
	for name, body := range map[string]string{
		"in a string": `phases: a: {func: "KubeTask", args: {image: "i:1", command: ["a \(` + lacks + `)"]}}`,
		"by a let":    `let some = ` + lacks + `, phases: a: {func: "KubeTask", args: {image: "i:1", command: ["a \(some)"]}}`,
		"by itself":   `phases: a: {func: "KubeTask", args: {image: "i:1", command: [` + lacks + `]}}`,
		"as a number": `phases: a: {func: "ScaleWorkload", args: {replicas: [if input.options.there != "" {len(input.options.missing)}, 1][0]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := mustPlan(t, body, params)
			args, err := p.NewState(params, compat.Engine{}.Render).Args(p.Phases[0])
			if err == nil {
				t.Errorf("no error, but %v", args)
			}
		})
	}
}
