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

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
)

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeResult prints what came of a run.
func writeResult(w io.Writer, format string, r *run.Result) error {
	if format == "json" {
		return writeJSON(w, r)
	}
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
	for _, name := range slices.Sorted(maps.Keys(r.Artifacts)) {
		a := r.Artifacts[name]
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

// planned is the document of a dry run.
type planned struct {
	FormatVersion string         `json:"formatVersion"`
	Blueprint     string         `json:"blueprint"`
	Action        string         `json:"action"`
	Phases        []plannedPhase `json:"phases"`
	DeferPhase    *plannedPhase  `json:"deferPhase,omitempty"`
}

type plannedPhase struct {
	Name  string   `json:"name"`
	Func  string   `json:"func"`
	After []string `json:"after"`
}

// writePlan prints what a run would do.
func writePlan(w io.Writer, format string, p *interp.Plan) error {
	doc := planned{FormatVersion: run.FormatVersion, Blueprint: p.Blueprint, Action: p.Action, Phases: []plannedPhase{}}
	for _, ph := range p.Phases {
		doc.Phases = append(doc.Phases, plannedPhase{ph.Title(), ph.Func, append([]string{}, ph.After...)})
	}
	if p.Defer != nil {
		doc.DeferPhase = &plannedPhase{Name: p.Defer.Title(), Func: p.Defer.Func, After: []string{}}
	}
	if format == "json" {
		return writeJSON(w, doc)
	}
	fmt.Fprintf(w, "%s of %s would run:\n", p.Action, p.Blueprint)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, ph := range doc.Phases {
		fmt.Fprintf(t, "  %s\t%s\tafter %s\n", ph.Name, ph.Func, orNothing(ph.After))
	}
	if d := doc.DeferPhase; d != nil {
		fmt.Fprintf(t, "  %s\t%s\tat the end, whatever happened\n", d.Name, d.Func)
	}
	return t.Flush()
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
