package run

import (
	"maps"
	"sync"

	"github.com/rescuecue/rescue/interp"
)

// notes are what the phases of a run have noted for their own later attempts, by phase
// and key.
type notes struct {
	mu      sync.Mutex
	byPhase map[string]map[string]string
}

// newNotes begins with what an earlier process has noted.
func newNotes(known map[string]map[string]string) *notes {
	n := &notes{byPhase: map[string]map[string]string{}}
	for phase, of := range known {
		n.byPhase[phase] = maps.Clone(of)
	}
	return n
}

// phaseNotes are those of one phase. It implements funcs.Notes.
type phaseNotes struct {
	r     *runner
	phase string
}

func (r *runner) notesOf(ph *interp.Phase) phaseNotes { return phaseNotes{r, ph.Name} }

// Note keeps the note, in the journal first.
func (p phaseNotes) Note(key, value string) error {
	if err := p.r.record(Event{Kind: PhaseNoted, Phase: p.phase, Notes: map[string]string{key: value}}); err != nil {
		return err
	}
	n := p.r.notes
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byPhase[p.phase] == nil {
		n.byPhase[p.phase] = map[string]string{}
	}
	n.byPhase[p.phase][key] = value
	return nil
}

// Noted returns what was noted under the key.
func (p phaseNotes) Noted(key string) (string, bool) {
	n := p.r.notes
	n.mu.Lock()
	defer n.mu.Unlock()
	value, ok := n.byPhase[p.phase][key]
	return value, ok
}
