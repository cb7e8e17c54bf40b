package blueprinttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/schedule"
)

// States that a phase ends in.
const (
	complete   = "complete"
	failed     = "failed"
	notStarted = "skipped"
)

// A call is what came of one phase.
type call struct {
	phase   *interp.Phase
	state   string
	args    map[string]any
	objects map[string]interp.ObjectRef
}

// An execution is an action that runs, with functions that do as the test says.
type execution struct {
	*given
	plan  *interp.Plan
	state *interp.State

	calls map[string]*call
	// order has the titles of the phases that were started.
	order []string
	errs  []error
	// undecided says that the plan could not be completed.
	undecided bool
	artifacts map[string]compat.Artifact
}

// execute runs the plan, one phase at a time. As in a run, nothing starts if something
// is wrong that can be known ahead; a failure keeps what was not started from starting;
// the defer phase runs in any case; and outputs can bring more phases.
func execute(plan *interp.Plan, g *given) *execution {
	x := &execution{given: g, calls: map[string]*call{}}
	x.state = plan.NewState(g.params, compat.Engine{}.Render)
	x.take(plan)
	if x.errs = x.check(x.all()); len(x.errs) > 0 {
		return x
	}
	x.runPhases()
	if x.plan.Defer != nil {
		x.run(x.plan.Defer, g.deferPhase)
	}
	if x.allComplete() && !x.undecided {
		x.readArtifacts()
	}
	return x
}

// take goes on with a plan: the first, or one with more phases.
func (x *execution) take(plan *interp.Plan) {
	x.plan = plan
	for _, ph := range x.all() {
		if x.calls[ph.Name] == nil {
			x.calls[ph.Name] = &call{state: notStarted}
		}
		x.calls[ph.Name].phase = ph
	}
}

func (x *execution) all() []*interp.Phase {
	if x.plan.Defer == nil {
		return x.plan.Phases
	}
	return append(slices.Clone(x.plan.Phases), x.plan.Defer)
}

// check finds what is wrong with the plan ahead of phases: it evaluates the arguments
// that wait for nothing.
func (x *execution) check(phases []*interp.Phase) []error {
	var errs []error
	if err := x.plan.Decidable(); err != nil {
		errs = append(errs, err)
	}
	for _, ph := range phases {
		if ph.Undecided || len(ph.Reads()) > 0 {
			continue
		}
		if _, err := x.state.Args(ph); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// runPhases starts one phase after the other, until one fails or none may start.
func (x *execution) runPhases() {
	s := schedule.New(x.plan.Phases)
	for {
		ph := s.Next()
		if ph == nil {
			break
		}
		if !x.run(ph, x.phases[ph.Name]) {
			return
		}
		s.Finish(ph.Name)
		if !x.decide(s) {
			return
		}
	}
	if err := s.Stuck(x.plan); err != nil {
		x.undecided = true
		x.errs = append(x.errs, err)
	}
}

// decide goes on with a new plan as long as outputs are there that the present one is open
// for. It reports whether the action is right with them.
func (x *execution) decide(s *schedule.Schedule) bool {
	for s.Decidable(x.plan) {
		next, err := x.state.Replan()
		if next == nil && err == nil {
			return true
		}
		if err == nil {
			x.take(next)
			s.Extend(next.Phases)
			err = errors.Join(x.check(s.Waiting())...)
		}
		if err != nil {
			x.undecided = true
			x.errs = append(x.errs, schedule.WrongAction(err))
			return false
		}
	}
	return true
}

func (x *execution) allComplete() bool {
	return !slices.ContainsFunc(x.plan.Phases, func(ph *interp.Phase) bool { return x.calls[ph.Name].state != complete })
}

// run runs one phase and says whether it succeeded.
func (x *execution) run(ph *interp.Phase, b behaviour) bool {
	c := x.calls[ph.Name]
	x.order = append(x.order, ph.Title())
	if err := x.call(c, b); err != nil {
		c.state = failed
		x.errs = append(x.errs, fmt.Errorf("phase %s (%s): %w", ph.Title(), ph.Func, err))
		return false
	}
	c.state = complete
	return true
}

func (x *execution) call(c *call, b behaviour) (err error) {
	if c.objects, err = x.readObjects(c.phase); err != nil {
		return err
	}
	if c.args, err = x.state.Args(c.phase); err != nil {
		return err
	}
	if b.Fails != nil {
		return errors.New(*b.Fails)
	}
	return x.state.SetOutput(c.phase, x.output(c.phase, b))
}

// output is what the test says, and for the other outputs a text that names them or
// the number 1.
func (x *execution) output(ph *interp.Phase, b behaviour) map[string]any {
	out := map[string]any{}
	for key, kind := range ph.Outputs {
		if kind&cue.StringKind != 0 {
			out[key] = fmt.Sprintf("<phases.%s.output.%s>", ph.Title(), key)
		} else {
			out[key] = int64(1)
		}
	}
	for key, v := range b.Output {
		out[key] = v
	}
	return out
}

// readObjects finds the Secrets and ConfigMaps that the phase names among those that
// the test has.
func (x *execution) readObjects(ph *interp.Phase) (map[string]interp.ObjectRef, error) {
	refs, err := x.state.Objects(ph)
	if err != nil || len(refs) == 0 {
		return refs, err
	}
	secrets, configMaps := map[string]compat.Secret{}, map[string]compat.ConfigMap{}
	for name, ref := range refs {
		kind, list := "Secret", x.secrets
		if ref.Kind == "ConfigMap" {
			kind, list = "ConfigMap", x.configMaps
		}
		key := ref.Namespace + "/" + ref.Name
		o, ok := list[key]
		if !ok {
			return refs, fmt.Errorf("object %s: the test has no %s %s; say what it has in objects: %ss: %q: data: …", name, kind, key, strings.ToLower(kind[:1])+kind[1:], key)
		}
		o.Name, o.Namespace = ref.Name, ref.Namespace
		if kind == "ConfigMap" {
			configMaps[name] = o.configMap()
		} else {
			secrets[name] = o.secret()
		}
	}
	x.state.SetObjects(ph, secrets, configMaps)
	return refs, nil
}

func (x *execution) readArtifacts() {
	var err error
	if x.artifacts, err = x.state.Artifacts(); err != nil {
		x.errs = append(x.errs, err)
	}
}

// message is what went wrong in all, or empty.
func (x *execution) message() string {
	texts := make([]string, len(x.errs))
	for i, err := range x.errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}
