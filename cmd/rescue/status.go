package main

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

// actionSetOf is the ActionSet of a request with its status, in the shape in which
// Kanister keeps it. One that was asked for by flags is made of what they say.
func actionSetOf(req *request, tasks []*task) (map[string]any, error) {
	out := maps.Clone(req.set)
	if out == nil {
		set := compat.ActionSet{
			APIVersion: compat.APIVersion, Kind: compat.KindActionSet,
			Metadata: compat.Meta{Name: strings.ToLower(tasks[0].spec.Name) + "-" + tasks[0].opts.ID, Namespace: req.namespace},
			Spec:     &compat.ActionSetSpec{},
		}
		for _, t := range tasks {
			set.Spec.Actions = append(set.Spec.Actions, t.spec)
		}
		var err error
		if out, err = asMap(set); err != nil {
			return nil, err
		}
	}
	for _, t := range tasks {
		out["spec"] = maskOptions(out["spec"], t.result.Mask)
	}
	out["metadata"] = named(out["metadata"], tasks[0].opts.ID)
	status, err := asMap(statusOf(tasks))
	out["status"] = status
	return out, err
}

// named gives metadata with a generateName a name, as an API server does.
func named(metadata any, id string) any {
	m, _ := metadata.(map[string]any)
	prefix, _ := m["generateName"].(string)
	if prefix == "" || m["name"] != nil {
		return metadata
	}
	m = maps.Clone(m)
	m["name"] = prefix + id[strings.LastIndexByte(id, '-')+1:]
	return m
}

// statusOf tells Kanister's way how far the actions came.
func statusOf(tasks []*task) *compat.ActionSetStatus {
	s := &compat.ActionSetStatus{State: compat.StateComplete}
	var messages []string
	var last time.Time
	phases, complete := 0, 0
	for _, t := range tasks {
		s.Actions = append(s.Actions, actionStatus(t))
		if t.result.State != run.Complete {
			s.State = compat.StateFailed
		}
		for _, message := range t.result.Errors {
			messages = append(messages, strings.TrimPrefix(t.title+": "+message, ": "))
		}
		for _, p := range t.result.Phases {
			phases++
			if p.State == run.Complete {
				complete++
			}
		}
		if t.result.Ended.After(last) {
			last = t.result.Ended
		}
	}
	s.Error.Message = strings.Join(messages, "\n")
	s.Progress = map[string]any{"percentCompleted": percent(complete, phases), "lastTransitionTime": timestamp(last)}
	return s
}

func actionStatus(t *task) compat.ActionStatus {
	s := compat.ActionStatus{Name: t.spec.Name, Object: t.spec.Object, Blueprint: t.spec.Blueprint, Artifacts: t.result.Artifacts}
	for _, p := range t.result.Phases {
		s.Phases = append(s.Phases, phaseStatus(p))
	}
	if p := t.result.DeferPhase; p != nil {
		d := phaseStatus(p)
		d.Progress = nil // Kanister has none there.
		s.DeferPhase = &d
	}
	// Before an action is complete, the templates stand in the place of what they give.
	if bp := t.blueprint.Legacy; bp != nil && t.result.State != run.Complete && len(s.Artifacts) == 0 {
		s.Artifacts = bp.Action(t.spec.Name).ArtifactTemplates()
	}
	return s
}

// phaseStatus knows four states: with Kanister what was cancelled has failed, and what
// was never started is pending.
func phaseStatus(p *run.PhaseResult) compat.PhaseStatus {
	s := compat.PhaseStatus{Name: p.Name, Output: p.Output}
	switch p.State {
	case run.Complete:
		s.State = compat.StateComplete
	case run.Failed, run.Cancelled:
		s.State = compat.StateFailed
	default:
		s.State = compat.StatePending
	}
	if p.Ended != nil {
		done := 0
		if p.State == run.Complete {
			done = 1
		}
		s.Progress = map[string]any{"progressPercent": percent(done, 1), "lastTransitionTime": timestamp(*p.Ended)}
	}
	return s
}

// percent is a whole number as text, as Kanister writes it.
func percent(part, whole int) string {
	if whole == 0 {
		return "100"
	}
	return strconv.Itoa(100 * part / whole)
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
