package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rescuecue/rescue/interp"
)

// Earlier is what the processes before this one have left of a run. Phases that have
// ended, well or not, are not run again. Those that are Pending are: what they noted, and
// how often they were tried, still counts.
type Earlier struct {
	// Started is when the run began.
	Started time.Time
	// Phases by name; the defer phase under the name that the journal gives it.
	Phases map[string]PhaseRecord
	// Over says that no phase is started any more but the defer phase.
	Over bool
	// Source says that the run goes on with another text of the blueprint.
	Source bool
}

// Its methods also work on nil: a run that begins.

func (e *Earlier) over() bool { return e != nil && e.Over }

func (e *Earlier) record(phase string) (PhaseRecord, bool) {
	if e == nil {
		return PhaseRecord{}, false
	}
	rec, ok := e.Phases[phase]
	return rec, ok
}

// ended says whether the phase has ended, well or not.
func (e *Earlier) ended(phase string) bool {
	rec, ok := e.record(phase)
	return ok && (rec.State == Complete || rec.State == Failed || rec.State == Cancelled)
}

// again are the phases that were started and are run again, in order of their names.
func (e *Earlier) again() []string {
	var names []string
	for name, rec := range e.Phases {
		if rec.State == Pending {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (e *Earlier) attempts(phase string) int {
	rec, _ := e.record(phase)
	return rec.Attempts
}

func (e *Earlier) notes() map[string]map[string]string {
	notes := map[string]map[string]string{}
	if e == nil {
		return notes
	}
	for name, rec := range e.Phases {
		notes[name] = rec.Notes
	}
	return notes
}

// adoptEnded takes over a phase that an earlier process has ended, and says whether
// there was one.
func (r *runner) adoptEnded(ph *interp.Phase) bool {
	if !r.Earlier.ended(ph.Name) {
		return false
	}
	rec, _ := r.Earlier.record(ph.Name)
	p := r.byName[ph.Name]
	p.State, p.Error, p.Attempts = rec.State, rec.Error, rec.Attempts
	p.Started, p.Ended = &rec.Started, rec.Ended
	if rec.State != Complete {
		r.addError(fmt.Errorf("phase %s (%s): %w", ph.Title(), ph.Func, errors.New(rec.Error)))
		return true
	}
	p.Output = rec.Output
	if err := r.state.SetOutput(ph, rec.Output); err != nil {
		p.State, p.Error = Failed, err.Error()
		r.addError(fmt.Errorf("phase %s was finished before, and not as the blueprint now says: %w", ph.Title(), err))
	}
	return true
}

// recordStart puts into the journal that the run begins, or that it goes on.
func (r *runner) recordStart() error {
	if r.Earlier == nil {
		request, err := r.asked()
		if err != nil {
			return err
		}
		return r.record(Event{Kind: RunStarted, Request: request, Inputs: inputsOf(r.Params, r.redact), Source: r.Source})
	}
	r.result.Started = r.Earlier.Started
	e := Event{Kind: RunResumed, Again: r.Earlier.again()}
	if r.Earlier.Source {
		e.Source = r.Source
	}
	return r.record(e)
}

// asked is the request without secrets.
func (r *runner) asked() (json.RawMessage, error) {
	if r.Request == nil {
		return nil, nil
	}
	return r.Request(r.redact.Text)
}

// recordRefusal puts into the journal that nothing of the run was started. One that was
// to go on stays as it is: it can be tried again.
func (r *runner) recordRefusal() error {
	if r.Earlier != nil {
		return nil
	}
	request, err := r.asked()
	if err != nil {
		return err
	}
	return r.record(Event{Kind: RunFinished, Request: request, State: Failed, Errors: r.result.Errors})
}
