package run

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

// killedAt is what a journal says of a run that was killed after its first n events.
func killedAt(t *testing.T, dir string, n int) Summary {
	t.Helper()
	events, err := ReadJournal(dir, "r1")
	if err != nil {
		t.Fatal(err)
	}
	if n > len(events) {
		t.Fatalf("the journal has %d events, not %d", len(events), n)
	}
	return Summarize(events[:n])
}

const threePhases = `phases: {
	a: {func: "KubeTask", args: {image: "i:1", command: ["give", "id", "7"]}, output: id: string}
	b: {func: "KubeTask", args: {image: "i:1", command: ["got", phases.a.output.id]}}
	c: {func: "KubeTask", args: {image: "i:1", command: ["end"]}}
}
deferPhase: {func: "KubeTask", args: {image: "i:1", command: ["last"]}}
outputArtifacts: x: keyValue: id: phases.a.output.id
`

// TestResumeAfterAKillAtAnyEvent: wherever the first process was killed, a second one
// finishes the run, runs no finished phase again, and has its outputs.
func TestResumeAfterAKillAtAnyEvent(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	opts := options(t, f, threePhases)
	opts.Journal = openJournal(t, dir)
	if _, err := Run(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	opts.Journal.Close()
	all, err := ReadJournal(dir, "r1")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(all); n++ {
		was := Summarize(all[:n])
		rest := was.Remainder()
		var again []string
		for _, p := range rest.Open {
			again = append(again, p.Name)
		}
		f := newFake()
		opts := options(t, f, threePhases)
		opts.Earlier = was.Earlier(again...)
		opts.Earlier.Over = rest.Over
		result, err := Run(context.Background(), opts)
		if err != nil || result.State != Complete || result.Artifacts["x"].KeyValue["id"] != "7" {
			t.Fatalf("killed after %d events: state %s, artifacts %v, error %v", n, result.State, result.Artifacts, err)
		}
		words := map[string]string{"give id 7": "a", "got 7": "b", "end": "c", "last": DeferPhase}
		for _, event := range f.events {
			if was.Outputs[words[event]] != nil {
				t.Errorf("killed after %d events: %s was run again", n, words[event])
			}
		}
		if ran := len(f.events) + len(was.Outputs); ran != 4 {
			t.Errorf("killed after %d events: %d phases were run in all", n, ran)
		}
		if !result.Started.Equal(all[0].Time) {
			t.Errorf("it began %s, not %s", result.Started, all[0].Time)
		}
	}
}

// TestResumeKeepsAFailure: killed while the defer phase ran, the phases stay as they
// ended.
func TestResumeKeepsAFailure(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	phases := "phases: {\n" + task("a", "fail why") + task("b", "x") + "}\n" +
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"last\"]}}"
	opts := options(t, f, phases)
	opts.Journal = openJournal(t, dir)
	if _, err := Run(context.Background(), opts); err == nil {
		t.Fatal("no error")
	}
	opts.Journal.Close()
	was := killedAt(t, dir, 4) // run-started, a started, a failed, defer phase started
	rest := was.Remainder()
	if !rest.Over || len(rest.Open) != 1 || rest.Open[0].Name != DeferPhase {
		t.Fatalf("left to do: %+v", rest)
	}
	again := newFake()
	opts = options(t, again, phases)
	opts.Earlier = was.Earlier(DeferPhase)
	opts.Earlier.Over = true
	result, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "phase a (KubeTask): failed on purpose: why") {
		t.Errorf("error %v", err)
	}
	want := map[string]State{"a": Failed, "b": Skipped, "deferPhase": Complete}
	if diff := cmp.Diff(want, states(result)); diff != "" || result.State != Failed || !slices.Equal(again.events, []string{"last"}) {
		t.Errorf("state %s, events %v %s", result.State, again.events, diff)
	}
}

