package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"
	"go.uber.org/goleak"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake stands for KubeTask: its command says what to do.
type fake struct {
	mu      sync.Mutex
	events  []string
	running int
	most    int
	tries   map[string]int

	deadlines []time.Time
	release   chan struct{} // closed to let "wait" go
	waiting   chan string   // told when a "wait" has begun
}

func newFake() *fake {
	return &fake{tries: map[string]int{}, release: make(chan struct{}), waiting: make(chan string, 100)}
}

func (f *fake) Name() string           { return "KubeTask" }
func (f *fake) RequiredArgs() []string { s, _ := schema.Function("KubeTask"); return s.Required }
func (f *fake) Arguments() []string    { s, _ := schema.Function("KubeTask"); return s.ArgNames() }

func (f *fake) Exec(ctx context.Context, env *funcs.Env, args funcs.Args) (funcs.Output, error) {
	var words []string
	for _, w := range args["command"].([]any) {
		words = append(words, w.(string))
	}
	f.enter(strings.Join(words, " "))
	defer f.leave()
	switch words[0] {
	case "fail":
		return nil, fmt.Errorf("failed on purpose: %s", strings.Join(words[1:], " "))
	case "flaky":
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.tries[words[1]]++; f.tries[words[1]] < 3 {
			return nil, errors.New("not yet")
		}
	case "wait":
		f.waiting <- words[1]
		select {
		case <-f.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "late-once":
		return nil, f.lateOnce(ctx, words[1])
	case "wait-and-tell":
		<-ctx.Done()
		return nil, errors.New("2 of 3 pods are ready")
	case "fail-twice":
		return nil, multierror.Append(nil, errors.New("one"), errors.New("two"))
	case "panic":
		panic("on purpose")
	case "give":
		return funcs.Output{words[1]: words[2]}, nil
	}
	return nil, nil
}

// lateOnce waits for the end of ctx when it is first called, and notes the deadlines.
func (f *fake) lateOnce(ctx context.Context, name string) error {
	deadline, _ := ctx.Deadline()
	f.mu.Lock()
	f.deadlines = append(f.deadlines, deadline)
	f.tries[name]++
	first := f.tries[name] == 1
	f.mu.Unlock()
	if !first {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) enter(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, what)
	f.running++
	f.most = max(f.most, f.running)
}

func (f *fake) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
}

// options plans an action whose phases are given as CUE.
func options(t *testing.T, f *fake, phases string) Options {
	t.Helper()
	src := `package p
import "github.com/rescuecue/rescue/schema"
import "strings"
_used: strings.ToUpper("x")
blueprint: schema.#Blueprint & {
	name: "p"
	actions: backup: {
		input: _
		` + phases + `
	}
}`
	b, err := interp.LoadSource("p.cue", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	params := &compat.Params{}
	plan, err := b.Plan("backup", params)
	if err != nil {
		t.Fatal(err)
	}
	registry := &funcs.Registry{}
	registry.Register(f)
	return Options{
		ID: "r1", Plan: plan, Params: params, Registry: registry,
		Env: &funcs.Env{Clock: time.Now, Log: slog.New(slog.DiscardHandler)},
	}
}

// task writes a phase that runs the fake with the words given.
func task(name, words string, more ...string) string {
	quoted := `"` + strings.Join(strings.Fields(words), `", "`) + `"`
	return fmt.Sprintf("%s: {func: \"KubeTask\", args: {image: \"i:1\", command: [%s]}\n%s\n}\n", name, quoted, strings.Join(more, "\n"))
}

func states(r *Result) map[string]State {
	m := map[string]State{}
	for _, p := range r.Phases {
		m[p.Name] = p.State
	}
	if r.DeferPhase != nil {
		m["deferPhase"] = r.DeferPhase.State
	}
	return m
}

func TestPhasesRunInTheOrderWritten(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("z", "one")+task("a", "two")+task("m", "three")+"}")
	result, err := Run(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, f.events); diff != "" {
		t.Error(diff)
	}
	if result.State != Complete || f.most != 1 {
		t.Errorf("state %s, at most %d at once", result.State, f.most)
	}
}

