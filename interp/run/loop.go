package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/rescuecue/rescue/interp"
)

// errNotNeeded cancels phases that run when another has failed.
var errNotNeeded = errors.New("another phase failed")

type outcome struct {
	phase *interp.Phase
	err   error
}

// A loop starts phases and waits for their ends, in one goroutine: all that decides
// about the order of a run happens here, one thing after the other.
type loop struct {
	*runner
	*schedule
	cancel  context.CancelCauseFunc
	ended   chan outcome
	running int
	failed  bool
}

// runPhases runs the phases in their order. All that it started has ended when it
// returns.
func (r *runner) runPhases(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := &loop{runner: r, schedule: newSchedule(r.Plan.Phases), cancel: cancel, ended: make(chan outcome)}
	l.adopt()
	l.decide()
	for {
		l.start(ctx)
		if l.running == 0 {
			break
		}
		l.wait(ctx)
	}
	if !l.failed && ctx.Err() == nil {
		l.checkEnd()
	}
	left := l.waiting()
	for _, ph := range left {
		r.byName[ph.Name].State = Skipped
	}
	if r.Earlier.over() && !l.failed && len(left) > 0 {
		r.addError(fmt.Errorf("phase %s was not started: the run had been stopped before its process ended", left[0].Title()))
	}
}

// start starts what may run.
func (l *loop) start(ctx context.Context) {
	for !l.failed && !l.Earlier.over() && ctx.Err() == nil && (l.Parallel <= 0 || l.running < l.Parallel) {
		ph := l.next()
		if ph == nil {
			return
		}
		if err := l.begin(ph, 1); err != nil {
			l.end(ctx, outcome{ph, err})
			continue
		}
		l.running++
		go func() { l.ended <- outcome{ph, l.runPhase(ctx, ph)} }()
	}
}

// wait waits for the end of one phase.
func (l *loop) wait(ctx context.Context) {
	o := <-l.ended
	l.running--
	l.end(ctx, o)
}

// end draws the consequences of the end of a phase.
func (l *loop) end(ctx context.Context, o outcome) {
	if err := l.settle(ctx, o.phase, o.err); err != nil {
		l.fail()
	}
	l.schedule.finish(o.phase.Name)
	l.decide()
}

// fail stops what runs: the action has failed.
func (l *loop) fail() {
	if !l.failed {
		l.failed = true
		l.cancel(errNotNeeded)
	}
}

// adopt takes over what an earlier process has ended.
func (l *loop) adopt() {
	for _, ph := range l.Plan.Phases {
		if !l.done[ph.Name] && l.adoptEnded(ph) {
			l.schedule.finish(ph.Name)
			if l.byName[ph.Name].State != Complete {
				l.fail()
			}
		}
	}
}

// decide goes on with a new plan as long as outputs are there that the present one is
// open for.
func (l *loop) decide() {
	open := func(ref interp.Ref) bool { return l.done[ref.Phase] }
	for !l.failed && slices.ContainsFunc(l.Plan.Open(), open) {
		next, err := l.state.Replan()
		if next == nil && err == nil {
			return // What was declared arrived, or the phase had failed: it is another's.
		}
		if err == nil {
			l.take(next)
			err = l.checkPhases()
		}
		if err != nil {
			l.undecided = true
			l.addError(fmt.Errorf("which phases are next depends on outputs of earlier ones, and with these the action is wrong: %w", err))
			l.fail()
		}
	}
}

// take goes on with a new plan.
func (l *loop) take(next *interp.Plan) {
	l.setPlan(next)
	l.extend(next.Phases)
	l.adopt()
}

// checkPhases finds what is wrong with phases that are not done.
func (l *loop) checkPhases() error {
	var errs *multierror.Error
	errs = multierror.Append(errs, l.Plan.Decidable())
	for _, ph := range l.waiting() {
		errs = multierror.Append(errs, l.checkPhase(ph))
	}
	errs.ErrorFormat = oneALine
	return errs.ErrorOrNil()
}

// checkEnd complains when nothing has failed and yet not everything could be run.
func (l *loop) checkEnd() {
	if len(l.Plan.Open()) == 0 {
		return
	}
	var needs, waiting []string
	for _, ref := range l.Plan.Open() {
		needs = append(needs, ref.String())
	}
	for _, ph := range l.waiting() {
		waiting = append(waiting, ph.Title())
	}
	l.undecided = true
	text := fmt.Sprintf("which phases there are depends on %s, which did not arrive", strings.Join(needs, ", "))
	if len(waiting) > 0 {
		text += fmt.Sprintf("; not run: %s", strings.Join(waiting, ", "))
	}
	l.addError(errors.New(text))
}
