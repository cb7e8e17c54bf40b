package run

import (
	"encoding/json"
	"time"

	"github.com/rescuecue/rescue/compat"
)

// JournalVersion is the version of the events that this program writes. A program reads
// the journals of its own and of earlier versions. Since 1.1 a journal has all that
// it takes to go on with the run: the inputs and the blueprint.
const JournalVersion = "1.1"

// EventKind says what happened.
type EventKind string

// The transitions of a run.
const (
	RunStarted    EventKind = "run-started"
	RunResumed    EventKind = "run-resumed"
	PhaseStarted  EventKind = "phase-started"
	PhaseNoted    EventKind = "phase-noted"
	PhaseFinished EventKind = "phase-finished"
	RunFinished   EventKind = "run-finished"
	// PhaseProgress is never in the journal.
	PhaseProgress EventKind = "phase-progress"
)

// Event is a line of the journal. Arguments are not kept, and errors and the request
// are redacted. Outputs and artifacts stand in it as they are, because a later run
// needs them: the file is readable by its owner alone.
type Event struct {
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
	Run     string    `json:"run"`
	Kind    EventKind `json:"kind"`
	// Request says how the run was asked for; only in the first event.
	Request json.RawMessage `json:"request,omitempty"`
	// Inputs are what the run has read of the cluster, and Source is the blueprint's
	// text: so that a later process goes on with the same. Both stand in the journal
	// only, and Source in the first event and where a resumed run has another one.
	Inputs *Inputs `json:"inputs,omitempty"`
	Source *Source `json:"source,omitempty"`

	Phase   string `json:"phase,omitempty"`
	Func    string `json:"func,omitempty"`
	Attempt int    `json:"attempt,omitempty"`
	State   State  `json:"state,omitempty"`
	// Again are the phases that a resumed run runs again though they were started.
	Again []string `json:"again,omitempty"`
	// Decided says that a person has decided that the phase ended so: no process saw it.
	Decided   bool                       `json:"decided,omitempty"`
	Output    map[string]any             `json:"output,omitempty"`
	Error     string                     `json:"error,omitempty"`
	Artifacts map[string]compat.Artifact `json:"artifacts,omitempty"`
	Errors    []string                   `json:"errors,omitempty"`
	// Masked names the outputs and artifacts that have a secret in them, by the paths of
	// Result.Masked: of the phase, and at the end all of the run. The journal has their
	// values as they are, and nobody else is to see them.
	Masked []string `json:"masked,omitempty"`
	// Notes are what a phase leaves for its own later attempts: see funcs.Notes.
	Notes map[string]string `json:"notes,omitempty"`
	// Progress is not in the journal.
	Progress *Progress `json:"progress,omitempty"`
}

// Source is the text of a blueprint.
type Source struct {
	// Digest of the files: equal ones have equal names and texts.
	Digest string `json:"digest"`
	// Main is the one of the files that the blueprint is loaded from, or the folder.
	Main string `json:"main"`
	// Files by their slashed paths below the root of their module.
	Files map[string]string `json:"files"`
}

// public is the event as it is shown while it happens.
func (e Event) public() Event {
	e.Inputs, e.Source = nil, nil
	return e
}