func TestAfterRunsPhasesAtOnce(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "wait a")+task("b", "wait b", "after: []")+task("c", "end")+"}")
	go func() {
		<-f.waiting
		<-f.waiting
		close(f.release)
	}()
	if _, err := Run(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	if f.most != 2 || f.events[2] != "end" {
		t.Errorf("at most %d at once, events %v", f.most, f.events)
	}
}

func TestParallelLimitsWhatRunsAtOnce(t *testing.T) {
	f := newFake()
	var phases strings.Builder
	for i := range 8 {
		phases.WriteString(task(fmt.Sprintf("p%d", i), "one", "after: []"))
	}
	opts := options(t, f, "phases: {\n"+phases.String()+"}")
	opts.Parallel = 1
	if _, err := Run(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	if f.most != 1 || len(f.events) != 8 {
		t.Errorf("at most %d at once, %d phases", f.most, len(f.events))
	}
}

func TestOutputsReachLaterPhasesAndArtifacts(t *testing.T) {
	f := newFake()
	opts := options(t, f, `
		phases: {
			`+task("a", "give id 42", "output: id: string")+`
			b: {func: "KubeTask", args: {image: "i:1", command: ["got", phases.a.output.id]}}
		}
		outputArtifacts: x: keyValue: id: "<\(phases.a.output.id)>"`)
	result, err := Run(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if f.events[1] != "got 42" {
		t.Errorf("events %v", f.events)
	}
	want := map[string]compat.Artifact{"x": {KeyValue: map[string]string{"id": "<42>"}}}
	if diff := cmp.Diff(want, result.Artifacts); diff != "" {
		t.Error(diff)
	}
}

func TestMissingOutputFailsThePhaseThatOwesIt(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "one", "output: id: string")+task("b", "two")+"}")
	result, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "output id is declared but did not arrive") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(map[string]State{"a": Failed, "b": Skipped}, states(result)); diff != "" {
		t.Error(diff)
	}
}

func TestFailureStopsTheRestAndRunsDefer(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("slow", "wait slow")+task("bad", "fail why", "after: []")+task("never", "x")+"}\n"+
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"cleanup\"]}}")
	result, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "phase bad (KubeTask): failed on purpose: why") {
		t.Errorf("error %v", err)
	}
	want := map[string]State{"slow": Cancelled, "bad": Failed, "never": Skipped, "deferPhase": Complete}
	if diff := cmp.Diff(want, states(result)); diff != "" {
		t.Error(diff)
	}
	if result.State != Failed || len(result.Errors) != 1 {
		t.Errorf("state %s, errors %q", result.State, result.Errors)
	}
	if len(result.Artifacts) != 0 {
		t.Errorf("a failed action has artifacts: %v", result.Artifacts)
	}
}

func TestDeferFailureDoesNotHideTheFirstError(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "fail first")+"}\n"+
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"fail\", \"second\"]}}")
	result, err := Run(context.Background(), opts)
	if err == nil || len(result.Errors) != 2 || !strings.Contains(result.Errors[0], "first") || !strings.Contains(result.Errors[1], "second") {
		t.Errorf("errors %q", result.Errors)
	}
}

func TestCancelStopsThePhaseAndStillRunsDefer(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "wait a")+task("b", "x")+"}\n"+
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"cleanup\"]}}")
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		<-f.waiting
		cancel(errors.New("interrupted"))
	}()
	result, err := Run(ctx, opts)
	if err == nil || result.State != Cancelled {
		t.Errorf("state %s, error %v", result.State, err)
	}
	want := map[string]State{"a": Cancelled, "b": Skipped, "deferPhase": Complete}
	if diff := cmp.Diff(want, states(result)); diff != "" {
		t.Error(diff)
	}
}

func TestTimeoutEndsThePhase(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "wait a", `timeout: "1ms"`)+"}")
	_, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "the phase's timeout of 1ms has passed") {
		t.Errorf("error %v", err)
	}
}

// TestTimeoutTellsWhatWasSeen: also if the function's error is none of the context.
func TestTimeoutTellsWhatWasSeen(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "wait-and-tell", `timeout: "1ms"`)+"}")
	_, err := Run(context.Background(), opts)
	want := "phase a (KubeTask): the phase's timeout of 1ms has passed: 2 of 3 pods are ready"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, expected %s", err, want)
	}
}

