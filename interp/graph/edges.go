package graph

import (
	"math/big"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/interp"
)

// An edge is drawn from a phase to one that waits for it.
type edge struct {
	from, to string
	why      []interp.Reason
	// label are the outputs that are read.
	label string
}

// isOrder says that only the order of writing makes the phase wait.
func (e edge) isOrder() bool { return slices.Equal(e.why, []interp.Reason{interp.ByOrder}) }

// edges are those of the graph that say something: a wait that follows from others is left
// out, unless it is for an output.
func (d *Document) edges() []edge {
	index := map[string]int{}
	for i, p := range d.Phases {
		index[p.Name] = i
	}
	above := d.above(index)
	var edges []edge
	for _, p := range d.Phases {
		implied := &big.Int{}
		for _, w := range p.Waits {
			implied.Or(implied, above[index[w.Phase]])
		}
		for _, w := range p.Waits {
			if len(w.Reads) > 0 || implied.Bit(index[w.Phase]) == 0 {
				edges = append(edges, edge{w.Phase, p.Name, w.Why, label(w)})
			}
		}
	}
	return edges
}

// above has, for each phase, a bit for each other one that it waits for in the end.
func (d *Document) above(index map[string]int) []*big.Int {
	sets := make([]*big.Int, len(d.Phases))
	var of func(i int) *big.Int
	of = func(i int) *big.Int {
		if sets[i] != nil {
			return sets[i]
		}
		sets[i] = &big.Int{}
		for _, w := range d.Phases[i].Waits {
			j := index[w.Phase]
			sets[i].Or(sets[i], of(j))
			sets[i].SetBit(sets[i], j, 1)
		}
		return sets[i]
	}
	for i := range d.Phases {
		of(i)
	}
	return sets
}

// label is what is written at an edge: the outputs that are read.
func label(w Wait) string {
	var reads []string
	for _, key := range w.Reads {
		if key == "" {
			key = "all outputs"
		}
		reads = append(reads, key)
	}
	return strings.Join(reads, ", ")
}
