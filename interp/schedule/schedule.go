// Package schedule says which phase of a plan may start next. Runs and tests of
// blueprints go by it alike; it starts nothing itself.
package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/interp"
)

// A Schedule hands out phases whose predecessors are done, those written first before
// others. What it costs grows with the phases and with the predecessors that they name.
// It is for one goroutine.
type Schedule struct {
	phases []*interp.Phase // in the order written
	index  map[string]int
	// missing counts the predecessors that are not done, of phases that are not InOrder;
	// after are the phases that wait for one.
	missing []int
	after   map[string][]int
	// ready are phases that are not InOrder and may start, in the order written.
	ready []int
	// All phases before prefix are done.
	prefix int

	started, done map[string]bool
}

// New returns the schedule of a plan's phases, none of which was started.
func New(phases []*interp.Phase) *Schedule {
	s := &Schedule{started: map[string]bool{}, done: map[string]bool{}}
	s.Extend(phases)
	return s
}

// Extend goes on with the phases of a later plan. Those of the present one are among
// them.
func (s *Schedule) Extend(phases []*interp.Phase) {
	s.phases, s.index, s.missing = phases, make(map[string]int, len(phases)), make([]int, len(phases))
	s.after, s.ready, s.prefix = map[string][]int{}, nil, 0
	for i, ph := range phases {
		s.index[ph.Name] = i
		if ph.InOrder || ph.Undecided {
			continue
		}
		for _, before := range ph.After {
			if !s.done[before] {
				s.missing[i]++
				s.after[before] = append(s.after[before], i)
			}
		}
		s.offer(i)
	}
	s.advance()
}

// offer makes a phase ready if nothing is missing.
func (s *Schedule) offer(i int) {
	ph := s.phases[i]
	if s.missing[i] > 0 || ph.InOrder || ph.Undecided || s.started[ph.Name] || s.done[ph.Name] {
		return
	}
	at, _ := slices.BinarySearch(s.ready, i)
	s.ready = slices.Insert(s.ready, at, i)
}

// advance moves the prefix on.
func (s *Schedule) advance() {
	for s.prefix < len(s.phases) && s.done[s.phases[s.prefix].Name] {
		s.prefix++
	}
}

// Next returns a phase that may start, and counts it as started; nil if none may.
func (s *Schedule) Next() *interp.Phase {
	var ph *interp.Phase
	switch {
	case s.inOrder() && (len(s.ready) == 0 || s.prefix < s.ready[0]):
		ph = s.phases[s.prefix]
	case len(s.ready) > 0:
		ph = s.phases[s.ready[0]]
		s.ready = s.ready[1:]
	default:
		return nil
	}
	s.started[ph.Name] = true
	return ph
}

// inOrder says whether the first phase that is not done waits for nothing else.
func (s *Schedule) inOrder() bool {
	if s.prefix == len(s.phases) {
		return false
	}
	ph := s.phases[s.prefix]
	return ph.InOrder && !ph.Undecided && !s.started[ph.Name]
}

// Finish lets the phases go that waited for this one.
func (s *Schedule) Finish(name string) {
	if s.done[name] {
		return
	}
	s.done[name] = true
	for _, next := range s.after[name] {
		s.missing[next]--
		s.offer(next)
	}
	if i, ready := slices.BinarySearch(s.ready, s.index[name]); ready {
		s.ready = slices.Delete(s.ready, i, i+1)
	}
	s.advance()
}

// Done tells whether a phase was finished.
func (s *Schedule) Done(name string) bool { return s.done[name] }

// Waiting are the phases that were not started, in the order written.
func (s *Schedule) Waiting() []*interp.Phase {
	var left []*interp.Phase
	for _, ph := range s.phases {
		if !s.started[ph.Name] && !s.done[ph.Name] {
			left = append(left, ph)
		}
	}
	return left
}

// Decidable tells whether a phase is done whose outputs the plan is open for: it is time
// to look at the action again.
func (s *Schedule) Decidable(p *interp.Plan) bool {
	return slices.ContainsFunc(p.Open(), func(ref interp.Ref) bool { return s.done[ref.Phase] })
}

// Stuck is the error of a plan that is still open when nothing more can start and nothing
// has failed; nil if it is not open.
func (s *Schedule) Stuck(p *interp.Plan) error {
	if len(p.Open()) == 0 {
		return nil
	}
	var needs, waiting []string
	for _, ref := range p.Open() {
		needs = append(needs, ref.String())
	}
	for _, ph := range s.Waiting() {
		waiting = append(waiting, ph.Title())
	}
	text := fmt.Sprintf("which phases there are depends on %s, which did not arrive", strings.Join(needs, ", "))
	if len(waiting) > 0 {
		text += fmt.Sprintf("; not run: %s", strings.Join(waiting, ", "))
	}
	return errors.New(text)
}

// WrongAction says of an error in an action that became known with its outputs where it
// comes from.
func WrongAction(err error) error {
	return fmt.Errorf("which phases are next depends on outputs of earlier ones, and with these the action is wrong: %w", err)
}
