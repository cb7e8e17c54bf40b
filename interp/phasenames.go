package interp

import "cuelang.org/go/cue"

// PhaseNames lists the phases of an action in the order written, and its defer phase,
// which may be empty, as far as they are known without inputs: phases that a condition or
// a loop over inputs would add are not among them.
func (b *Blueprint) PhaseNames(action string) (phases []string, deferPhase string) {
	v := b.Value.LookupPath(cue.MakePath(cue.Str("actions"), cue.Str(action)))
	// Where the order is not clear, none of them is known.
	phases, _ = PhaseNames(v)
	deferPhase, _ = v.LookupPath(cue.ParsePath("deferPhase.name")).String()
	return phases, deferPhase
}
