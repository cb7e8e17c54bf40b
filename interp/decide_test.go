package interp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

// give makes a phase's outputs known.
func give(t *testing.T, p *Plan, s *State, phase string, output map[string]any) {
	t.Helper()
	for _, ph := range p.Phases {
		if ph.Name == phase {
			if err := s.SetOutput(ph, output); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no phase %s in %v", phase, phaseNames(p))
}

func replan(t *testing.T, s *State) *Plan {
	t.Helper()
	p, err := s.Replan()
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		t.Fatal("nothing was decided")
	}
	return p
}

const (
	asks = `{func: "KubeTask", args: {image: "i:1", command: ["x"]}, output: {full: string, pods: string}}`
	tell = `{func: "KubeTask", args: {image: "i:1", command: ["x"]}, output: id: string}`
)

func TestConditionsOverOutputsAreDecidedWhenTheyAreKnown(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       []string
	}{
		{"a condition that holds", `phases: {
			ask: ` + asks + `
			if phases.ask.output.full == "yes" {extra: ` + task + `}
			last: ` + task + `
		}`, []string{"ask", "extra", "last"}},
		{"one that does not", `phases: {
			ask: ` + asks + `
			if phases.ask.output.full == "no" {extra: ` + task + `}
			last: ` + task + `
		}`, []string{"ask", "last"}},
		{"by the phase's label", `phases: {
			ask: ` + asks + `
			if ask.output.full == "yes" {extra: ` + task + `}
		}`, []string{"ask", "extra"}},
		{"around the phases", `
			phases: ask: ` + asks + `
			if phases.ask.output.full == "yes" {phases: extra: ` + task + `}`, []string{"ask", "extra"}},
		{"a loop", `phases: {
			ask: ` + asks + `
			for p in strings.Split(phases.ask.output.pods, " ") {"dump-\(p)": ` + task + `}
			last: ` + task + `
		}`, []string{"ask", "dump-b", "dump-a", "last"}},
		{"by way of a let", `phases: {
			ask: ` + asks + `
			let found = strings.Split(phases.ask.output.pods, " ")
			for p in found {"dump-\(p)": ` + task + `}
		}`, []string{"ask", "dump-b", "dump-a"}},
		{"by way of a helper", `phases: {
			ask: ` + asks + `
			for p in _found {"dump-\(p)": ` + task + `}
		}
		_found: strings.Split(phases.ask.output.pods, " ")`, []string{"ask", "dump-b", "dump-a"}},
		{"phases whose names are no identifiers", `phases: {
			"ask-it": {func: "KubeTask", args: {image: "i:1", command: ["x"]}, output: "is-full": string}
			if phases["ask-it"].output["is-full"] == "yes" {extra: ` + task + `}
		}`, []string{"ask-it", "extra"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustPlan(t, tt.body, &compat.Params{})
			if len(p.Open()) == 0 {
				t.Fatal("the plan is not open")
			}
			s := p.NewState(&compat.Params{}, nil)
			give(t, p, s, p.Phases[0].Name, map[string]any{"full": "yes", "pods": "b a", "is-full": "yes"})
			next := replan(t, s)
			if diff := cmp.Diff(tt.want, phaseNames(next)); diff != "" {
				t.Error(diff)
			}
			if len(next.Open()) > 0 {
				t.Errorf("still open for %v", next.Open())
			}
		})
	}
}

func TestNumbersDecide(t *testing.T) {
	p := mustPlan(t, `kind: "StatefulSet"
		phases: {
			stop: {func: "ScaleWorkload", args: replicas: 0}
			if phases.stop.output.originalReplicaCount > 2 {many: `+task+`}
		}`, everythingParams())
	s := p.NewState(everythingParams(), nil)
	give(t, p, s, "stop", map[string]any{"originalReplicaCount": 3})
	if diff := cmp.Diff([]string{"stop", "many"}, phaseNames(replan(t, s))); diff != "" {
		t.Error(diff)
	}
}