// TestResumeOfACancelledRunEndsWithDefer: one that was cancelled between two phases, and
// killed in its defer phase, does not start the rest.
func TestResumeOfACancelledRunEndsWithDefer(t *testing.T) {
	was := Summarize([]Event{
		{Kind: RunStarted}, {Kind: PhaseStarted, Phase: "a"}, {Kind: PhaseFinished, Phase: "a", State: Complete, Output: map[string]any{"id": "7"}},
		{Kind: PhaseStarted, Phase: DeferPhase},
	})
	rest := was.Remainder()
	f := newFake()
	opts := options(t, f, threePhases)
	opts.Earlier = was.Earlier(DeferPhase)
	opts.Earlier.Over = rest.Over
	result, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "phase b was not started") || result.State != Failed || !slices.Equal(f.events, []string{"last"}) || result.Phases[1].State != Skipped {
		t.Errorf("state %s, events %v, error %v", result.State, f.events, err)
	}
}

func TestRemainder(t *testing.T) {
	started := func(phase string) Event { return Event{Kind: PhaseStarted, Phase: phase} }
	ended := func(phase string, state State) Event {
		return Event{Kind: PhaseFinished, Phase: phase, State: state}
	}
	for name, c := range map[string]struct {
		events         []Event
		open           []string
		over, deferRan bool
	}{
		"killed in a phase":                 {[]Event{started("a"), ended("a", Complete), started("b")}, []string{"b"}, false, false},
		"killed in two":                     {[]Event{started("a"), started("b")}, []string{"a", "b"}, false, false},
		"killed between":                    {[]Event{started("a"), ended("a", Complete)}, nil, false, false},
		"killed after a failure":            {[]Event{started("a"), ended("a", Failed)}, []string{"a"}, false, false},
		"killed in the defer phase":         {[]Event{started("a"), ended("a", Failed), started(DeferPhase)}, []string{DeferPhase}, true, false},
		"killed at the very end":            {[]Event{started("a"), ended("a", Complete), started(DeferPhase), ended(DeferPhase, Complete)}, nil, true, false},
		"failed":                            {[]Event{started("a"), ended("a", Failed), {Kind: RunFinished, State: Failed}}, []string{"a"}, false, false},
		"failed, and the defer phase ran":   {[]Event{started("a"), ended("a", Failed), started(DeferPhase), ended(DeferPhase, Complete), {Kind: RunFinished, State: Failed}}, []string{"a"}, false, true},
		"the defer phase failed":            {[]Event{started("a"), ended("a", Complete), started(DeferPhase), ended(DeferPhase, Failed), {Kind: RunFinished, State: Failed}}, []string{DeferPhase}, true, false},
		"cancelled between":                 {[]Event{started("a"), ended("a", Complete), {Kind: RunFinished, State: Cancelled}}, nil, false, false},
		"cancelled between, and defer ran":  {[]Event{started(DeferPhase), ended(DeferPhase, Complete), {Kind: RunFinished, State: Cancelled}}, nil, false, true},
		"killed, resumed, killed":           {[]Event{started("a"), {Kind: RunResumed, Again: []string{"a"}}}, nil, false, false},
		"resumed after defer, killed again": {[]Event{started("a"), ended("a", Failed), started(DeferPhase), ended(DeferPhase, Complete), {Kind: RunFinished, State: Failed}, {Kind: RunResumed, Again: []string{"a", DeferPhase}}, started("a")}, []string{"a"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := Summarize(append([]Event{{Kind: RunStarted}}, c.events...))
			rest := s.Remainder()
			var open []string
			for _, p := range rest.Open {
				open = append(open, p.Name)
			}
			if !slices.Equal(open, c.open) || rest.Over != c.over || rest.DeferHasRun != c.deferRan {
				t.Errorf("open %v, over %v, defer has run %v", open, rest.Over, rest.DeferHasRun)
			}
		})
	}
}

// TestAttemptsGoOn: a later process goes on counting.
func TestAttemptsGoOn(t *testing.T) {
	was := Summarize([]Event{{Kind: RunStarted}, {Kind: PhaseStarted, Phase: "a", Attempt: 2}})
	opts := options(t, newFake(), "phases: {\n"+task("a", "flaky a", `retry: {attempts: 3, backoff: "1ms"}`)+"}")
	opts.Earlier = was.Earlier("a")
	result, err := Run(context.Background(), opts)
	if err != nil || result.Phases[0].Attempts != 5 {
		t.Errorf("%d attempts, error %v", result.Phases[0].Attempts, err)
	}
}

// TestDeferPhaseHasItsNameInTheJournal: other packages make it.
func TestDeferPhaseHasItsNameInTheJournal(t *testing.T) {
	if name := options(t, newFake(), threePhases).Plan.Defer.Name; name != DeferPhase {
		t.Errorf("it is %s", name)
	}
}

