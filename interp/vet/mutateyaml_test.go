package vet

import (
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// yamlMutator finds places for mistakes in a legacy blueprint.
type yamlMutator struct {
	src  *source
	list []mutation
}

// TestMutationsYAML makes one mistake of each kind in legacy blueprints that work.
func TestMutationsYAML(t *testing.T) {
	total := map[string]int{}
	texts := soundYAML(t)
	for _, name := range sortedKeys(texts) {
		text := texts[name]
		docs, err := compat.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		m := &yamlMutator{src: newSource(name, []byte(text))}
		for _, doc := range docs {
			if doc.Kind != compat.KindBlueprint {
				continue
			}
			bp, _ := compat.ReadBlueprint(doc)
			m.blueprint(bp)
		}
		countKinds(total, tryMutations(t, name, text, m.list))
	}
	wantKinds(t, total, 5, "function", "argument", "type", "removed argument", "phase", "output", "parameter", "field of a parameter", "artifact", "object", "field")
}

func (m *yamlMutator) blueprint(bp *compat.Blueprint) {
	for _, a := range bp.Actions {
		for _, f := range a.Field.Value.Fields {
			if f.Name == "outputArtifacts" || f.Name == "deferPhase" || f.Name == "inputArtifactNames" {
				m.name(f.Line, f.Column, f.Name, "field", ruleUnknownField)
			}
		}
		for _, p := range a.AllPhases() {
			m.phase(bp, a, p)
		}
		for _, o := range a.OutputArtifacts {
			for _, kv := range o.KeyValue {
				m.templates(bp, a, kv.Value)
			}
		}
	}
}

// name adds a misspelling of the name at a line and column, if it stands there.
func (m *yamlMutator) name(line, column int, name, kind string, rules ...string) {
	start := m.src.offset(line, column)
	for _, quote := range []string{"", `"`, "'"} {
		if strings.HasPrefix(m.src.text[start:], quote+name) {
			start += len(quote)
			m.add(mutation{kind: kind, rules: rules, start: start, end: start + len(name), by: misspell(name), at: start})
			return
		}
	}
}

func (m *yamlMutator) add(mu mutation) { m.list = append(m.list, mu) }

func (m *yamlMutator) phase(bp *compat.Blueprint, a *compat.BlueprintAction, p *compat.BlueprintPhase) {
	function, known := schema.Function(p.Func)
	if !known {
		return
	}
	m.name(p.FuncPos.Line, p.FuncPos.Column, p.Func, "function", ruleUnknownFunction)
	for _, f := range p.Args {
		m.name(f.Line, f.Column, f.Name, "argument", ruleUnknownArgument)
		arg, _ := function.Arg(f.Name)
		m.retype(f, arg)
		m.remove(function, p, f)
		if !strings.HasPrefix(p.Func, "Wait") {
			m.templates(bp, a, f.Value)
		}
	}
}

// retype gives an argument a value of another type.
func (m *yamlMutator) retype(f *compat.Field, arg schema.Arg) {
	start, text := m.src.offset(f.Value.Line, f.Value.Column), f.Value.Str
	plain := f.Value.Style == compat.Plain && f.Value.Kind != compat.List && f.Value.Kind != compat.Map && text != ""
	if plain && arg.Kind&cue.StructKind == 0 && strings.HasPrefix(m.src.text[start:], text) && f.Value.Line == f.Line {
		m.add(mutation{kind: "type", rules: []string{ruleArgumentType}, start: start, end: start + len(text), by: "{a: b}", at: start})
	}
}

// remove takes an argument out that must be given, and that has lines of its own.
func (m *yamlMutator) remove(function schema.Func, p *compat.BlueprintPhase, f *compat.Field) {
	line := m.src.line(f.Line)
	scalar := f.Value.Kind == compat.String && f.Value.Line == f.Line && f.Value.Style != compat.Literal && f.Value.Style != compat.Folded
	if !slices.Contains(function.Required, f.Name) || !scalar || !strings.HasPrefix(strings.TrimSpace(line), f.Name+":") || len(p.Args) < 2 ||
		f.Value.Style != compat.Plain && strings.Count(line, line[f.Value.Column-1:f.Value.Column])%2 == 1 {
		return
	}
	start := m.src.lines[f.Line-1]
	at := m.src.offset(p.FuncPos.Line, p.FuncPos.Column)
	if at > start {
		return // The place would move with the line.
	}
	m.add(mutation{kind: "removed argument", rules: []string{ruleMissingArgument}, start: start, end: m.src.lines[f.Line], at: at})
}

func (m *yamlMutator) templates(bp *compat.Blueprint, a *compat.BlueprintAction, v *compat.Value) {
	for _, item := range v.Items {
		m.templates(bp, a, item)
	}
	for _, f := range v.Fields {
		m.templates(bp, a, f.Value)
	}
	if v.Kind != compat.String || !isTemplate(v.Str) {
		return
	}
	use, err := compat.TemplateRefs(v.Str)
	if err != nil {
		return
	}
	for _, r := range use.Refs {
		if !r.Tested {
			m.reference(bp, a, v, r)
		}
	}
}

// reference misspells the steps of a path that are known to be right.
func (m *yamlMutator) reference(bp *compat.Blueprint, a *compat.BlueprintAction, v *compat.Value, r compat.TemplateRef) {
	names := r.Names()
	switch names[0] {
	case "Phases":
		m.step(v, r, 1, "phase", false, ruleUnknownPhase)
		if len(names) < 4 {
			return
		}
		p := a.Phase(names[1])
		if p == nil {
			return
		}
		if _, complete := phaseOutputs(schema.Embedded(), p); names[2] == "Output" && complete {
			m.step(v, r, 3, "output", false, ruleUnknownOutput)
		}
		if names[2] == "Secrets" {
			m.step(v, r, 3, "object", false, ruleUnknownObject)
		}
	case "ArtifactsIn":
		b := &legacyBlueprint{bp: bp}
		if len(names) > 1 && b.writer(names[1]) != nil {
			m.step(v, r, 1, "artifact", true, ruleUnknownArtifact)
		}
	case "StatefulSet", "Deployment", "Namespace", "Profile", "PVC":
		m.step(v, r, 0, "parameter", false, ruleUnknownInput)
		m.step(v, r, 1, "field of a parameter", false, ruleUnknownInput)
	}
}

// step misspells one step of a path that is written with dots.
func (m *yamlMutator) step(v *compat.Value, r compat.TemplateRef, step int, kind string, warning bool, rule string) {
	if step >= len(r.Path) || r.End > len(v.Str) {
		return
	}
	offset := r.Offset
	for i := range step + 1 {
		name := "." + r.Path[i].Name
		if r.Path[i].Index || !strings.HasPrefix(v.Str[offset:r.End], name) {
			return
		}
		if i < step {
			offset += len(name)
		}
	}
	name := r.Path[step].Name
	start := m.src.offset(v.PosAt(offset + 1))
	if !strings.HasPrefix(m.src.text[start:], name) {
		return
	}
	m.add(mutation{kind: kind, rules: []string{rule}, warning: warning, start: start, end: start + len(name), by: misspell(name), at: start})
}