// TestEachAttemptHasTheTimeout: one that is used up leaves the next its own.
func TestEachAttemptHasTheTimeout(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "late-once a", `timeout: "10ms"`, `retry: {attempts: 2, backoff: "1ms"}`)+"}")
	result, err := Run(context.Background(), opts)
	if err != nil || result.Phases[0].Attempts != 2 {
		t.Fatalf("attempts %d, error %v", result.Phases[0].Attempts, err)
	}
	if len(f.deadlines) != 2 || !f.deadlines[1].After(f.deadlines[0]) {
		t.Errorf("deadlines %v", f.deadlines)
	}
}

func TestRetryRunsAgain(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "flaky a", `retry: {attempts: 3, backoff: "1ms"}`)+"}")
	result, err := Run(context.Background(), opts)
	if err != nil || result.Phases[0].Attempts != 3 {
		t.Errorf("attempts %d, error %v", result.Phases[0].Attempts, err)
	}
}

func TestNothingStartsWhenAFunctionCannotRun(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "one")+"\nb: {func: \"ScaleWorkload\", args: replicas: 0}\n}\n"+
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"cleanup\"]}}")
	result, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "known to the schema") {
		t.Errorf("error %v", err)
	}
	if len(f.events) != 0 || result.State != Failed {
		t.Errorf("events %v, state %s", f.events, result.State)
	}
}

func TestJournalTellsWhatIsDone(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	phases := "phases: {\n" + task("a", "give id 7", "output: id: string") + task("b", "fail x") + "}"
	opts := options(t, f, phases)
	opts.Journal = openJournal(t, dir)
	if _, err := Run(context.Background(), opts); err == nil {
		t.Fatal("no error")
	}
	opts.Journal.Close()
	events, err := ReadJournal(dir, "r1")
	if err != nil {
		t.Fatal(err)
	}
	s := Summarize(events)
	if diff := cmp.Diff(map[string]map[string]any{"a": {"id": "7"}}, s.Outputs); diff != "" || s.State != Failed {
		t.Errorf("state %s %s", s.State, diff)
	}

	f.events = nil
	again := options(t, f, phases)
	again.Earlier = s.Earlier("b")
	if _, err := Run(context.Background(), again); err == nil {
		t.Fatal("no error")
	}
	if !slices.Equal(f.events, []string{"fail x"}) {
		t.Errorf("events %v: a finished phase was run again", f.events)
	}
}

func TestJournalIsForOneProcess(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	defer j.Close()
	if _, err := OpenJournal(dir, "r1"); !errors.Is(err, ErrRunning) {
		t.Errorf("error %v", err)
	}
}

func TestJournalCutOffAnywhereIsRead(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	for _, kind := range []EventKind{RunStarted, PhaseStarted, PhaseFinished} {
		if err := j.Append(Event{Kind: kind, Phase: "a", State: Complete}); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	whole := readFile(t, JournalPath(dir, "r1"))
	for n := range len(whole) + 1 {
		writeFile(t, JournalPath(dir, "r1"), whole[:n])
		events, err := ReadJournal(dir, "r1")
		if err != nil || len(events) != strings.Count(string(whole[:n]), "\n") {
			t.Fatalf("cut at %d: %d events, error %v", n, len(events), err)
		}
		mended := openJournal(t, dir)
		if err := mended.Append(Event{Kind: RunFinished}); err != nil {
			t.Fatal(err)
		}
		mended.Close()
		if after, err := ReadJournal(dir, "r1"); err != nil || len(after) != len(events)+1 {
			t.Fatalf("cut at %d and mended: %d events, error %v", n, len(after), err)
		}
	}
}

func TestSecretsDoNotReachTheJournalOrTheResult(t *testing.T) {
	const secret = "pässw\"ord/42"
	f, dir := newFake(), t.TempDir()
	opts := options(t, f, "phases: {\n"+task("a", "fail canary")+"}")
	opts.Params = &compat.Params{Secrets: map[string]compat.Secret{"s": {Data: map[string][]byte{"p": []byte("canary"), "q": []byte(secret)}}}}
	opts.Journal = openJournal(t, dir)
	result, err := Run(context.Background(), opts)
	opts.Journal.Close()
	all := fmt.Sprint(err, result.Errors, result.Phases[0].Error) + string(readFile(t, JournalPath(dir, "r1")))
	if strings.Contains(all, "canary") || !strings.Contains(all, Mask) {
		t.Errorf("a secret got out: %s", all)
	}
}

func TestNegativeParallelIsNoLimit(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "one")+"}")
	opts.Parallel = -1
	result, err := Run(context.Background(), opts)
	if err != nil || result.State != Complete || len(f.events) != 1 {
		t.Errorf("state %s, events %v, error %v", result.State, f.events, err)
	}
}

