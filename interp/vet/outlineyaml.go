package vet

import (
	"fmt"

	"github.com/rescuecue/rescue/compat"
)

// outline of the blueprint, from its actions as they were checked.
func (b *legacyBlueprint) outline(actions []*legacyAction) *outline {
	o := &outline{schema: b.set}
	for _, a := range actions {
		o.actions = append(o.actions, a.outline())
	}
	return o
}

func (a *legacyAction) outline() *outlineAction {
	out := &outlineAction{name: a.action.Key, mark: a.keyMark(a.action.Field, a.path)}
	if a.action.Kind != nil {
		out.kind = a.action.Kind.Str
	}
	for _, p := range a.action.AllPhases() {
		out.phases = append(out.phases, a.outlinePhase(p))
	}
	for _, w := range a.action.OutputArtifacts {
		out.writes = append(out.writes, a.outlineArtifact(w))
	}
	for _, name := range a.action.InputArtifactNames {
		out.takes = append(out.takes, name.Str)
	}
	for _, r := range a.reads {
		out.reads = append(out.reads, refOf(r.Names()))
	}
	return out
}

func (a *legacyAction) outlinePhase(p *compat.BlueprintPhase) *outlinePhase {
	path := phasePath(a.action, p)
	out := &outlinePhase{name: p.Name, function: p.Func, deferred: p == a.action.DeferPhase}
	at := p.FuncPos
	if at == nil {
		at = p.Value
	}
	out.mark = a.valueMark(at, path+".func")
	out.args = a.outlineFields(p.Args, path+".args")
	out.outputs = a.scriptOutputs(p, path)
	out.read()
	return out
}

// scriptOutputs are the keys that the phase's command writes.
func (c *legacyChecker) scriptOutputs(p *compat.BlueprintPhase, path string) []outlineName {
	if !scripted(c.set, p.Func) {
		return nil
	}
	var all []outlineName
	for _, name := range []string{"command", "outputCommand"} {
		command := p.Arg(name)
		if command == nil {
			continue
		}
		for _, word := range command.Value.Items {
			keys, _ := compat.ScriptOutputs(word.Str)
			for _, k := range keys {
				all = append(all, outlineName{k.Key, func(f Finding) {
					c.part(word, k.Offset, k.Offset+len(k.Key), path+".args."+name, f)
				}})
			}
		}
	}
	return all
}

func (c *legacyChecker) outlineFields(fields []*compat.Field, path string) []outlineField {
	var all []outlineField
	for _, f := range fields {
		at := path + "." + f.Name
		all = append(all, outlineField{f.Name, c.keyMark(f, at), c.outlineValue(f.Value, at)})
	}
	return all
}

func (c *legacyChecker) outlineValue(v *compat.Value, path string) *outlineValue {
	switch v.Kind {
	case compat.Map:
		return &outlineValue{fields: c.outlineFields(v.Fields, path)}
	case compat.List:
		out := &outlineValue{}
		for i, item := range v.Items {
			out.items = append(out.items, c.outlineValue(item, fmt.Sprintf("%s.%d", path, i)))
		}
		return out
	case compat.Null:
		return &outlineValue{}
	}
	return &outlineValue{text: c.filledText(v, path)}
}

// filledText reads a scalar. A template that cannot be parsed is reported as one, and
// is no text here.
func (c *legacyChecker) filledText(v *compat.Value, path string) *filledText {
	t := &filledText{report: func(start, end int, f Finding) {
		if v.Kind != compat.String {
			c.value(v, path, f)
			return
		}
		c.part(v, start, end, path, f)
	}}
	if v.Style == compat.Folded {
		t.line = func(offset int) int {
			line, _ := c.place(v, offset)
			return line
		}
	}
	if !isTemplate(v.Str) {
		form := &trial{}
		form.literally(v.Str, 0)
		t.forms = []*trial{form}
		return t
	}
	use, err := c.templateUse(v)
	if err == nil {
		t.forms = templateForms(v.Str, use)
	}
	return t
}

func (c *legacyChecker) outlineArtifact(o *compat.OutputArtifact, path string) outlineArtifact {
	out := outlineArtifact{name: o.Name, mark: c.keyMark(o.Field, path)}
	for _, kv := range o.KeyValue {
		out.keys = append(out.keys, outlineName{kv.Name, c.keyMark(kv, path+".keyValue."+kv.Name)})
	}
	return out
}

func (a *legacyAction) outlineArtifact(o *compat.OutputArtifact) outlineArtifact {
	return a.legacyChecker.outlineArtifact(o, a.path+".outputArtifacts."+o.Name)
}

func (c *legacyChecker) keyMark(f *compat.Field, path string) mark {
	return func(found Finding) { c.key(f, path, found) }
}

func (c *legacyChecker) valueMark(v *compat.Value, path string) mark {
	return func(found Finding) { c.value(v, path, found) }
}

// templateUse parses a template once for all rules.
func (c *legacyChecker) templateUse(v *compat.Value) (*compat.TemplateUse, error) {
	if parsed, ok := c.parsed[v]; ok {
		return parsed.use, parsed.err
	}
	use, err := compat.TemplateRefs(v.Str)
	if c.parsed == nil {
		c.parsed = map[*compat.Value]parsedTemplate{}
	}
	c.parsed[v] = parsedTemplate{use, err}
	return use, err
}

// A parsedTemplate is what came of parsing one.
type parsedTemplate struct {
	use *compat.TemplateUse
	err error
}
