package run

import (
	"slices"

	"github.com/rescuecue/rescue/interp"
)

// A schedule hands out phases whose predecessors are done, those written first before
// others. What it costs grows with the phases and with the predecessors that they name.
type schedule struct {
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

func newSchedule(phases []*interp.Phase) *schedule {
	s := &schedule{started: map[string]bool{}, done: map[string]bool{}}
	s.extend(phases)
	return s
}

// extend goes on with the phases of a later plan. Those of the present one are among
// them.
func (s *schedule) extend(phases []*interp.Phase) {
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
func (s *schedule) offer(i int) {
	ph := s.phases[i]
	if s.missing[i] > 0 || ph.InOrder || ph.Undecided || s.started[ph.Name] || s.done[ph.Name] {
		return
	}
	at, _ := slices.BinarySearch(s.ready, i)
	s.ready = slices.Insert(s.ready, at, i)
}

// advance moves the prefix on.
func (s *schedule) advance() {
	for s.prefix < len(s.phases) && s.done[s.phases[s.prefix].Name] {
		s.prefix++
	}
}

// next returns a phase that may start, or nil.
func (s *schedule) next() *interp.Phase {
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
func (s *schedule) inOrder() bool {
	if s.prefix == len(s.phases) {
		return false
	}
	ph := s.phases[s.prefix]
	return ph.InOrder && !ph.Undecided && !s.started[ph.Name]
}

// finish lets the phases go that waited for this one.
func (s *schedule) finish(name string) {
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

// waiting are the phases that were not started.
func (s *schedule) waiting() []*interp.Phase {
	var left []*interp.Phase
	for _, ph := range s.phases {
		if !s.started[ph.Name] && !s.done[ph.Name] {
			left = append(left, ph)
		}
	}
	return left
}
