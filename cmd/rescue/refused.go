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
		if i < len(tasks) {
			t := tasks[i]
			a.Phases, a.DeferPhase = t.pendingPhases()
			if t.blueprint.Legacy != nil {
				a.Artifacts = t.blueprint.Legacy.Action(spec.Name).ArtifactTemplates()
			}
		}
		s.Actions = append(s.Actions, a)
	}
	return s
}

// pendingPhases are those of the task's plan, or, if it came to none, those that stand in
// the blueprint.
func (t *task) pendingPhases() (phases []compat.PhaseStatus, last *compat.PhaseStatus) {
	names, deferred := t.blueprint.PhaseNames(t.spec.Name)
	if plan := t.opts.Plan; plan != nil {
		names = nil
		for _, p := range plan.Phases {
			names = append(names, p.Title())
		}
	}
	for _, name := range names {
		phases = append(phases, compat.PhaseStatus{Name: name, State: compat.StatePending})
	}
	if deferred != "" {
		last = &compat.PhaseStatus{Name: deferred, State: compat.StatePending}
	}
	return phases, last
}