// TestOnePhaseAfterTheOther: a condition over the output of a phase that a condition brings.
func TestDecisionsFollowDecisions(t *testing.T) {
	body := `phases: {
		ask: ` + asks + `
		if ask.output.full == "yes" {
			again: ` + asks + `
			if again.output.full == "yes" {
				extra: ` + tell + `
			}
		}
		last: {func: "KubeTask", args: {image: "i:1", command: [phases.extra.output.id]}}
		free: {func: "KubeTask", after: [], args: {image: "i:1", command: ["x"]}}
	}
	outputArtifacts: x: keyValue: id: phases.extra.output.id`
	p := mustPlan(t, body, &compat.Params{})
	s := p.NewState(&compat.Params{}, nil)
	if undecided(p) != "last" {
		t.Errorf("undecided: %s", undecided(p))
	}
	answer := map[string]any{"full": "yes", "pods": ""}
	if next, err := s.Replan(); next != nil || err != nil {
		t.Fatalf("plan %v, error %v: nothing is known yet", next, err)
	}
	give(t, p, s, "ask", answer)
	p = replan(t, s)
	if diff := cmp.Diff([]string{"ask", "again", "last", "free"}, phaseNames(p)); diff != "" || undecided(p) != "last" {
		t.Errorf("undecided: %s %s", undecided(p), diff)
	}
	give(t, p, s, "again", answer)
	p = replan(t, s)
	if undecided(p) != "" || strings.Join(waits(p)["last"], " ") != "ask again extra" {
		t.Errorf("undecided: %s, last waits for %v", undecided(p), waits(p)["last"])
	}
	give(t, p, s, "extra", map[string]any{"id": "42"})
	args, err := s.Args(p.Phases[3])
	if err != nil || args["command"].([]any)[0] != "42" {
		t.Errorf("args %v, error %v", args, err)
	}
	artifacts, err := s.Artifacts()
	if err != nil || artifacts["x"].KeyValue["id"] != "42" {
		t.Errorf("artifacts %v, error %v", artifacts, err)
	}
}