func TestCancelAfterTheLastPhaseKeepsTheArtifacts(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "give id 7", "output: id: string")+"}\n"+
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"wait\", \"end\"]}}\n"+
		"outputArtifacts: x: keyValue: id: phases.a.output.id")
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		<-f.waiting
		cancel(errors.New("interrupted"))
		close(f.release)
	}()
	result, err := Run(ctx, opts)
	if err != nil || result.State != Complete || result.Artifacts["x"].KeyValue["id"] != "7" {
		t.Errorf("state %s, artifacts %v, error %v", result.State, result.Artifacts, err)
	}
}

func TestFailedDeferKeepsTheArtifacts(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "give id 7", "output: id: string")+"}\n"+
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"fail\"]}}\n"+
		"outputArtifacts: x: keyValue: id: phases.a.output.id")
	result, err := Run(context.Background(), opts)
	if err == nil || result.State != Failed || result.Artifacts["x"].KeyValue["id"] != "7" {
		t.Errorf("state %s, artifacts %v, error %v", result.State, result.Artifacts, err)
	}
}

func TestDeferHasALimit(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "one")+"}\n"+
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"wait\", \"end\"]}}")
	opts.DeferTimeout = time.Millisecond
	_, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "the defer phase's limit of 1ms has passed") {
		t.Errorf("error %v", err)
	}
}

func TestDocsTellTheDeferLimit(t *testing.T) {
	page := readFile(t, "../../docs/time-limits.md")
	want := fmt.Sprintf("without one it has %gm.", DefaultDeferTimeout.Minutes())
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/time-limits.md does not say %q", want)
	}
}

func TestPanicFailsThePhase(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "panic")+"}\n"+
		"deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"cleanup\"]}}")
	result, err := Run(context.Background(), opts)
	if err == nil || !strings.Contains(err.Error(), "function KubeTask failed inside") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(map[string]State{"a": Failed, "deferPhase": Complete}, states(result)); diff != "" {
		t.Error(diff)
	}
}

func TestNothingRunsWithoutAJournal(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "one")+"}")
	opts.Journal = openJournal(t, t.TempDir())
	opts.Journal.Close()
	result, err := Run(context.Background(), opts)
	if err == nil || len(f.events) != 0 || result.State != Failed {
		t.Errorf("state %s, events %v, error %v", result.State, f.events, err)
	}
}

func TestRedactorKnowsTheFormsOfASecret(t *testing.T) {
	r := NewRedactor()
	r.Add("-----BEGIN KEY-----\nline-one-of-it\nline-two-of-it\n-----END KEY-----\n")
	r.Add(`a"b<c>&d`)
	for _, text := range []string{
		"log: line-two-of-it", "a\"b<c>&d", `a\"b<c>&d`, `a\"b\u003cc\u003e\u0026d`, "YSJiPGM+JmQ=", "a%22b%3Cc%3E%26d",
	} {
		if got := r.Text(text); !strings.Contains(got, Mask) {
			t.Errorf("%s stays", got)
		}
	}
}

func TestSeveralErrorsOfOnePhaseKeepItsName(t *testing.T) {
	f := newFake()
	opts := options(t, f, "phases: {\n"+task("a", "fail-twice")+"}")
	result, err := Run(context.Background(), opts)
	if err == nil || len(result.Errors) != 1 || !strings.HasPrefix(result.Errors[0], "phase a (KubeTask): ") ||
		!strings.Contains(result.Errors[0], "one") || !strings.Contains(result.Errors[0], "two") {
		t.Errorf("errors %q", result.Errors)
	}
}
