package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/interp"
)

// Options of a run. Plan, Params, Registry and Env are needed.
type Options struct {
	// ID names the run, in its journal and in the labels of all it creates; empty: a new
	// one.
	ID       string
	Plan     *interp.Plan
	Params   *compat.Params
	Registry *funcs.Registry
	Env      *funcs.Env
	// Render renders the Go templates that a converted blueprint kept; nil: as Kanister
	// does.
	Render func(text string, p *compat.Params) (string, error)
	// Objects reads the Secrets and ConfigMaps that phases name; nil: from Env.Kube.
	Objects ObjectReader
	// Journal receives each transition; nil keeps none.
	Journal *Journal
	// Request says how the run was asked for; the journal keeps it. mask takes the
	// secrets out of a text: whoever asks knows which texts can hold one.
	Request func(mask func(string) string) (json.RawMessage, error)
	// Secrets are values that are secret beside those of Params, such as options.
	Secrets []string
	// Source is the blueprint's text, for the journal.
	Source *Source
	// Earlier is what earlier processes of this run have left; nil for a new run.
	Earlier *Earlier
	// Parallel limits how many phases run at once; 0 or less is no limit.
	Parallel int
	// DeferTimeout limits a defer phase that has no timeout of its own: it runs even
	// after a cancel. 0 means DefaultDeferTimeout.
	DeferTimeout time.Duration
	// OnEvent is told of each transition, and of the progress of phases that move data;
	// it may be nil. Phases that run at the same time call it at the same time.
	OnEvent func(Event)
}

// DefaultDeferTimeout is generous: a defer phase restarts what was stopped.
const DefaultDeferTimeout = 10 * time.Minute

// Label is set on all that a run creates; its value is the run's ID.
const Label = funcs.RunLabel

// PhaseLabel is set beside Label; its value is the phase's name.
const PhaseLabel = funcs.PhaseLabel

// ObjectReader reads a Secret or ConfigMap of the cluster.
type ObjectReader interface {
	Secret(ctx context.Context, namespace, name string) (compat.Secret, error)
	ConfigMap(ctx context.Context, namespace, name string) (compat.ConfigMap, error)
}

// Run runs the plan to its end. The result is complete whatever happens; the error
// says what went wrong, with every error of every phase. Nothing is started if
// something is wrong that can be known ahead: a function that cannot run, or an
// input that is missing.
//
// When a phase fails, phases that were not started never are, and those that run
// are cancelled: the action has failed, and what they do would be thrown away. The
// defer phase runs in any case, in a context of its own.
//
// An argument that reads outputs, Secrets or a template is evaluated when its phase
// starts, all others before anything runs.
func Run(ctx context.Context, opts Options) (*Result, error) {
	r := newRunner(opts)
	if err := r.preflight(); err != nil {
		return r.result, r.abort(err)
	}
	if err := r.recordStart(); err != nil {
		return r.result, r.abort(err)
	}
	r.runPhases(ctx)
	r.runDefer(ctx)
	return r.result, r.finish(ctx)
}

// Check finds what Run would refuse, without running anything.
func Check(opts Options) error {
	r := newRunner(opts)
	if err := r.preflight(); err != nil {
		r.addError(err)
	}
	return r.errs.ErrorOrNil()
}

type runner struct {
	Options
	notes  *notes
	redact *Redactor
	state  *interp.State
	result *Result
	log    *slog.Logger
	// undecided says that the plan could not be completed: see loop.decide.
	undecided bool

	mu     sync.Mutex // guards what follows, and the result's errors
	byName map[string]*PhaseResult
	errs   *multierror.Error
	meters map[string]*meter // by phase
}

// withDefaults fills in what a caller may leave out.
func (o Options) withDefaults() Options {
	env := *o.Env
	if env.Clock == nil {
		env.Clock = time.Now
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	o.Env = &env
	if o.ID == "" {
		o.ID = NewID(env.Clock())
	}
	if o.Render == nil {
		o.Render = compat.Engine{}.Render
	}
	if o.Objects == nil {
		o.Objects = kube.Objects{Kube: env.Kube}
	}
	return o
}

func newRunner(opts Options) *runner {
	opts = opts.withDefaults()
	r := &runner{Options: opts, byName: map[string]*PhaseResult{}, meters: map[string]*meter{}, notes: newNotes(opts.Earlier.notes()), redact: NewRedactor()}
	r.redact.addAll(opts)
	r.log = slog.New(r.redact.Handler(opts.Env.Log.Handler()))
	r.state = opts.Plan.NewState(opts.Params, opts.Render)
	r.result = &Result{
		FormatVersion: FormatVersion, Run: opts.ID, Blueprint: opts.Plan.Blueprint, Action: opts.Plan.Action,
		State: Running, Started: opts.Env.Clock(), Artifacts: map[string]compat.Artifact{}, Errors: []string{}, redact: r.redact,
	}
	r.setPlan(opts.Plan)
	return r
}

// setPlan goes on with a plan: the first, or one with more phases.
func (r *runner) setPlan(p *interp.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Plan, r.result.Phases = p, make([]*PhaseResult, 0, len(p.Phases))
	for _, ph := range p.Phases {
		r.result.Phases = append(r.result.Phases, r.resultFor(ph))
	}
	if p.Defer != nil {
		r.result.DeferPhase = r.resultFor(p.Defer)
	}
}

// resultFor is the result of a phase, made at need.
func (r *runner) resultFor(ph *interp.Phase) *PhaseResult {
	p := r.byName[ph.Name]
	if p == nil {
		p = &PhaseResult{Name: ph.Title(), Func: ph.Func, State: Pending, Output: map[string]any{}}
		r.byName[ph.Name] = p
	}
	return p
}

// resultOf is the result of a phase, for the goroutine that runs it.
func (r *runner) resultOf(ph *interp.Phase) *PhaseResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byName[ph.Name]
}

