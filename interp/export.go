package interp

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
)

// Export evaluates the blueprint as far as it can be without inputs, for Kanister's
// YAML: what is known is a constant, and what an action is given or produces is an
// expression over parameters. What Kanister has nothing for is among the Problems of
// the result, and so an error when it is written.
func (b *Blueprint) Export() (*compat.Export, error) {
	x := &exporter{b: b, notes: newSourceNotes(b.root)}
	e := &compat.Export{Name: b.Name(), Head: x.notes.header(b.Value)}
	meta := b.Value.LookupPath(cue.ParsePath("metadata"))
	if meta.Exists() {
		var m struct {
			Namespace           string
			Labels, Annotations map[string]string
		}
		if err := meta.Decode(&m); err != nil {
			return nil, located(err)
		}
		e.Namespace, e.Labels, e.Annotations = m.Namespace, m.Labels, m.Annotations
	}
	for _, name := range b.Actions() {
		a, err := x.action(name)
		if err != nil {
			return nil, err
		}
		e.Actions = append(e.Actions, a)
	}
	e.Problems = x.errs
	return e, nil
}

// exporter exports one action at a time.
type exporter struct {
	b     *Blueprint
	errs  compat.Errors
	notes *sourceNotes

	name string
	// plain is the action as it is written; marked has markers for all that is only
	// known in a run.
	plain, marked cue.Value
	root          cue.Value
	markers       *markers
	depth         int
}

// unsupported reports what Kanister has nothing for.
func (x *exporter) unsupported(v cue.Value, format string, args ...any) {
	x.errs = append(x.errs, valuePlace(v).Errorf(format, args...))
}

func valuePlace(v cue.Value) compat.Place {
	pos := userPos(v)
	p := compat.Place{Line: pos.Line(), Column: pos.Column()}
	if pos.IsValid() {
		p.File, _, _ = strings.Cut(place(pos), fmt.Sprintf(":%d:", pos.Line()))
	}
	return p
}

func (x *exporter) action(name string) (*compat.ExportAction, error) {
	at := cue.MakePath(cue.Str("actions"), cue.Str(name))
	x.name, x.plain = name, x.b.Value.LookupPath(at)
	p := &Plan{markers: &markers{ctx: x.b.ctx, action: x.plain.Path()}, outputs: map[string]map[string]cue.Kind{}}
	x.markers = p.markers
	p.markInput(x.plain.LookupPath(cue.ParsePath("input")), []cue.Selector{cue.Str("input")})
	marks, err := p.mark(x.plain)
	if err != nil {
		return nil, err
	}
	x.root = x.b.root.FillPath(x.plain.Path(), marks)
	x.marked = x.root.LookupPath(x.plain.Path())
	if err := x.marked.Validate(); err != nil {
		return nil, located(err)
	}
	a := &compat.ExportAction{Name: name, Comments: x.notes.of(x.plain)}
	if err := x.header(a); err != nil {
		return nil, err
	}
	return a, x.phases(a)
}

// header reads what an action says besides its phases.
func (x *exporter) header(a *compat.ExportAction) error {
	var h struct {
		Kind                                            string
		ArtifactsFrom                                   string
		InputArtifactNames, SecretNames, ConfigMapNames []string
	}
	for name, target := range map[string]any{
		"kind": &h.Kind, "artifactsFrom": &h.ArtifactsFrom, "inputArtifactNames": &h.InputArtifactNames,
		"secretNames": &h.SecretNames, "configMapNames": &h.ConfigMapNames,
	} {
		v := x.plain.LookupPath(cue.ParsePath(name))
		if !v.Exists() {
			continue
		}
		if err := v.Decode(target); err != nil {
			return located(err)
		}
	}
	if h.Kind != "Any" {
		a.Kind = h.Kind
	}
	a.InputArtifactNames, a.SecretNames, a.ConfigMapNames = h.InputArtifactNames, h.SecretNames, h.ConfigMapNames
	if h.ArtifactsFrom != "" {
		from := x.b.Value.LookupPath(cue.MakePath(cue.Str("actions"), cue.Str(h.ArtifactsFrom), cue.Str("outputArtifacts")))
		a.ArtifactsFrom = fieldNames(from)
	}
	return nil
}

