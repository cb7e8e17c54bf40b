package vet

import (
	"slices"
	"strings"
)

// stoppedWorkload warns of actions that stop a workload for good: neither a later
// phase, nor the defer phase, nor an action that undoes this one starts it.
func stoppedWorkload(o *outline) {
	for _, a := range o.actions {
		if a.opaque || strings.Contains(strings.ToLower(a.name), "delete") {
			continue
		}
		for i, p := range a.phases {
			if !p.stops() || slices.ContainsFunc(a.phases[i+1:], (*outlinePhase).mayStart) || o.undone(a) {
				continue
			}
			p.mark(Finding{
				Rule:       ruleStoppedWorkload,
				Message:    "this stops the workload, and nothing in the action starts it again",
				Suggestion: "add a ScaleWorkload, in the defer phase if it has to run also after a failure",
			})
			break
		}
	}
}

// stops tells whether the phase scales a workload to nothing.
func (p *outlinePhase) stops() bool {
	replicas, known := p.arg("replicas").literal()
	return p.function == "ScaleWorkload" && known && replicas == "0"
}

// mayStart tells whether the phase starts a workload, or may do so.
func (p *outlinePhase) mayStart() bool {
	switch p.function {
	case "ScaleWorkload":
		return !p.stops()
	case "KubeOps":
		return true
	}
	return p.runs("scale") || p.runs("apply") || p.runs("rollout")
}

// runs tells whether a command of the phase has the word.
func (p *outlinePhase) runs(word string) bool {
	for _, name := range scriptArguments {
		for _, text := range p.arg(name).texts() {
			if slices.Contains(strings.Fields(text.written()), word) {
				return true
			}
		}
	}
	return false
}

// undone tells whether another action only starts what this one stops, as a hook
// after the backup does.
func (o *outline) undone(stopped *outlineAction) bool {
	return slices.ContainsFunc(o.actions, func(a *outlineAction) bool {
		return a != stopped && slices.ContainsFunc(a.phases, (*outlinePhase).mayStart) && !slices.ContainsFunc(a.phases, (*outlinePhase).stops)
	})
}
