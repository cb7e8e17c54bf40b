// Package run runs a plan: it starts each phase as soon as what it waits for is
// done, keeps a journal, and leaves nothing behind when it is cancelled.
package run

import (
	"time"

	"github.com/rescuecue/rescue/compat"
)

// State of a run or of a phase.
type State string

// The states. Skipped phases were never started; cancelled ones were stopped.
const (
	Pending   State = "pending"
	Running   State = "running"
	Complete  State = "complete"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Skipped   State = "skipped"
)

// Result is what came of a run: the document that `rescue run -o json` prints.
type Result struct {
	FormatVersion string         `json:"formatVersion"`
	Run           string         `json:"run"`
	Blueprint     string         `json:"blueprint"`
	Action        string         `json:"action"`
	State         State          `json:"state"`
	Started       time.Time      `json:"started"`
	Ended         time.Time      `json:"ended"`
	Phases        []*PhaseResult `json:"phases"`
	DeferPhase    *PhaseResult   `json:"deferPhase,omitempty"`
	// Artifacts are there once all phases have succeeded, even if the defer phase failed.
	Artifacts map[string]compat.Artifact `json:"artifacts"`
	// Errors holds every error, in the order they came.
	Errors []string `json:"errors"`
	// Masked names the outputs and artifacts that Redacted took a secret out of.
	Masked []string `json:"masked,omitempty"`

	redact *Redactor
}

// FormatVersion of Result.
const FormatVersion = "1.0"

// PhaseResult is what came of one phase.
type PhaseResult struct {
	Name     string         `json:"name"`
	Func     string         `json:"func"`
	State    State          `json:"state"`
	Started  *time.Time     `json:"started,omitempty"`
	Ended    *time.Time     `json:"ended,omitempty"`
	Attempts int            `json:"attempts"`
	Output   map[string]any `json:"output"`
	Error    string         `json:"error,omitempty"`
	// Progress are the last figures of a phase that moves data.
	Progress *Progress `json:"progress,omitempty"`
}
