package blueprinttest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
)

// A puppet stands for a function in the executor of real runs, and does what the
// execution of the test does.
type puppet struct {
	name string
	x    *execution

	mu      *sync.Mutex
	started *[]string
}

func (p puppet) Name() string           { return p.name }
func (p puppet) RequiredArgs() []string { return nil }
func (p puppet) Arguments() []string    { return nil }

func (p puppet) Exec(_ context.Context, env *funcs.Env, _ funcs.Args) (funcs.Output, error) {
	title := env.Labels[funcs.PhaseLabel]
	p.mu.Lock()
	*p.started = append(*p.started, title)
	p.mu.Unlock()
	for _, ph := range p.x.all() {
		if run.LabelValue(ph.Title()) != title {
			continue
		}
		b := p.x.phases[ph.Name]
		if ph == p.x.plan.Defer {
			b = p.x.deferPhase
		}
		if b.Fails != nil {
			return nil, errors.New(*b.Fails)
		}
		return p.x.output(ph, b), nil
	}
	return nil, errors.New("no such phase: " + title)
}

// objects of the test, as a run reads them.
type cluster struct{ *given }

func (c cluster) Secret(_ context.Context, namespace, name string) (compat.Secret, error) {
	o, ok := c.secrets[namespace+"/"+name]
	if !ok {
		return compat.Secret{}, errors.New("not found")
	}
	o.Name, o.Namespace = name, namespace
	return o.secret(), nil
}

func (c cluster) ConfigMap(_ context.Context, namespace, name string) (compat.ConfigMap, error) {
	o, ok := c.configMaps[namespace+"/"+name]
	if !ok {
		return compat.ConfigMap{}, errors.New("not found")
	}
	o.Name, o.Namespace = name, namespace
	return o.configMap(), nil
}

// asRun runs a plan with the executor of real runs, one phase at a time.
func asRun(t *testing.T, plan *interp.Plan, x *execution) (*run.Result, []string) {
	t.Helper()
	var mu sync.Mutex
	var started []string
	registry, known := &funcs.Registry{}, map[string]bool{}
	for _, ph := range x.all() {
		if !known[ph.Func] {
			known[ph.Func] = true
			registry.Register(puppet{ph.Func, x, &mu, &started})
		}
	}
	// The result has the error as well.
	result, _ := run.Run(t.Context(), run.Options{
		ID: "r1", Plan: plan, Params: x.params, Registry: registry, Parallel: 1,
		Env:    &funcs.Env{Clock: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))},
		Render: compat.Engine{}.Render, Objects: cluster{x.given},
	})
	return result, started
}

// The executor of tests must do what that of runs does: every test of the examples, and of
// a blueprint whose phases depend on outputs, goes through both.
func TestSameAsRun(t *testing.T) {
	places, err := Find([]string{"../../examples", "testdata"})
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, place := range places {
		pkg, failures := Load(place)
		if len(failures) > 0 {
			t.Errorf("%s: %v", place.Dir, failures)
			continue
		}
		for _, test := range pkg.Tests {
			t.Run(filepath.Base(filepath.Dir(place.Dir))+"/"+test.Name, func(t *testing.T) { compareWithRun(t, pkg, test) })
			compared++
		}
	}
	if compared < 30 {
		t.Errorf("only %d tests were compared", compared)
	}
}

func compareWithRun(t *testing.T, pkg *Package, test *Test) {
	g, err := readGiven(test.value)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pkg.blueprint(test)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := b.Plan(g.action, g.params)
	if err != nil {
		t.Skipf("a test of a plan that cannot be made: %v", err)
	}
	x := execute(plan, g)
	result, started := asRun(t, plan, x)

	wantErrors := []string{}
	for _, err := range x.errs {
		wantErrors = append(wantErrors, strings.Split(err.Error(), "\n")...)
	}
	gotErrors := []string{}
	for _, text := range result.Errors {
		gotErrors = append(gotErrors, strings.Split(text, "\n")...)
	}
	if diff := cmp.Diff(wantErrors, gotErrors); diff != "" && !strings.Contains(x.message(), "the test has no") {
		t.Errorf("errors (-test +run):\n%s", diff)
	}
	var called []string
	for _, title := range x.order {
		called = append(called, run.LabelValue(title))
	}
	if diff := cmp.Diff(called, started); diff != "" && !strings.Contains(x.message(), "the test has no") {
		t.Errorf("order (-test +run):\n%s", diff)
	}
	for _, ph := range result.Phases {
		if got, want := string(ph.State), x.calls[ph.Name].state; got != want {
			t.Errorf("phase %s: %s in a test, %s in a run", ph.Name, want, got)
		}
	}
	if len(x.artifacts)+len(result.Artifacts) > 0 {
		if diff := cmp.Diff(x.artifacts, result.Artifacts); diff != "" {
			t.Errorf("artifacts (-test +run):\n%s", diff)
		}
	}
}

// TestOpenPlans: phases that appear by outputs can be given outputs, and expected.
func TestOpenPlans(t *testing.T) {
	places, err := Find([]string{"testdata/open"})
	if err != nil {
		t.Fatal(err)
	}
	report := RunAll(places, func(string) bool { return true })
	if passed, _, _ := report.Count(); passed != 4 {
		t.Errorf("%d tests have passed, expected 4", passed)
	}
	for _, p := range report.Packages {
		for _, o := range p.Tests {
			if !o.Passed {
				t.Errorf("%s: %+v", o.Name, o.Failures)
			}
		}
	}
}

// A phase that does not come, and one that nobody has, are named.
func TestOpenPlanUnknownPhase(t *testing.T) {
	dir := t.TempDir()
	blueprint, err := filepath.Abs("testdata/open/open.cue")
	if err != nil {
		t.Fatal(err)
	}
	src := `package tests

import "github.com/rescuecue/rescue/schema"

tests: typo: schema.#Test & {
	file:   ` + strconv.Quote(blueprint) + `
	action: "backup"
	input: options: level: "full"
	phases: list: output: {databases: "shop", catalog: "no"}
	phases: "dump-shpo": output: id: "1"
	expect: phases: catalog: state: "complete"
}
`
	if err := os.WriteFile(filepath.Join(dir, "tests.cue"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	places, err := Find([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	report := RunAll(places, func(string) bool { return true })
	if len(report.Packages) != 1 || len(report.Packages[0].Tests) != 1 {
		t.Fatalf("%+v", report.Packages)
	}
	var text []string
	for _, f := range report.Packages[0].Tests[0].Failures {
		text = append(text, f.Message)
	}
	want := []string{
		`phases: action backup has no phase "dump-shpo" with these inputs; it has list, dump-shop, done; did you mean dump-shop?`,
		`expect.phases: action backup has no phase "catalog" with these inputs; it has list, dump-shop, done`,
	}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
