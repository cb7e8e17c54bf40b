package blueprinttest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/schema/suggest"
)

// RunAll runs the tests of all places whose name the filter takes.
func RunAll(places []Place, filter func(name string) bool) *Report {
	r := &Report{}
	for _, place := range places {
		pkg, failures := Load(place)
		if len(failures) > 0 {
			r.Packages = append(r.Packages, &PackageOutcome{Dir: place.Dir, Errors: failures, Tests: []Outcome{}})
			continue
		}
		if len(pkg.Tests) > 0 {
			r.Packages = append(r.Packages, pkg.runAll(filter))
		}
	}
	return r
}

func (p *Package) runAll(filter func(name string) bool) *PackageOutcome {
	out := &PackageOutcome{Dir: p.Place.Dir, Errors: []Failure{}, Tests: []Outcome{}}
	for _, t := range p.Tests {
		if filter(t.Name) {
			out.Tests = append(out.Tests, p.Run(t))
		}
	}
	return out
}

// Run runs one test.
func (p *Package) Run(t *Test) Outcome {
	start := time.Now()
	o := Outcome{Name: t.Name, File: relative(t.Pos.Filename()), Line: t.Pos.Line(), Failures: []Failure{}}
	found := p.run(t, &o)
	o.Failures = append(o.Failures, p.withMistakes(t, found)...)
	o.Passed = len(o.Failures) == 0
	o.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
	return o
}

func (p *Package) run(t *Test, o *Outcome) []Failure {
	g, err := readGiven(t.value)
	if err != nil {
		return p.broken(t, err)
	}
	o.Action = g.action
	b, err := p.blueprint(t)
	if err != nil {
		return p.broken(t, err)
	}
	o.Blueprint = b.Name()
	e := &expectation{comparison: comparison{ctx: p.ctx, near: t.Pos}, want: t.value.LookupPath(cue.ParsePath("expect"))}
	plan, err := b.Plan(g.action, g.params)
	if errors.Is(err, interp.ErrNoAction) {
		return []Failure{unknownAction(t, b, g.action)}
	}
	if err != nil {
		e.failure(planMessage(err))
		return e.failures
	}
	if unknown := unknownPhases(t, plan); len(unknown) > 0 && len(plan.Open()) == 0 {
		return unknown
	}
	x := execute(plan, g)
	if unknown := unknownPhases(t, x.plan); len(unknown) > 0 {
		e.failure(x.message()) // It may be why phases are not there.
		return append(e.failures, unknown...)
	}
	e.check(x)
	return e.failures
}

// planMessage says what keeps an action from being planned, to the author of a test.
func planMessage(err error) string {
	if errors.Is(err, interp.ErrNoObject) {
		text, _, _ := strings.Cut(err.Error(), ": use --")
		return text + "; say which in `input`"
	}
	return err.Error()
}

// broken is a test that cannot be run.
func (p *Package) broken(t *Test, err error) []Failure {
	if m := (*misfit)(nil); errors.As(err, &m) {
		return []Failure{at(position(m.value), m.Error())}
	}
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = plain(pathError.Path, err)
	}
	if cueErr := cueerrors.Error(nil); errors.As(err, &cueErr) {
		return cueFailures(err, p.owns)
	}
	return []Failure{at(t.Pos, err.Error())}
}

// withMistakes adds what CUE finds in the test itself, such as a field that tests do
// not have. What the schema finds of the expectations is only news where the run found
// nothing.
func (p *Package) withMistakes(t *Test, found []Failure) []Failure {
	err := t.value.Validate()
	if err == nil {
		return found
	}
	for _, one := range cueerrors.Errors(err) {
		ofCheck := slices.Contains(one.Path(), "_check")
		if len(found) > 0 && ofCheck {
			continue
		}
		for _, f := range cueFailures(one, p.owns) {
			if !slices.ContainsFunc(found, func(g Failure) bool { return g.File == f.File && g.Line == f.Line && g.Column == f.Column }) {
				found = append(found, f)
			}
		}
	}
	return found
}

// unknownPhases are mentions of phases that the action does not have, with these
// inputs.
func unknownPhases(t *Test, plan *interp.Plan) []Failure {
	var names []string
	for _, ph := range plan.Phases {
		names = append(names, ph.Name)
	}
	var found []Failure
	for _, path := range []string{"phases", "expect.phases"} {
		eachField(t.value.LookupPath(cue.ParsePath(path)), func(name string, v cue.Value) {
			if !slices.Contains(names, name) {
				found = append(found, at(position(v), unknownPhase(path, name, plan.Action, names)))
			}
		})
	}
	if plan.Defer == nil {
		for _, path := range []string{"deferPhase", "expect.deferPhase"} {
			if v := t.value.LookupPath(cue.ParsePath(path)); v.Exists() {
				found = append(found, at(position(v), fmt.Sprintf("%s: action %s has no deferPhase", path, plan.Action)))
			}
		}
	}
	return found
}

func unknownAction(t *Test, b *interp.Blueprint, action string) Failure {
	text := fmt.Sprintf("blueprint %s has no action %q; it has %s", b.Name(), action, strings.Join(b.Actions(), ", "))
	return at(position(t.value.LookupPath(cue.ParsePath("action"))), text+meant(action, b.Actions()))
}

func unknownPhase(path, name, action string, names []string) string {
	return fmt.Sprintf("%s: action %s has no phase %q with these inputs; it has %s%s", path, action, name, strings.Join(names, ", "), meant(name, names))
}

func meant(name string, names []string) string {
	if near := suggest.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

func eachField(v cue.Value, f func(name string, v cue.Value)) {
	if !v.Exists() {
		return
	}
	it, err := v.Fields()
	for err == nil && it.Next() {
		f(it.Selector().Unquoted(), it.Value())
	}
}
