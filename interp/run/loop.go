package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-multierror"

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/schedule"
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
	schedule *schedule.Schedule
	cancel   context.CancelCauseFunc
	ended    chan outcome
	running  int
	failed   bool
}

// runPhases runs the phases in their order. All that it started has ended when it
// returns.
func (r *runner) runPhases(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := &loop{runner: r, schedule: schedule.New(r.Plan.Phases), cancel: cancel, ended: make(chan outcome)}
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
	left := l.schedule.Waiting()
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
		ph := l.schedule.Next()
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
	l.schedule.Finish(o.phase.Name)
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
		if !l.schedule.Done(ph.Name) && l.adoptEnded(ph) {
			l.schedule.Finish(ph.Name)
			if l.byName[ph.Name].State != Complete {
				l.fail()
			}
		}
	}
}

// decide goes on with a new plan as long as outputs are there that the present one is
// open for.
func (l *loop) decide() {
	for !l.failed && l.schedule.Decidable(l.Plan) {
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
			l.addError(schedule.WrongAction(err))
			l.fail()
		}
	}
}

// take goes on with a new plan.
func (l *loop) take(next *interp.Plan) {
	l.setPlan(next)
	l.schedule.Extend(next.Phases)
	l.adopt()
}

// checkPhases finds what is wrong with phases that are not done.
func (l *loop) checkPhases() error {
	var errs *multierror.Error
	errs = multierror.Append(errs, l.Plan.Decidable())
	for _, ph := range l.schedule.Waiting() {
		errs = multierror.Append(errs, l.checkPhase(ph))
	}
	errs.ErrorFormat = oneALine
	return errs.ErrorOrNil()
}

// checkEnd complains when nothing has failed and yet not everything could be run.
func (l *loop) checkEnd() {
	if err := l.schedule.Stuck(l.Plan); err != nil {
		l.undecided = true
		l.addError(err)
	}
}
