package run

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/rescuecue/rescue/compat"
)

// Summary is what a journal says of its run.
type Summary struct {
	Run string
	// State is Pending if nothing was started, and Running as long as the journal has no
	// end: whether a process runs it, only Alive knows.
	State   State
	Started time.Time
	// Ended is when the last event was.
	Ended     time.Time
	Request   json.RawMessage
	Inputs    *Inputs
	Source    *Source
	Artifacts map[string]compat.Artifact
	Errors    []string
	// Masked names the outputs and artifacts that nobody is to see: see Event.Masked.
	Masked []string

	// Phases that were started, in the order of their first start.
	Phases    []PhaseRecord
	Outputs   map[string]map[string]any    // of finished phases
	Notes     map[string]map[string]string // by phase, for its later attempts
	InFlight  []string                     // phases that were started and not finished
	Processes int                          // that have worked on the run
}

// PhaseRecord is what a journal says of a phase.
type PhaseRecord struct {
	Name string `json:"name"`
	Func string `json:"func"`
	// State is Running if the journal does not say how the phase ended, and Pending if
	// a resumed run is to run it again.
	State    State          `json:"state"`
	Attempts int            `json:"attempts"`
	Started  time.Time      `json:"started"`
	Ended    *time.Time     `json:"ended,omitempty"`
	Output   map[string]any `json:"output,omitempty"`
	Error    string         `json:"error,omitempty"`
	// Decided says that a person has decided how the phase ended.
	Decided bool              `json:"decided,omitempty"`
	Notes   map[string]string `json:"notes,omitempty"`
}

// Phase returns the record of a phase, nil if it was never started.
func (s *Summary) Phase(name string) *PhaseRecord {
	i := slices.IndexFunc(s.Phases, func(p PhaseRecord) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Phases[i]
}

// Earlier is what a process that goes on with the run takes over. The phases named are
// run again; all others that were started stay as they ended.
func (s *Summary) Earlier(again ...string) *Earlier {
	e := &Earlier{Started: s.Started, Phases: map[string]PhaseRecord{}}
	for _, p := range s.Phases {
		if slices.Contains(again, p.Name) {
			p.State = Pending
		}
		e.Phases[p.Name] = p
	}
	return e
}

// Summarize reads the state of a run out of its events.
func Summarize(events []Event) Summary {
	s := Summary{State: Pending, Outputs: map[string]map[string]any{}, Notes: map[string]map[string]string{}}
	for _, e := range events {
		s.add(e)
	}
	for _, p := range s.Phases {
		if p.State == Running {
			s.InFlight = append(s.InFlight, p.Name)
		}
		if p.State == Complete {
			s.Outputs[p.Name] = p.Output
		}
		if p.Notes != nil {
			s.Notes[p.Name] = p.Notes
		}
	}
	slices.Sort(s.InFlight)
	return s
}

func (s *Summary) add(e Event) {
	if s.Started.IsZero() {
		s.Started = e.Time
	}
	s.Run, s.Ended = e.Run, e.Time
	if e.Request != nil {
		s.Request = e.Request
	}
	if e.Inputs != nil {
		s.Inputs = e.Inputs
	}
	if e.Source != nil {
		s.Source = e.Source
	}
	for _, at := range e.Masked {
		if !slices.Contains(s.Masked, at) {
			s.Masked = append(s.Masked, at)
		}
	}
	switch e.Kind {
	case RunStarted, RunResumed:
		s.State, s.Artifacts, s.Errors = Running, nil, nil
		s.Processes++
		for _, name := range e.Again {
			if p := s.Phase(name); p != nil {
				p.State = Pending
			}
		}
	case RunFinished:
		s.State, s.Artifacts, s.Errors = e.State, e.Artifacts, e.Errors
	case PhaseStarted, PhaseNoted, PhaseFinished:
		s.phase(e)
	}
}

// phase keeps what an event says of a phase.
func (s *Summary) phase(e Event) {
	p := s.Phase(e.Phase)
	if p == nil {
		s.Phases = append(s.Phases, PhaseRecord{Name: e.Phase, Func: e.Func, Started: e.Time})
		p = &s.Phases[len(s.Phases)-1]
	}
	switch e.Kind {
	case PhaseStarted:
		p.State, p.Attempts, p.Func, p.Ended, p.Error = Running, e.Attempt, e.Func, nil, ""
	case PhaseNoted:
		if p.Notes == nil {
			p.Notes = map[string]string{}
		}
		maps.Copy(p.Notes, e.Notes)
	default:
		at := e.Time
		p.State, p.Ended, p.Error, p.Decided, p.Output = e.State, &at, e.Error, e.Decided, nil
		if e.State == Complete {
			p.Output = e.Output
			if p.Output == nil {
				p.Output = map[string]any{}
			}
		}
	}
}
