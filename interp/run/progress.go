package run

import (
	"sync"
	"time"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp"
)

// Progress says how far a phase is that moves data. All figures but the last are
// bytes, and 0 where they are not known.
type Progress struct {
	// Hashed was read and is new to the repository or was not recognised at once;
	// Cached was known from an earlier backup and not read.
	Hashed int64 `json:"hashedBytes,omitempty"`
	Cached int64 `json:"cachedBytes,omitempty"`
	// Uploaded went to the store, after deduplication and compression.
	Uploaded int64 `json:"uploadedBytes,omitempty"`
	Restored int64 `json:"restoredBytes,omitempty"`
	// Estimated is what there is to back up or restore.
	Estimated int64 `json:"estimatedBytes,omitempty"`
	// RemainingSeconds is how long the rest takes at the speed so far.
	RemainingSeconds float64 `json:"remainingSeconds,omitempty"`
}

// Done is how much of Estimated is done.
func (p Progress) Done() int64 { return p.Hashed + p.Cached + p.Restored }

// minProgress is how much must be done before its speed means something.
const minProgress = time.Second

// A meter follows one attempt of a phase.
type meter struct {
	mu      sync.Mutex
	started time.Time
	last    *Progress
}

// add takes new figures.
func (m *meter) add(now time.Time, f funcs.Progress) Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last == nil {
		m.started = now
	}
	m.last = &Progress{
		Hashed: f.HashedBytes, Cached: f.CachedBytes, Uploaded: f.UploadedBytes,
		Restored: f.RestoredBytes, Estimated: f.EstimatedBytes,
	}
	p := *m.last
	took, rest := now.Sub(m.started), p.Estimated-p.Done()
	if took >= minProgress && p.Done() > 0 && rest > 0 {
		p.RemainingSeconds = took.Seconds() * float64(rest) / float64(p.Done())
	}
	return p
}

// final are the last figures, nil if there never were any.
func (m *meter) final() *Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// follow returns what takes the figures of a phase. They go to OnEvent, but not into the
// journal: nothing relies on them.
func (r *runner) follow(ph *interp.Phase) func(funcs.Progress) {
	m := &meter{}
	r.mu.Lock()
	r.meters[ph.Name] = m
	r.mu.Unlock()
	return func(f funcs.Progress) {
		now := r.Env.Clock()
		p := m.add(now, f)
		if r.Env.Progress != nil {
			r.Env.Progress(f)
		}
		if r.OnEvent != nil {
			r.OnEvent(Event{Version: JournalVersion, Time: now, Run: r.ID, Kind: PhaseProgress, Phase: ph.Name, Func: ph.Func, Progress: &p})
		}
	}
}

// progressOf are the last figures of a phase.
func (r *runner) progressOf(ph *interp.Phase) *Progress {
	r.mu.Lock()
	m := r.meters[ph.Name]
	r.mu.Unlock()
	if m == nil {
		return nil
	}
	return m.final()
}