// preflight finds what is wrong before anything is touched.
func (r *runner) preflight() error {
	errs := multierror.Append(nil, r.Plan.Decidable())
	for _, ph := range r.allPhases() {
		errs = multierror.Append(errs, r.checkPhase(ph))
	}
	return errs.ErrorOrNil()
}

// checkPhase finds what is wrong with one phase, as far as that is known.
func (r *runner) checkPhase(ph *interp.Phase) error {
	errs := &multierror.Error{ErrorFormat: oneALine}
	if _, err := r.Registry.Lookup(ph.Func); err != nil {
		errs = multierror.Append(errs, fmt.Errorf("%s: phase %s: %w", ph.Place(), ph.Title(), err))
	}
	if !r.Earlier.ended(ph.Name) && !ph.Undecided && len(ph.Reads()) == 0 {
		_, err := r.state.Args(ph)
		errs = multierror.Append(errs, err)
	}
	return errs.ErrorOrNil()
}

func (r *runner) allPhases() []*interp.Phase {
	if r.Plan.Defer == nil {
		return r.Plan.Phases
	}
	return append(append([]*interp.Phase{}, r.Plan.Phases...), r.Plan.Defer)
}

// abort ends a run that never started.
func (r *runner) abort(err error) error {
	for _, ph := range r.allPhases() {
		r.byName[ph.Name].State = Skipped
	}
	r.result.State, r.result.Ended = Failed, r.Env.Clock()
	r.addError(err)
	if err := r.recordRefusal(); err != nil {
		r.addError(err)
	}
	return r.errs.ErrorOrNil()
}

// runDefer runs the defer phase in a context that a cancel of the run leaves alone.
func (r *runner) runDefer(ctx context.Context) {
	d := r.Plan.Defer
	if d == nil || r.adoptEnded(d) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if d.Timeout == 0 {
		limit := r.DeferTimeout
		if limit == 0 {
			limit = DefaultDeferTimeout
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("the defer phase's limit of %s has passed; give it a timeout of its own", limit))
		defer cancel()
	}
	err := r.begin(d, 1)
	if err == nil {
		err = r.runPhase(ctx, d)
	}
	// settle keeps the error for the result.
	_ = r.settle(ctx, d, err)
}

// finish evaluates the artifacts and sums up. Artifacts of phases that all
// succeeded are handed out whatever came afterwards: the backup is there, and
// nobody could find it without them.
func (r *runner) finish(ctx context.Context) error {
	r.result.State = r.outcome(ctx)
	if r.allComplete(r.result.Phases) && !r.undecided {
		artifacts, err := r.state.Artifacts()
		if err != nil {
			r.result.State = Failed
			r.addError(err)
		} else {
			r.result.Artifacts = artifacts
		}
	}
	r.result.Ended = r.Env.Clock()
	if err := r.record(Event{Kind: RunFinished, State: r.result.State, Artifacts: r.result.Artifacts, Errors: r.result.Errors, Masked: r.result.Redacted().Masked}); err != nil {
		r.addError(err)
	}
	return r.errs.ErrorOrNil()
}

func (r *runner) outcome(ctx context.Context) State {
	phases := r.result.Phases
	if r.result.DeferPhase != nil {
		phases = append(slices.Clone(phases), r.result.DeferPhase)
	}
	switch {
	case r.undecided:
		return Failed
	case r.allComplete(phases):
		return Complete
	case ctx.Err() != nil && !r.allComplete(r.result.Phases):
		r.addError(fmt.Errorf("the run was cancelled: %w", context.Cause(ctx)))
		return Cancelled
	default:
		return Failed
	}
}

func (r *runner) allComplete(phases []*PhaseResult) bool {
	return !slices.ContainsFunc(phases, func(p *PhaseResult) bool { return p.State != Complete })
}

// addError keeps an error for the result, without secrets.
func (r *runner) addError(err error) {
	// Only a bare list is taken apart: one that is wrapped would lose the phase's name.
	all, ok := err.(*multierror.Error)
	if !ok {
		all = &multierror.Error{Errors: []error{err}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range all.Errors {
		r.errs = multierror.Append(r.errs, errors.New(r.redact.Text(one.Error())))
		r.result.Errors = append(r.result.Errors, r.redact.Text(one.Error()))
	}
	r.errs.ErrorFormat = oneALine
}

// oneALine writes errors as people read them.
func oneALine(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

// record keeps a transition in the journal, and then tells of it.
func (r *runner) record(e Event) error {
	e.Version, e.Time, e.Run = JournalVersion, r.Env.Clock(), r.ID
	shown := r.redact.event(e.public())
	e.Masked = shown.Masked
	if r.Journal != nil {
		if err := r.Journal.Append(e); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	if r.OnEvent != nil {
		r.OnEvent(shown)
	}
	return nil
}
