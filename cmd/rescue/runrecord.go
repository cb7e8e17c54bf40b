package main

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

// The states of a run beside those of run.State.
const (
	stateRunning run.State = "running"
	stateKilled  run.State = "killed"
	stateRefused run.State = "refused"
	stateUnknown run.State = "unreadable"
)

// listedRun is a run as `rescue runs` shows it.
type listedRun struct {
	Run       string                     `json:"run"`
	State     run.State                  `json:"state"`
	Action    string                     `json:"action,omitempty"`
	Blueprint string                     `json:"blueprint,omitempty"`
	Object    string                     `json:"object,omitempty"`
	Started   time.Time                  `json:"started"`
	Ended     *time.Time                 `json:"ended,omitempty"`
	Artifacts map[string]compat.Artifact `json:"artifacts,omitempty"`
	Errors    []string                   `json:"errors,omitempty"`
	// Phases only where one run is shown.
	Phases []run.PhaseRecord `json:"phases,omitempty"`
}

func (r listedRun) resumable() bool {
	return slices.Contains([]run.State{stateKilled, run.Failed, run.Cancelled}, r.State)
}

// readRun reads what there is to say of a run. A journal that cannot be read is told
// as an error of the run.
func readRun(dir, id string) (listedRun, error) {
	// First whether it is alive: one that ends in between is then read as a whole.
	alive, err := run.Alive(dir, id)
	if err != nil {
		return listedRun{}, err
	}
	events, err := run.ReadJournal(dir, id)
	if errors.Is(err, os.ErrNotExist) {
		return listedRun{}, err
	}
	if err != nil {
		return listedRun{Run: id, State: stateUnknown, Errors: []string{err.Error()}}, nil
	}
	s := run.Summarize(events).Redacted()
	r := listedRun{
		Run: id, State: stateOfRun(s, alive), Started: s.Started, Artifacts: s.Artifacts, Errors: s.Errors, Phases: s.Phases,
	}
	if r.State != stateRunning && r.State != stateKilled && !s.Ended.IsZero() {
		r.Ended = &s.Ended
	}
	r.describe(s.Request)
	return r, nil
}

// describe says what the run works on. A journal that is cut short may not tell.
func (r *listedRun) describe(request json.RawMessage) {
	var was asked
	if json.Unmarshal(request, &was) != nil {
		return
	}
	r.Action, r.Blueprint = was.Action.Name, was.Action.Blueprint
	if o := was.Action.Object; o.Name != "" {
		kind := o.Kind
		if kind == "" {
			kind = o.Resource
		}
		r.Object = strings.ToLower(kind) + " " + objectName(o)
	}
}

func stateOfRun(s run.Summary, alive bool) run.State {
	switch {
	case alive && (s.State == run.Running || s.State == run.Pending):
		return stateRunning
	case s.State == run.Running:
		return stateKilled
	case s.Processes == 0:
		return stateRefused
	}
	return s.State
}