func undecided(p *Plan) string {
	var names []string
	for _, ph := range p.Phases {
		if ph.Undecided {
			names = append(names, ph.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestPhasesThemselvesAreDecided(t *testing.T) {
	p := mustPlan(t, `phases: {
		ask: `+asks+`
		a: `+task+`
		a: {if ask.output.full == "yes" {timeout: "1s"}}
		b: `+task+`
		b: after: ["ask", if ask.output.full == "yes" {"a"}]
	}`, &compat.Params{})
	s := p.NewState(&compat.Params{}, nil)
	if undecided(p) != "a b" {
		t.Errorf("undecided: %s", undecided(p))
	}
	give(t, p, s, "ask", map[string]any{"full": "yes", "pods": ""})
	p = replan(t, s)
	if p.Phases[1].Timeout == 0 || strings.Join(waits(p)["b"], " ") != "ask a" || undecided(p) != "" {
		t.Errorf("timeout %s, b waits for %v, undecided %q", p.Phases[1].Timeout, waits(p)["b"], undecided(p))
	}
}

func TestArtifactsOfALoop(t *testing.T) {
	p := mustPlan(t, `phases: {
		ask: `+asks+`
		for p in strings.Split(ask.output.pods, " ") {"dump-\(p)": `+tell+`}
	}
	outputArtifacts: {for p in strings.Split(phases.ask.output.pods, " ") {"\(p)": keyValue: id: phases["dump-\(p)"].output.id}}`, &compat.Params{})
	s := p.NewState(&compat.Params{}, nil)
	give(t, p, s, "ask", map[string]any{"full": "", "pods": "b a"})
	p = replan(t, s)
	give(t, p, s, "dump-b", map[string]any{"id": "1"})
	give(t, p, s, "dump-a", map[string]any{"id": "2"})
	artifacts, err := s.Artifacts()
	want := map[string]compat.Artifact{"a": {KeyValue: map[string]string{"id": "2"}}, "b": {KeyValue: map[string]string{"id": "1"}}}
	if diff := cmp.Diff(want, artifacts); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestConditionOverWhatNobodyGives(t *testing.T) {
	p := mustPlan(t, `phases: {
		if input.options.full == "yes" {a: `+task+`}
		b: `+task+`
	}`, &compat.Params{})
	err := p.Decidable()
	if err == nil || !strings.Contains(err.Error(), "p.cue:10:20: ") || !strings.Contains(err.Error(), "undefined field: full: whether there is a phase depends on it") {
		t.Errorf("error %v", err)
	}
}

func TestAfterAPhaseThatAConditionBrings(t *testing.T) {
	_, err := plan(t, `phases: {
		ask: `+asks+`
		if ask.output.full == "yes" {extra: `+task+`}
		b: `+task+`
		b: after: ["extra"]
	}`, &compat.Params{})
	if err == nil || !strings.Contains(err.Error(), "write `after: [if CONDITION {\"extra\"}]`") {
		t.Errorf("error %v", err)
	}
}

func TestPhasesByNamesThatAreComputed(t *testing.T) {
	params := everythingParams()
	params.StatefulSet.Pods = []string{"b", "a"}
	p := mustPlan(t, `kind: "StatefulSet"
	phases: {
		first: `+task+`
		for p in input.statefulSet.pods {
			"dump-\(p)": {func: "KubeTask", after: [], args: {image: "i-\(p)", command: ["x"]}, output: id: string}
			"load-\(p)": {func: "KubeTask", after: [], args: {image: phases["dump-\(p)"].args.image, command: ["\(phases["dump-\(p)"].output.id)"]}}
		}
	}
	outputArtifacts: {
		for p in input.statefulSet.pods {"\(p)": keyValue: {id: phases["dump-\(p)"].output.id, image: phases["dump-\(p)"].args.image}}
		for n, p in phases if strings.HasPrefix(n, "dump-") {"all-\(n)": keyValue: id: p.output.id}
	}`, params)
	if got := strings.Join(waits(p)["load-a"], " "); got != "dump-a" {
		t.Errorf("load-a waits for %s", got)
	}
	s := p.NewState(params, nil)
	give(t, p, s, "dump-a", map[string]any{"id": "1"})
	give(t, p, s, "dump-b", map[string]any{"id": "2"})
	for _, ph := range p.Phases {
		args, err := s.Args(ph)
		if err != nil {
			t.Errorf("%s: %v", ph.Name, err)
		}
		if ph.Name == "load-a" && (args["image"] != "i-a" || args["command"].([]any)[0] != "1") {
			t.Errorf("load-a: %v", args)
		}
	}
	artifacts, err := s.Artifacts()
	want := map[string]compat.Artifact{
		"a":          {KeyValue: map[string]string{"id": "1", "image": "i-a"}},
		"b":          {KeyValue: map[string]string{"id": "2", "image": "i-b"}},
		"all-dump-a": {KeyValue: map[string]string{"id": "1"}},
		"all-dump-b": {KeyValue: map[string]string{"id": "2"}},
	}
	if diff := cmp.Diff(want, artifacts); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestAPhaseThatIsNotThereIsNamedBeforeTheRun(t *testing.T) {
	p := mustPlan(t, `phases: {
		if input.options.full != _|_ {extra: `+tell+`}
		last: {func: "KubeTask", args: {image: "i:1", command: [phases.extra.output.id]}}
	}`, &compat.Params{})
	_, err := p.NewState(&compat.Params{}, nil).Args(p.Phases[0])
	if err == nil || !strings.Contains(err.Error(), "undefined field: extra") || !strings.Contains(err.Error(), "p.cue:11:") {
		t.Errorf("error %v", err)
	}
}
