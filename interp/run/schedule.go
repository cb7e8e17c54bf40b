package run

import (
	"context"
	"errors"

	"github.com/rescuecue/rescue/interp"
)

// errNotNeeded cancels phases that run when another has failed.
var errNotNeeded = errors.New("another phase failed")

type outcome struct {
	phase *interp.Phase
	err   error
}

// runPhases runs the phases in their order. All that it started has ended when it
// returns.
func (r *runner) runPhases(ctx context.Context) {
	failed := false
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := newSchedule(r.Plan.Phases)
	for _, ph := range r.Plan.Phases {
		if output, ok := r.Done[ph.Name]; ok {
			failed = r.adopt(ph, output) || failed
			s.finish(ph.Name)
		}
	}
	ended := make(chan outcome)
	running := 0
	for {
		for !failed && ctx.Err() == nil && (r.Parallel <= 0 || running < r.Parallel) {
			ph := s.next()
			if ph == nil {
				break
			}
			running++
			go func() { ended <- outcome{ph, r.runPhase(ctx, ph)} }()
		}
		if running == 0 {
			break
		}
		o := <-ended
		running--
		if err := r.settle(ctx, o.phase, o.err); err != nil && !failed {
			failed = true
			cancel(errNotNeeded)
		}
		s.finish(o.phase.Name)
	}
	for _, ph := range s.waiting {
		r.byName[ph.Name].State = Skipped
	}
}

// adopt takes over what an earlier process finished.
func (r *runner) adopt(ph *interp.Phase, output map[string]any) (failed bool) {
	p := r.byName[ph.Name]
	p.State, p.Output = Complete, output
	if err := r.state.SetOutput(ph, output); err != nil {
		p.State, p.Error = Failed, err.Error()
		r.addError(err)
		return true
	}
	return false
}

// A schedule hands out phases whose predecessors are done.
type schedule struct {
	waiting []*interp.Phase // in the order written
	missing map[string]int  // phase to number of predecessors that are not done
	after   map[string][]string
}

func newSchedule(phases []*interp.Phase) *schedule {
	s := &schedule{missing: map[string]int{}, after: map[string][]string{}}
	for _, ph := range phases {
		s.waiting = append(s.waiting, ph)
		s.missing[ph.Name] = len(ph.After)
		for _, before := range ph.After {
			s.after[before] = append(s.after[before], ph.Name)
		}
	}
	return s
}

// next returns a phase that may start, or nil.
func (s *schedule) next() *interp.Phase {
	for i, ph := range s.waiting {
		if s.missing[ph.Name] == 0 {
			s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
			return ph
		}
	}
	return nil
}

// finish lets the phases go that waited for this one.
func (s *schedule) finish(name string) {
	for i, ph := range s.waiting {
		if ph.Name == name {
			s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
			break
		}
	}
	for _, next := range s.after[name] {
		s.missing[next]--
	}
}
