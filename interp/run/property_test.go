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

	"pgregory.net/rapid"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/schema"
)

// A generated action: what its phases do, and what they wait for.
type generated struct {
	phases   []generatedPhase
	deferred string // what the defer phase does; empty: there is none
	parallel int
	// cancelAt cancels the run when that many phases have been started; 0 never does.
	cancelAt int
}

type generatedPhase struct {
	name string
	// does is what the phase does: see actor.
	does string
	// after is nil for the order written.
	after []string
	reads []string
	// given is a phase whose output decides whether there is this one, and holds that
	// it does; empty: it is there in any case.
	given string
	holds bool
}

// behaviours of phases, the usual ones more often.
var behaviours = []string{"ok", "ok", "ok", "ok", "ok", "slow", "slow", "fail", "dirty", "flaky", "hang", "panic"}

func generate(t *rapid.T) generated {
	g := generated{parallel: rapid.IntRange(0, 3).Draw(t, "parallel"), cancelAt: max(0, rapid.IntRange(-12, 6).Draw(t, "cancelAt"))}
	var certain []string // phases that are there in any case
	for i := range rapid.IntRange(1, 8).Draw(t, "phases") {
		p := generatedPhase{name: fmt.Sprintf("p%d", i), does: rapid.SampledFrom(behaviours).Draw(t, "does")}
		if rapid.Bool().Draw(t, "after") {
			p.after = subset(t, certain, "after")
		}
		p.reads = subset(t, certain, "reads")
		if len(certain) > 0 && rapid.IntRange(0, 3).Draw(t, "given") == 0 {
			p.given, p.holds = rapid.SampledFrom(certain).Draw(t, "given"), rapid.Bool().Draw(t, "holds")
		} else {
			certain = append(certain, p.name)
		}
		g.phases = append(g.phases, p)
	}
	g.deferred = rapid.SampledFrom([]string{"", "ok", "fail", "panic"}).Draw(t, "defer")
	return g
}

func subset(t *rapid.T, of []string, label string) []string {
	picked := []string{}
	for _, name := range of {
		if rapid.IntRange(0, 2).Draw(t, label) == 0 {
			picked = append(picked, name)
		}
	}
	return picked
}

// cue writes the action.
func (g generated) cue() string {
	var b strings.Builder
	b.WriteString("phases: {\n")
	for _, p := range g.phases {
		if p.given != "" {
			fmt.Fprintf(&b, "if (phases.%s.output.id == %q) == %t {\n", p.given, p.given, p.holds)
		}
		fmt.Fprintf(&b, "%s: {func: \"KubeTask\", args: {image: \"i:1\", command: [%q, %q", p.name, p.does, p.name)
		for _, r := range p.reads {
			fmt.Fprintf(&b, ", phases.%s.output.id", r)
		}
		b.WriteString("]}, output: id: string")
		if p.after != nil {
			fmt.Fprintf(&b, ", after: [%s]", quoted(p.after))
		}
		b.WriteString(map[string]string{"flaky": `, retry: {attempts: 2, backoff: "1ms"}`, "hang": `, timeout: "1ms"`}[p.does] + "}\n")
		if p.given != "" {
			b.WriteString("}\n")
		}
	}
	b.WriteString("}\n")
	if g.deferred != "" {
		fmt.Fprintf(&b, "deferPhase: {func: \"KubeTask\", args: {image: \"i:1\", command: [%q, \"deferPhase\"]}, output: id: string}\n", g.deferred)
	}
	return b.String()
}

func quoted(names []string) string {
	var list []string
	for _, n := range names {
		list = append(list, fmt.Sprintf("%q", n))
	}
	return strings.Join(list, ", ")
}

// there are the phases that there are if all goes well.
func (g generated) there() []generatedPhase {
	return slices.DeleteFunc(slices.Clone(g.phases), func(p generatedPhase) bool { return p.given != "" && !p.holds })
}

