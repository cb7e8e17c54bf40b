package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rescuecue/rescue/compat"
)

// EventKind says what happened.
type EventKind string

// The transitions of a run.
const (
	RunStarted    EventKind = "run-started"
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
	Request   json.RawMessage            `json:"request,omitempty"`
	Phase     string                     `json:"phase,omitempty"`
	Func      string                     `json:"func,omitempty"`
	Attempt   int                        `json:"attempt,omitempty"`
	State     State                      `json:"state,omitempty"`
	Output    map[string]any             `json:"output,omitempty"`
	Error     string                     `json:"error,omitempty"`
	Artifacts map[string]compat.Artifact `json:"artifacts,omitempty"`
	Errors    []string                   `json:"errors,omitempty"`
	// Notes are what a phase leaves for its own later attempts: see funcs.Notes.
	Notes map[string]string `json:"notes,omitempty"`
	// Progress is not in the journal.
	Progress *Progress `json:"progress,omitempty"`
}

// A Journal is the append-only record of one run: JSON lines, each on disk before
// the run goes on. While it is open, no other process can open it.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	size int64 // of what is whole
}

// ErrRunning says that another process has the journal open.
var ErrRunning = errors.New("this run is being run by another process")

// OpenJournal opens or creates the journal of a run in dir. A last line that was
// not written whole, because the process was killed, is cut off.
func OpenJournal(dir, run string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(JournalPath(dir, run), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := lockAndMend(f)
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("journal of run %s: %w", run, err)
	}
	return &Journal{file: f, size: size}, nil
}

// syncDir makes the file's name as durable as its content.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// JournalPath is the file of a run's journal.
func JournalPath(dir, run string) string { return filepath.Join(dir, run+".jsonl") }

// lockAndMend takes the journal for this process and returns the size of what is
// whole in it.
func lockAndMend(f *os.File) (int64, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return 0, ErrRunning
	}
	if err != nil {
		return 0, err
	}
	src, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	whole := int64(bytes.LastIndexByte(src, '\n') + 1)
	if err := f.Truncate(whole); err != nil {
		return 0, err
	}
	_, err = f.Seek(whole, io.SeekStart)
	return whole, err
}

// Append writes an event and returns when it is on disk.
func (j *Journal) Append(e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.file.Write(append(line, '\n'))
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		// Half a line would spoil the next one.
		return errors.Join(err, j.cut())
	}
	j.size += int64(len(line) + 1)
	return nil
}

// cut removes what was written after the last whole event.
func (j *Journal) cut() error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	return err
}

// Close lets other processes open the journal.
func (j *Journal) Close() error { return j.file.Close() }

// ReadJournal reads the events of a run. A last line that was cut short is left out.
func ReadJournal(dir, run string) ([]Event, error) {
	f, err := os.Open(JournalPath(dir, run))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var events []Event
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", f.Name(), n, err)
		}
		events = append(events, e)
	}
}

// Summary is what a journal says of its run.
type Summary struct {
	State     State
	Outputs   map[string]map[string]any    // of finished phases
	Notes     map[string]map[string]string // by phase, for its later attempts
	InFlight  []string                     // phases that were started and not finished
	Artifacts map[string]compat.Artifact
	Request   json.RawMessage
}

// Summarize reads the state of a run out of its events.
func Summarize(events []Event) Summary {
	s := Summary{State: Pending, Outputs: map[string]map[string]any{}, Notes: map[string]map[string]string{}}
	flying := map[string]bool{}
	for _, e := range events {
		switch e.Kind {
		case RunStarted:
			s.State, s.Request = Running, e.Request
		case PhaseStarted:
			flying[e.Phase] = true
		case PhaseNoted:
			if s.Notes[e.Phase] == nil {
				s.Notes[e.Phase] = map[string]string{}
			}
			maps.Copy(s.Notes[e.Phase], e.Notes)
		case PhaseFinished:
			delete(flying, e.Phase)
			if e.State == Complete {
				s.Outputs[e.Phase] = e.Output
			}
		case RunFinished:
			s.State, s.Artifacts = e.State, e.Artifacts
		}
	}
	s.InFlight = slices.Sorted(maps.Keys(flying))
	return s
}
