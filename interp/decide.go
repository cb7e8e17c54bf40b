package interp

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
)

// Which phases an action has may depend on what other phases give:
//
//	if phases.dump.output.full == "yes" {…}
//	for pod in strings.Split(phases.list.output.pods, " ") {…}
//
// A plan is evaluated with a marker for each output. CUE cannot decide a condition over
// a marker: it leaves the struct around it incomplete, and the error says which marker
// that is for. So a plan knows the outputs that it is open for, without looking into
// the syntax of conditions. When the phases that give them are done, the action is
// evaluated again with just these outputs, and everything else as before: State.Replan.
//
// This costs one evaluation of the action for each set of outputs that decides
// something, however many phases appear by it. Phases of a plan never disappear in a
// later one, nor do they change where they are written.
type openings struct {
	open        []Ref
	undecidable []string
}

// Open lists the outputs that decide which phases there are beyond those of the plan,
// or what its undecided phases are. When their phases are done, State.Replan goes on.
func (p *Plan) Open() []Ref { return p.open }

// Decidable returns an error if the action has a condition that no run could decide,
// because it reads something that was not given and that no phase gives.
func (p *Plan) Decidable() error {
	if len(p.undecidable) == 0 {
		return nil
	}
	return errors.New(strings.Join(p.undecidable, "\n"))
}

// findOpen collects what the conditions of the marked action wait for.
func (p *Plan) findOpen(action cue.Value) {
	p.open, p.undecidable = nil, nil
	p.waits(action)
	p.waits(action.LookupPath(cue.ParsePath("phases")))
}

// waits adds the outputs that conditions right in v wait for, and tells whether there
// are any.
func (p *Plan) waits(v cue.Value) bool {
	found := false
	for _, err := range cueerrors.Errors(v.Err()) {
		found = true
		refs := causes(err, p.markers.places)
		if len(refs) == 0 {
			p.undecidable = append(p.undecidable, fmt.Sprintf("%v: whether there is a phase depends on it, and nothing was given for it", located(err)))
		}
		for _, ref := range refs {
			p.waitsFor(ref, v)
		}
	}
	return found
}

func (p *Plan) waitsFor(ref Ref, v cue.Value) {
	switch {
	case ref.Kind != OutputRef:
		p.undecidable = append(p.undecidable, fmt.Sprintf("%s: a condition reads %s, which is known only while its phase runs: only inputs and outputs of phases can decide which phases there are", place(userPos(v)), ref))
	case !slices.Contains(p.open, ref):
		p.open = append(p.open, ref)
	}
}

// Replan decides what the present plan is open for with the outputs that are there by
// now, and makes the state go on with the new plan. It returns nil if none of them is
// there yet.
func (s *State) Replan() (*Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := map[Ref]any{}
	for _, ref := range s.plan.open {
		value, ok, err := s.lookup(ref)
		if err != nil {
			return nil, err
		}
		if ok && !s.plan.markers.known[ref] {
			news[ref] = value
		}
	}
	if len(news) == 0 {
		return nil, nil
	}
	next, err := s.plan.with(news)
	if err != nil {
		return nil, err
	}
	s.plan = next
	return next, nil
}

// with is the plan for an action of which more outputs are known.
func (p *Plan) with(news map[Ref]any) (*Plan, error) {
	known := maps.Clone(p.markers.known)
	if known == nil {
		known = map[Ref]bool{}
	}
	outputs := map[string]map[string]map[string]any{}
	for ref, value := range news {
		known[ref] = true
		if outputs[ref.Phase] == nil {
			outputs[ref.Phase] = map[string]map[string]any{"output": {}}
		}
		outputs[ref.Phase]["output"][ref.Key] = value
	}
	at := cue.MakePath(append(p.markers.action.Selectors(), cue.Str("phases"))...)
	next := *p
	next.Phases, next.Defer, next.artifacts = nil, nil, nil
	next.filled = p.filled.FillPath(at, outputs)
	next.markers = &markers{ctx: p.markers.ctx, action: p.markers.action, known: known}
	return &next, next.read()
}
