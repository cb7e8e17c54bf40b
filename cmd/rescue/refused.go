package main

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

// refuseSet prints, for -o yaml, the ActionSet whose actions were not started, failed as
// Kanister would leave it: whoever reads its status must not wait for another. It
// returns the error that was the reason.
func (c *call) refuseSet(req *request, tasks []*task, reason error) error {
	if c.output != "yaml" || req.set == nil || c.dryRun {
		return reason
	}
	out := maps.Clone(req.set)
	out["metadata"] = named(out["metadata"], run.NewID(time.Now()))
	status, err := asMap(refusedStatus(req, tasks, reason))
	if err == nil {
		out["status"] = status
		err = writeYAML(c.streams.Stdout, out)
	}
	if err != nil {
		return errors.Join(reason, fmt.Errorf("the status could not be printed: %w", err))
	}
	return reason
}

// refusedStatus has all phases pending that are known.
func refusedStatus(req *request, tasks []*task, reason error) *compat.ActionSetStatus {
	s := &compat.ActionSetStatus{State: compat.StateFailed, Error: compat.ActionSetError{Message: reason.Error()}}
	for i, spec := range req.actions {
		a := compat.ActionStatus{Name: spec.Name, Object: spec.Object, Blueprint: spec.Blueprint}
		if i < len(tasks) && tasks[i].blueprint.Legacy != nil {
			action := tasks[i].blueprint.Legacy.Action(spec.Name)
			a.Phases, a.DeferPhase = pendingPhases(action)
			a.Artifacts = action.ArtifactTemplates()
		}
		s.Actions = append(s.Actions, a)
	}
	return s
}

func pendingPhases(a *compat.BlueprintAction) (phases []compat.PhaseStatus, last *compat.PhaseStatus) {
	if a == nil {
		return nil, nil
	}
	for _, p := range a.Phases {
		phases = append(phases, compat.PhaseStatus{Name: p.Name, State: compat.StatePending})
	}
	if a.DeferPhase != nil {
		last = &compat.PhaseStatus{Name: a.DeferPhase.Name, State: compat.StatePending}
	}
	return phases, last
}