// waits lists what the i-th of those phases waits for.
func waitsOf(phases []generatedPhase, i int) []string {
	p := phases[i]
	names := append(slices.Clone(p.after), p.reads...)
	if p.after == nil {
		for _, before := range phases[:i] {
			names = append(names, before.name)
		}
	}
	if p.given != "" {
		names = append(names, p.given)
	}
	return names
}

// An actor is a function whose phases do as their first argument says.
type actor struct {
	mu            sync.Mutex
	log           []string // "NAME begins" and "NAME ends", as the function sees it
	tries         map[string]int
	running, most int
	wrong         []string
	cancelAt      int
	cancel        context.CancelCauseFunc
}

func (a *actor) Name() string           { return "KubeTask" }
func (a *actor) RequiredArgs() []string { s, _ := schema.Function("KubeTask"); return s.Required }
func (a *actor) Arguments() []string    { s, _ := schema.Function("KubeTask"); return s.ArgNames() }

func (a *actor) Exec(ctx context.Context, env *funcs.Env, args funcs.Args) (funcs.Output, error) {
	words := args["command"].([]any)
	does, name := words[0].(string), words[1].(string)
	try := a.enter(name)
	defer a.leave(name)
	for _, read := range words[2:] {
		if !a.hasEnded(read.(string)) {
			a.complain("%s read %v, which has not ended", name, read)
		}
	}
	if err := act(ctx, does, name, try); err != nil {
		return nil, err
	}
	return funcs.Output{"id": name}, nil
}

func act(ctx context.Context, does, name string, try int) error {
	const brief = time.Millisecond
	switch does {
	case "fail":
		return errors.New("E-" + name)
	case "panic":
		panic("E-" + name)
	case "hang":
		<-ctx.Done()
		return fmt.Errorf("E-%s: %w", name, ctx.Err())
	case "flaky":
		if try < 2 {
			return errors.New("not yet")
		}
	case "slow":
		if !sleep(ctx, brief) {
			return ctx.Err()
		}
	case "dirty":
		if !sleep(ctx, brief) {
			return errors.Join(ctx.Err(), errors.New("E-"+name))
		}
	}
	return nil
}

func (a *actor) enter(name string) (try int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tries[name]++
	a.log = append(a.log, name+" begins")
	a.running++
	a.most = max(a.most, a.running)
	if a.cancelAt > 0 && len(a.tries) == a.cancelAt {
		a.cancel(errors.New("interrupted"))
	}
	return a.tries[name]
}

func (a *actor) leave(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, name+" ends")
	a.running--
}

func (a *actor) hasEnded(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.log, name+" ends")
}

func (a *actor) complain(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// TestAnyAction runs generated actions and checks what holds for all of them.
func TestAnyAction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generate(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		a := &actor{tries: map[string]int{}, cancelAt: g.cancelAt, cancel: cancel}
		var events []Event
		var mu sync.Mutex
		opts := a.options(t, g)
		opts.OnEvent = func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, e)
		}
		result, err := Run(ctx, opts)
		t.Logf("%s\n%v", g.cue(), a.log)
		c := checks{t, g, a, result, events}
		c.order()
		c.ends(ctx, err)
		c.failure()
		c.errors()
	})
}

