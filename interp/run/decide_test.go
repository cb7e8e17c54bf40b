package run

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// twoLoops has a phase for each of the words that the first phase gives.
const twoLoops = `phases: {
	list: {func: "KubeTask", args: {image: "i:1", command: ["give", "pods", "b,a"]}, output: pods: string}
	for p in strings.Split(phases.list.output.pods, ",") {
		"dump-\(p)": {func: "KubeTask", args: {image: "i:1", command: ["give", "id", p]}, output: id: string}
		if phases["dump-\(p)"].output.id == "a" {
			"extra-\(p)": {func: "KubeTask", args: {image: "i:1", command: [LAST, phases["dump-\(p)"].output.id]}}
		}
	}
	end: {func: "KubeTask", args: {image: "i:1", command: ["end", for p in strings.Split(phases.list.output.pods, ",") {phases["dump-\(p)"].output.id}]}}
}
outputArtifacts: {for n, p in phases if strings.HasPrefix(n, "dump-") {(n): keyValue: id: p.output.id}}
`

func TestPhasesThatAppear(t *testing.T) {
	f := newFake()
	opts := options(t, f, strings.Replace(twoLoops, "LAST", `"note"`, 1))
	result, err := Run(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"give pods b,a", "give id b", "give id a", "note a", "end b a"}, f.events); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, p := range result.Phases {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"list", "dump-b", "dump-a", "extra-a", "end"}, names); diff != "" {
		t.Error(diff)
	}
	if result.Artifacts["dump-a"].KeyValue["id"] != "a" || len(result.Artifacts) != 2 {
		t.Errorf("artifacts %v", result.Artifacts)
	}
}

// TestPhasesThatAppearAreResumed: those that were finished are not run again, though the
// plan that the run begins with does not have them.
func TestPhasesThatAppearAreResumed(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	opts := options(t, f, strings.Replace(twoLoops, "LAST", `"fail"`, 1))
	opts.Journal = openJournal(t, dir)
	if _, err := Run(context.Background(), opts); err == nil {
		t.Fatal("no error")
	}
	opts.Journal.Close()
	events, err := ReadJournal(dir, "r1")
	if err != nil {
		t.Fatal(err)
	}
	earlier := &Earlier{Phases: map[string]PhaseRecord{}}
	for _, rec := range Summarize(events).Phases {
		if rec.State == Complete { // the one that has failed is to run again
			earlier.Phases[rec.Name] = rec
		}
	}

	again := newFake()
	opts = options(t, again, strings.Replace(twoLoops, "LAST", `"note"`, 1))
	opts.Earlier = earlier
	result, err := Run(context.Background(), opts)
	if err != nil || result.State != Complete {
		t.Fatalf("state %s, error %v", result.State, err)
	}
	if !slices.Equal(again.events, []string{"note a", "end b a"}) {
		t.Errorf("events %q", again.events)
	}
}

// TestWhatAppearsIsChecked: a phase that cannot run fails the run when it is known, and
// nothing more is started.
func TestWhatAppearsIsChecked(t *testing.T) {
	f := newFake()
	opts := options(t, f, `phases: {
		`+task("ask", "give full yes", "output: full: string")+`
		if phases.ask.output.full == "yes" {
			bad: {func: "ScaleWorkload", args: replicas: 0}
		}
		`+task("last", "one")+`}
		deferPhase: {func: "KubeTask", args: {image: "i:1", command: ["cleanup"]}}`)
	result, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "depends on outputs of earlier ones") || !strings.Contains(err.Error(), "phase bad") {
		t.Errorf("error %v", err)
	}
	want := map[string]State{"ask": Complete, "bad": Skipped, "last": Skipped, "deferPhase": Complete}
	if diff := cmp.Diff(want, states(result)); diff != "" || result.State != Failed {
		t.Errorf("state %s %s", result.State, diff)
	}
}

func TestAConditionThatNobodyCanDecideStopsTheRunBeforeItStarts(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "one")+"if input.options.full == \"yes\" {\n"+task("b", "two")+"}\n}")
	result, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "undefined field: full") || len(f.events) != 0 || result.State != Failed {
		t.Errorf("state %s, events %v, error %v", result.State, f.events, err)
	}
}

func TestThePauseGrowsAndVaries(t *testing.T) {
	for _, tt := range []struct {
		backoff  int64
		attempts int
		chance   float64
		want     string
	}{
		{10, 1, 0, "10s"}, {10, 2, 0, "20s"}, {10, 3, 0, "40s"}, {10, 2, 0.5, "22.5s"},
		{10, 50, 0, "5m0s"}, {600, 5, 0, "10m0s"}, {0, 1, 0.9, "0s"}, {0, 2, 0, "1s"}, {0, 3, 0, "2s"},
	} {
		if got := pause(time.Duration(tt.backoff)*time.Second, tt.attempts, tt.chance); got.String() != tt.want {
			t.Errorf("backoff %ds, %d attempts, chance %g: %s, expected %s", tt.backoff, tt.attempts, tt.chance, got, tt.want)
		}
	}
}

// TestConditionsBeforeWhatTheyRead: a condition may stand before the phase whose output it
// reads, whoever waits for whom.
func TestConditionsBeforeWhatTheyRead(t *testing.T) {
	for name, after := range map[string][2]string{
		"both in order":      {"", ""},
		"what appears free":  {"after: []", ""},
		"the asked free":     {"", "after: []"},
		"both free":          {"after: []", "after: []"},
		"what appears waits": {`after: ["ask"]`, "after: []"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			result, err := Run(context.Background(), options(t, f, `phases: {
				if phases.ask.output.full == "yes" {`+task("full", "note full", after[0])+`}
				`+task("ask", "give full yes", "output: full: string", after[1])+`
				last: {func: "KubeTask", args: {image: "i:1", command: ["note", phases.ask.output.full]}}
			}`))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]State{"full": Complete, "ask": Complete, "last": Complete}, states(result)); diff != "" {
				t.Error(diff)
			}
			if f.events[0] != "give full yes" || !slices.Contains(f.events, "note full") {
				t.Errorf("events %q", f.events)
			}
		})
	}
}
