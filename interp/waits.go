package interp

import "slices"

// Reason says why a phase waits for another one.
type Reason string

// The reasons, in the order of Wait.Why.
const (
	// ByOrder: it is written after the other, and has no `after`.
	ByOrder Reason = "order"
	// ByAfter: its `after` names the other.
	ByAfter Reason = "after"
	// ByReading: it reads what the other gives.
	ByReading Reason = "reads"
)

// A Wait is an edge of the graph: what a phase waits for, and why.
type Wait struct {
	Phase string
	Why   []Reason
	// Reads are the outputs of the other phase that this one reads; "" stands for all of
	// them at once.
	Reads []string
}

// Waits lists what a phase of the plan waits for, in the order written.
func (p *Plan) Waits(ph *Phase) []Wait {
	reads := map[string][]string{}
	for _, ref := range ph.Reads() {
		if ref.Phase != ph.Name && ref.Phase != "" && !slices.Contains(reads[ref.Phase], ref.Key) {
			reads[ref.Phase] = append(reads[ref.Phase], ref.Key)
		}
	}
	var waits []Wait
	before := true
	for _, other := range p.Phases {
		if other == ph {
			before = false
		}
		w := Wait{Phase: other.Name, Reads: reads[other.Name]}
		switch {
		case slices.Contains(ph.named, other.Name):
			w.Why = append(w.Why, ByAfter)
		case ph.named == nil && before:
			w.Why = append(w.Why, ByOrder)
		}
		if len(w.Reads) > 0 {
			w.Why = append(w.Why, ByReading)
		}
		if len(w.Why) > 0 && other != ph {
			slices.Sort(w.Reads)
			waits = append(waits, w)
		}
	}
	return waits
}