func (a *actor) options(t *rapid.T, g generated) Options {
	b, err := interp.LoadSource("p.cue", []byte("package p\nimport \"github.com/rescuecue/rescue/schema\"\nblueprint: schema.#Blueprint & {\nname: \"p\"\nactions: backup: {\n"+g.cue()+"}\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	params := &compat.Params{}
	plan, err := b.Plan("backup", params)
	if err != nil {
		t.Fatal(err)
	}
	registry := &funcs.Registry{}
	registry.Register(a)
	return Options{
		ID: "r1", Plan: plan, Params: params, Registry: registry, Parallel: g.parallel,
		Env: &funcs.Env{Clock: time.Now, Log: slog.New(slog.DiscardHandler)},
	}
}

// checks are what holds for a run of any action.
type checks struct {
	t      *rapid.T
	g      generated
	actor  *actor
	result *Result
	events []Event
}

// order: no phase begins before those have ended that it waits for, none begins twice,
// and no more run at once than may.
func (c checks) order() {
	for _, what := range c.actor.wrong {
		c.t.Error(what)
	}
	if c.g.parallel > 0 && c.actor.most > c.g.parallel {
		c.t.Errorf("%d phases ran at once, at most %d may", c.actor.most, c.g.parallel)
	}
	phases := c.g.there()
	for i, p := range phases {
		begin := slices.Index(c.actor.log, p.name+" begins")
		if begin < 0 {
			continue
		}
		for _, before := range waitsOf(phases, i) {
			if end := lastIndex(c.actor.log, before+" ends"); end < 0 || end > begin {
				c.t.Errorf("%s began before %s had ended", p.name, before)
			}
		}
		if tries := c.actor.tries[p.name]; tries > 1 && p.does != "flaky" {
			c.t.Errorf("%s ran %d times", p.name, tries)
		}
	}
}

func lastIndex(log []string, what string) int {
	for i, line := range slices.Backward(log) {
		if line == what {
			return i
		}
	}
	return -1
}

// ends: every phase has a last state, the run has one that fits, and the defer phase
// has run, last of all and once.
func (c checks) ends(ctx context.Context, err error) {
	all := slices.Clone(c.result.Phases)
	if c.g.deferred != "" {
		all = append(all, c.result.DeferPhase)
		if n := len(c.actor.log); n < 2 || c.actor.log[n-2] != "deferPhase begins" || c.actor.tries["deferPhase"] != 1 {
			c.t.Errorf("the defer phase did not run once, at the end: %v", c.actor.log)
		}
	}
	complete := true
	for _, p := range all {
		complete = complete && p.State == Complete
		if ran := c.actor.tries[p.Name] > 0; ran == (p.State == Skipped) || p.State == Pending || p.State == Running {
			c.t.Errorf("%s is %s, ran: %t", p.Name, p.State, ran)
		}
	}
	if complete != (c.result.State == Complete) || complete != (err == nil) || complete != (len(c.result.Errors) == 0) {
		c.t.Errorf("state %s, error %v, errors %q", c.result.State, err, c.result.Errors)
	}
	if complete && len(c.result.Phases) != len(c.g.there()) {
		c.t.Errorf("%d phases ran, expected %d", len(c.result.Phases), len(c.g.there()))
	}
	if c.result.State == Cancelled && ctx.Err() == nil {
		c.t.Error("cancelled by nobody")
	}
}

// failure: once a phase has failed, none is started any more but the defer phase.
func (c checks) failure() {
	failed := ""
	for _, e := range c.events {
		if e.Kind == PhaseFinished && e.State != Complete && failed == "" {
			failed = e.Phase
		}
		if e.Kind == PhaseStarted && failed != "" && e.Attempt == 1 && !strings.HasPrefix(e.Phase, "(") {
			c.t.Errorf("%s was started after %s had failed", e.Phase, failed)
		}
	}
}

// errors: each error that a phase gave is reported once.
func (c checks) errors() {
	text := strings.Join(c.result.Errors, "\n")
	for _, p := range c.result.Phases {
		gave := strings.Contains(p.Error, "E-"+p.Name)
		// What only says that it was stopped since another had failed is no error.
		stopped := strings.Contains(p.Error, errNotNeeded.Error()) && !strings.Contains(p.Error, "\nE-")
		if want := gave && !stopped; want != strings.Contains(text, "E-"+p.Name) {
			c.t.Errorf("phase %s ended with %q, the run with %q", p.Name, p.Error, c.result.Errors)
		}
	}
	if d := c.result.DeferPhase; d != nil && d.State != Complete && !strings.Contains(text, "E-deferPhase") {
		c.t.Errorf("the defer phase's error is not in %q", c.result.Errors)
	}
}
