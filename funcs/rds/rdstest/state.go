package rdstest

// A step is a state that a thing is in until it was looked at some times, and until
// ready is closed.
type step struct {
	status string
	looks  int
	ready  <-chan struct{}
	// then happens when the state is left.
	then func()
}

// lifecycle is the state of a thing, which changes as it is looked at: so tests are
// quick, and see every state.
type lifecycle struct {
	status string
	steps  []step
	// hidden is how many looks do not find it yet.
	hidden int
}

// begin replaces what was to come.
func (l *lifecycle) begin(steps ...step) {
	l.steps = steps
	l.enter()
}

func (l *lifecycle) enter() {
	if len(l.steps) > 0 {
		l.status = l.steps[0].status
	}
}

// look lets time pass. It tells whether the thing shows.
func (l *lifecycle) look() bool {
	if l.hidden > 0 {
		l.hidden--
		return false
	}
	if len(l.steps) == 0 {
		return true
	}
	s := &l.steps[0]
	if s.looks > 0 {
		s.looks--
		return true
	}
	if s.ready != nil {
		select {
		case <-s.ready:
		default:
			return true
		}
	}
	then := s.then
	l.steps = l.steps[1:]
	l.enter()
	if then != nil {
		then()
	}
	return true
}