// TestARefusedResumeLeavesTheJournal: it can be tried again.
func TestARefusedResumeLeavesTheJournal(t *testing.T) {
	dir := t.TempDir()
	opts := options(t, newFake(), "phases: b: {func: \"ScaleWorkload\", args: replicas: 0}")
	opts.Journal = openJournal(t, dir)
	defer opts.Journal.Close()
	was := Summarize([]Event{{Kind: RunStarted}})
	opts.Earlier = was.Earlier()
	if _, err := Run(context.Background(), opts); err == nil {
		t.Fatal("no error")
	}
	if events, err := opts.Journal.Events(); err != nil || len(events) != 0 {
		t.Errorf("events %v, error %v", events, err)
	}
}

// TestRefusedRunSaysWhatWasAskedFor: people find it in the list of runs.
func TestRefusedRunSaysWhatWasAskedFor(t *testing.T) {
	dir := t.TempDir()
	opts := options(t, newFake(), "phases: b: {func: \"ScaleWorkload\", args: replicas: 0}")
	opts.Journal = openJournal(t, dir)
	defer opts.Journal.Close()
	opts.Request = func(mask func(string) string) (json.RawMessage, error) { return json.Marshal(mask("hello")) }
	if _, err := Run(context.Background(), opts); err == nil {
		t.Fatal("no error")
	}
	events, err := opts.Journal.Events()
	s := Summarize(events)
	if err != nil || s.State != Failed || s.Processes != 0 || string(s.Request) != `"hello"` {
		t.Errorf("summary %+v, error %v", s, err)
	}
}

// TestInputsSurviveTheJournal: a later process sees the same, without the secrets being
// in the journal.
func TestInputsSurviveTheJournal(t *testing.T) {
	object := map[string]any{
		"kind": "Deployment",
		"metadata": map[string]any{
			"name": "app", "annotations": map[string]any{"a": "has canary in it", lastApplied: "{\"canary-2\"}"},
		},
		"spec": map[string]any{
			"replicas": int64(3), "ratio": 0.5,
			"containers": []any{map[string]any{"env": []any{
				map[string]any{"name": "PASSWORD", "value": "canary-3"},
				map[string]any{"name": "FROM", "valueFrom": map[string]any{"fieldRef": "x"}},
			}}},
		},
	}
	first := &compat.Params{
		Object: object, Time: "2026-11-22T03:15:00Z",
		Deployment: &compat.Workload{Name: "app", Pods: []string{"app-1"}, PersistentVolumeClaims: map[string]map[string]string{"app-1": {"data": "/data"}}},
		Secrets:    map[string]compat.Secret{"s": {Data: map[string][]byte{"p": []byte("canary")}}},
	}
	dir := t.TempDir()
	opts := options(t, newFake(), "phases: {\n"+task("a", "one")+"}")
	opts.Params = first
	opts.Journal = openJournal(t, dir)
	if _, err := Run(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	opts.Journal.Close()
	if text := string(readFile(t, JournalPath(dir, "r1"))); strings.Contains(text, "canary") {
		t.Errorf("a secret is in the journal: %s", text)
	}
	was := killedAt(t, dir, 1)
	if !was.Inputs.Masked() {
		t.Error("nothing is masked")
	}
	second := &compat.Params{}
	was.Inputs.Restore(second, object)
	first.Secrets = nil
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	was.Inputs.Restore(second, nil)
	spec := second.Object["spec"].(map[string]any)
	if spec["replicas"] != int64(3) || second.Object["metadata"].(map[string]any)["annotations"].(map[string]any)["a"] != nil {
		t.Errorf("object %v", second.Object)
	}
}

// TestInputsOfASecretAreNotKept: also if the action works on a Secret.
func TestInputsOfASecretAreNotKept(t *testing.T) {
	for _, kind := range []string{"Secret", "ConfigMap"} {
		p := &compat.Params{Object: map[string]any{"kind": kind, "data": map[string]any{"k": "canary"}, "stringData": map[string]any{"k": "canary"}}}
		text, err := json.Marshal(inputsOf(p, NewRedactor()))
		if err != nil || strings.Contains(string(text), "canary") {
			t.Errorf("%s, error %v", text, err)
		}
	}
}
