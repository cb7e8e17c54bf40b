package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/interp"
)

// WriteText shows the plans for people.
func WriteText(w io.Writer, docs []*Document) error {
	t := &text{w: w}
	for i, d := range docs {
		if i > 0 {
			t.line(0, "")
		}
		t.document(d)
	}
	return t.err
}

// text writes lines, and keeps the first error.
type text struct {
	w   io.Writer
	err error
}

func (t *text) line(indent int, format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, strings.Repeat("  ", indent)+format+"\n", args...)
	}
}

func (t *text) document(d *Document) {
	t.line(0, "%s of %s would run:", d.Action, d.Blueprint)
	waits := map[string][]string{}
	for _, e := range d.edges() {
		waits[e.to] = append(waits[e.to], e.from+why(e))
	}
	for i := range d.Phases {
		t.line(0, "")
		t.phase(&d.Phases[i], when(&d.Phases[i], waits[d.Phases[i].Name]))
	}
	if d.DeferPhase != nil {
		t.line(0, "")
		t.phase(d.DeferPhase, "at the end, whatever happened")
	}
	if len(d.OutputArtifacts) > 0 {
		t.line(0, "")
		t.line(0, "and leave the artifacts:")
		t.values(1, d.OutputArtifacts)
	}
	if len(d.Missing) > 0 {
		t.line(0, "")
		t.line(0, "not given: %s", strings.Join(d.Missing, " "))
	}
	for _, note := range d.Notes {
		t.line(0, "note: %s", note)
	}
}

func (t *text) phase(p *Phase, when string) {
	t.line(1, "%s  %s  %s", p.Name, p.Func, when)
	if p.Attempts > 1 {
		t.line(2, "tried up to %d times", p.Attempts)
	}
	if p.Timeout != "" {
		t.line(2, "for at most %s", p.Timeout)
	}
	for _, e := range p.Effects {
		forItsTime := ""
		if e.Temporary {
			forItsTime = ", for its time"
		}
		t.line(2, "%s %s%s", e.Verb, e.Object, forItsTime)
	}
	if len(p.Objects) > 0 {
		t.line(2, "objects:")
		t.values(3, p.Objects)
	}
	if len(p.Args) > 0 {
		t.line(2, "args:")
		t.values(3, p.Args)
	}
	switch {
	case p.PodUnknown != "":
		t.line(2, "pod: %s", p.PodUnknown)
	case p.Pod != nil:
		t.line(2, "pod:")
		t.values(3, p.Pod)
	}
	t.found(p)
}

// found is what a dry run has found out.
func (t *text) found(p *Phase) {
	for line := range strings.Lines(p.Refused) {
		t.line(2, "REFUSED by the cluster: %s", strings.TrimSuffix(line, "\n"))
	}
	for _, r := range p.MissingRights {
		t.line(2, "MISSING RIGHT: %s, to %s", r, r.Why)
	}
	for _, s := range p.NotSure {
		t.line(2, "not sure: %s", s)
	}
}

// values writes a value as YAML.
func (t *text) values(indent int, v any) {
	src, err := yaml.Marshal(v)
	if t.err == nil {
		t.err = err
	}
	for line := range strings.Lines(string(src)) {
		t.line(indent, "%s", strings.TrimSuffix(line, "\n"))
	}
}

// when says what a phase waits for. What follows from others is left out.
func when(p *Phase, waits []string) string {
	text := "at once"
	if len(waits) > 0 {
		text = "after " + strings.Join(waits, ", ")
	}
	if p.Undecided {
		text += ", if outputs of others say so"
	}
	return text
}

// why says why a phase waits for another one, unless it is the order of writing.
func why(e edge) string {
	switch {
	case e.label != "":
		return " (reads " + e.label + ")"
	case slices.Contains(e.why, interp.ByAfter):
		return " (after)"
	}
	return ""
}

// WriteJSON writes the plan as a document, or several as one.
func WriteJSON(w io.Writer, docs []*Document) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if len(docs) == 1 {
		return enc.Encode(docs[0])
	}
	return enc.Encode(struct {
		FormatVersion string      `json:"formatVersion"`
		Actions       []*Document `json:"actions"`
	}{FormatVersion, docs})
}

// Formats are the writers, by the names that users know them by.
func Formats() map[string]func(io.Writer, []*Document) error {
	return map[string]func(io.Writer, []*Document) error{"text": WriteText, "json": WriteJSON, "dot": WriteDOT, "mermaid": WriteMermaid}
}

// FormatNames are the names of Formats, in order.
func FormatNames() []string { return slices.Sorted(maps.Keys(Formats())) }
