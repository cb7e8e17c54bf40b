package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rescuecue/rescue/interp/run"
)

// runState is what is known here of a run that something was found of.
type runState string

const (
	// runUnknown has no journal on this machine: it may go on elsewhere.
	runUnknown runState = "unknown"
	// runGoingOn is held by a process.
	runGoingOn runState = "running"
	// runKilled has an unfinished journal that no process holds.
	runKilled runState = "killed"
)

// stateOf asks the journal of a run. What labels and tags say is not trusted to be the
// ID of a run.
func stateOf(dir, id string) (runState, error) {
	if id == "" || run.LabelValue(id) != id {
		return runUnknown, nil
	}
	if _, err := os.Stat(run.JournalPath(dir, id)); errors.Is(err, fs.ErrNotExist) {
		return runUnknown, nil
	}
	alive, err := run.Alive(dir, id)
	if err != nil {
		return "", err
	}
	if alive {
		return runGoingOn, nil
	}
	events, err := run.ReadJournal(dir, id)
	if err != nil {
		return "", fmt.Errorf("journal of run %s: %w", id, err)
	}
	switch state := run.Summarize(events).State; state {
	case run.Running, run.Pending:
		return runKilled, nil
	default:
		return runState(state), nil
	}
}
