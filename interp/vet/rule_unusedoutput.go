package vet

import (
	"fmt"
	"slices"
)

// unusedOutput reports outputs of scripts that nothing in the action reads.
func unusedOutput(o *outline) {
	for _, a := range o.actions {
		if a.opaque {
			continue
		}
		for _, p := range a.phases {
			for _, out := range p.outputs {
				if a.readsOutput(p, out.name) {
					continue
				}
				out.mark(Finding{
					Rule:       ruleUnusedOutput,
					Message:    fmt.Sprintf("nothing in the action %q reads the output %q of phase %q", a.name, out.name, p.name),
					Suggestion: "hand it on in outputArtifacts if a later action needs it",
				})
			}
		}
	}
}

// readsOutput tells whether anything in the action reads the output of the phase.
func (a *outlineAction) readsOutput(p *outlinePhase, name string) bool {
	at := []string{"phases", p.name, "output", name}
	return slices.ContainsFunc(a.reads, func(r ref) bool {
		if p.deferred && r.touches("deferPhase", "output", name) {
			return true
		}
		return r.touches(at...)
	})
}
