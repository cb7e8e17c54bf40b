package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeResults prints what came of the actions.
func (c *call) writeResults(req *request, tasks []*task) error {
	w := c.streams.Stdout
	for _, t := range tasks {
		t.result = t.result.Redacted()
	}
	switch {
	case c.output == "yaml":
		set, err := actionSetOf(req, tasks)
		if err != nil {
			return err
		}
		return writeYAML(w, set)
	case c.events && len(tasks) == 1:
		return c.eventLines.end(tasks[0].result)
	case c.events:
		return c.eventLines.end(together(req, tasks))
	case c.output == "json" && len(tasks) == 1:
		return writeJSON(w, tasks[0].result)
	case c.output == "json":
		return writeJSON(w, together(req, tasks))
	}
	for _, t := range tasks {
		if err := writeResult(w, t.result); err != nil {
			return err
		}
	}
	return nil
}

// setResult is the document of a call that ran several actions.
type setResult struct {
	FormatVersion string `json:"formatVersion"`
	// ActionSet that asked for them: a file, or NAMESPACE/NAME.
	ActionSet string        `json:"actionSet,omitempty"`
	State     run.State     `json:"state"`
	Started   time.Time     `json:"started"`
	Ended     time.Time     `json:"ended"`
	Actions   []*run.Result `json:"actions"`
	// Errors of all actions, with the action before each.
	Errors []string `json:"errors"`
}

// together sums up: what was cancelled is cancelled as a whole, then what failed failed.
func together(req *request, tasks []*task) setResult {
	sum := setResult{FormatVersion: run.FormatVersion, ActionSet: req.source, State: run.Complete, Errors: []string{}}
	for _, t := range tasks {
		r := t.result
		sum.Actions = append(sum.Actions, r)
		if sum.Started.IsZero() || r.Started.Before(sum.Started) {
			sum.Started = r.Started
		}
		if r.Ended.After(sum.Ended) {
			sum.Ended = r.Ended
		}
		if r.State != run.Complete && sum.State != run.Cancelled {
			sum.State = r.State
		}
		for _, message := range r.Errors {
			sum.Errors = append(sum.Errors, t.title+": "+message)
		}
	}
	return sum
}

func writeYAML(w io.Writer, v any) error {
	src, err := yaml.Marshal(v)
	if err == nil {
		_, err = w.Write(src)
	}
	return err
}

// asMap is v as its JSON says.
func asMap(v any) (map[string]any, error) {
	src, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(src, &m)
}

// writeResult prints what came of a run, for people.
func writeResult(w io.Writer, r *run.Result) error {
	fmt.Fprintf(w, "%s of %s: %s (run %s)\n", r.Action, r.Blueprint, r.State, r.Run)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range r.Phases {
		writePhase(t, p)
	}
	if r.DeferPhase != nil {
		writePhase(t, r.DeferPhase)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return writeArtifacts(w, r.Artifacts)
}

func writeArtifacts(w io.Writer, artifacts map[string]compat.Artifact) error {
	for _, name := range slices.Sorted(maps.Keys(artifacts)) {
		a := artifacts[name]
		for _, key := range slices.Sorted(maps.Keys(a.KeyValue)) {
			fmt.Fprintf(w, "artifact %s.%s: %s\n", name, key, a.KeyValue[key])
		}
		if a.KopiaSnapshot != "" {
			fmt.Fprintf(w, "artifact %s: %s\n", name, a.KopiaSnapshot)
		}
	}
	return nil
}

func writePhase(w io.Writer, p *run.PhaseResult) {
	took := ""
	if p.Started != nil && p.Ended != nil {
		took = p.Ended.Sub(*p.Started).Round(10 * time.Millisecond).String()
	}
	var outputs []string
	for _, key := range slices.Sorted(maps.Keys(p.Output)) {
		outputs = append(outputs, fmt.Sprintf("%s=%v", key, p.Output[key]))
	}
	fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", p.Name, p.Func, p.State, took, strings.Join(outputs, " "))
}