func (x *exporter) phases(a *compat.ExportAction) error {
	all := x.marked.LookupPath(cue.ParsePath("phases"))
	s, _ := x.syntax(all)
	x.undecided(all, s, "which phases there are depends on what is only known in a run; Kanister runs the same phases each time")
	values, err := phaseValues(x.marked)
	if err != nil {
		return err
	}
	for _, v := range values {
		p, err := x.phase(v)
		if err != nil {
			return err
		}
		a.Phases = append(a.Phases, p)
	}
	if d := x.marked.LookupPath(cue.ParsePath("deferPhase")); d.Exists() {
		if a.Defer, err = x.phase(namedValue{deferName, d, userPos(d)}); err != nil {
			return err
		}
	}
	if o := x.marked.LookupPath(cue.ParsePath("outputArtifacts")); o.Exists() {
		a.OutputArtifacts = x.value(o)
	}
	return nil
}

// onlyHere are the fields of a phase that Kanister has nothing for, and why.
var onlyHere = map[string]string{
	"after":   "Kanister runs phases one after the other, in the order written",
	"retry":   "Kanister runs a phase once",
	"timeout": "Kanister's phases have no time limit",
}

func (x *exporter) phase(v namedValue) (*compat.ExportPhase, error) {
	p := &compat.ExportPhase{Name: v.name, Place: valuePlace(v.value), Comments: x.notes.of(v.value)}
	title := "phase " + v.name
	if v.name == deferName {
		name, err := v.value.LookupPath(cue.ParsePath("name")).String()
		if err != nil {
			return nil, located(err)
		}
		p.Name, title = "", "deferPhase"
		if name != "deferPhase" {
			p.Name = name
		}
	}
	for _, field := range []string{"after", "retry", "timeout"} {
		if f := v.value.LookupPath(cue.ParsePath(field)); f.Exists() {
			x.unsupported(f, "actions.%s, %s: %s: %s", x.name, title, field, onlyHere[field])
		}
	}
	var err error
	if p.Func, err = v.value.LookupPath(cue.ParsePath("func")).String(); err != nil {
		return nil, located(err)
	}
	p.Objects = x.optional(v.value, "objects")
	p.Args = x.optional(v.value, "args")
	if p.Args != nil && p.Args.Fields == nil {
		x.unsupported(v.value, "actions.%s, %s: which args there are is only known in a run", x.name, title)
		p.Args = nil
	}
	if p.Args != nil && len(p.Args.Fields) == 0 {
		p.Args = nil
	}
	return p, nil
}

func (x *exporter) optional(phase cue.Value, field string) *compat.ExportValue {
	v := phase.LookupPath(cue.ParsePath(field))
	if !v.Exists() {
		return nil
	}
	return x.value(v)
}

// inputRef is the kind of a Ref to what the action is given.
const inputRef RefKind = "input"

// markInput gives every part of the inputs a marker, so that CUE carries along all
// that reads one. Fields that may be missing have none: CUE must not take them for
// there.
func (p *Plan) markInput(v cue.Value, at []cue.Selector) {
	kind := v.IncompleteKind()
	scalar := kind&cue.StructKind == 0
	if kind&cue.StringKind != 0 && scalar {
		kind = cue.StringKind
	}
	if !scalar {
		kind = cue.StructKind
	}
	last := len(at) - 1
	p.markers.add(Ref{Kind: inputRef}, kind, at[:last], at[last])
	if scalar {
		return
	}
	it, err := v.Fields()
	if err != nil {
		return
	}
	for it.Next() {
		p.markInput(it.Value(), append(at[:len(at):len(at)], it.Selector()))
	}
}
