package vet

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// outline of the blueprint in a field, from the user's source: what CUE makes of it
// says which phases there are, and the source what stands in them.
func (c *cueChecker) outline(field string) *outline {
	o := &outline{schema: c.unit.schema(), native: true}
	for _, name := range c.given(field, "actions") {
		a := &cueOutliner{cueChecker: c, path: []string{field, "actions", name}}
		o.actions = append(o.actions, a.action(name))
	}
	return o
}

// outlines applies the rules of outlines to all blueprints of the package.
func (c *cueChecker) outlines() {
	broken := anyError(c.findings)
	for _, field := range c.blueprints() {
		if !c.typed(field) {
			continue
		}
		c.outline(field).check(c.findings)
		c.openStruct(field)
		c.outputPresence(field)
		if !broken {
			c.unreachablePhases(field)
			c.phaseCycles(field)
		}
	}
}

// givenItems lists the items of a list.
func givenItems(v cue.Value) []cue.Value {
	it, err := v.List()
	if err != nil {
		return nil
	}
	var items []cue.Value
	for it.Next() {
		items = append(items, it.Value())
	}
	return items
}

// A cueOutliner makes the outline of an action.
type cueOutliner struct {
	*cueChecker
	path []string
	// names of the phases.
	names []string
}

func (a *cueOutliner) action(name string) *outlineAction {
	out := &outlineAction{name: name, kind: a.text(sub(a.path, "kind")...), mark: a.nodeMark(a.labelNode(a.path...), a.path)}
	if out.kind == "Any" {
		out.kind = ""
	}
	out.from = a.text(sub(a.path, "artifactsFrom")...)
	for i := range givenItems(a.lookup(sub(a.path, "inputArtifactNames")...)) {
		out.takes = append(out.takes, a.text(sub(a.path, "inputArtifactNames", strconv.Itoa(i))...))
	}
	a.names = a.phaseNames(a.path)
	a.phases(out)
	a.deferPhase(out)
	for _, artifact := range a.given(sub(a.path, "outputArtifacts")...) {
		out.writes = append(out.writes, a.artifact(artifact))
	}
	out.reads = a.reads()
	return out
}

// phases adds those that CUE knows, and those in branches that it has not taken.
func (a *cueOutliner) phases(out *outlineAction) {
	at := sub(a.path, "phases")
	known, written := map[string]bool{}, a.written(at)
	for _, field := range written {
		name := labelText(field.Label)
		if known[name] {
			continue
		}
		known[name] = true
		out.phases = append(out.phases, a.phase(name, sub(at, name), []place{{field, field.Value}}))
	}
	for _, name := range a.names {
		if known[name] || slices.ContainsFunc(written, func(f *ast.Field) bool { return matchLabel(f.Label, name) == labelComputed }) {
			continue
		}
		out.opaque = true
		out.phases = append(out.phases, a.phase(name, sub(at, name), nil))
	}
}

// written lists the fields below a path, those in comprehensions included, in the
// order of the source.
func (a *cueOutliner) written(path []string) []*ast.Field {
	var fields []*ast.Field
	for _, p := range a.find(path) {
		fields = append(fields, a.fieldsOf(p.value, 0)...)
	}
	return fields
}

// fieldsOf lists the fields of a struct.
func (a *cueOutliner) fieldsOf(e ast.Expr, depth int) []*ast.Field {
	if depth > maxDescent {
		return nil
	}
	var fields []*ast.Field
	switch e := e.(type) {
	case *ast.StructLit:
		fields = a.fieldsIn(e.Elts, depth)
	case *ast.BinaryExpr:
		fields = append(a.fieldsOf(e.X, depth+1), a.fieldsOf(e.Y, depth+1)...)
	case *ast.ParenExpr:
		fields = a.fieldsOf(e.X, depth+1)
	default:
		decls, value, rest := a.definition(e)
		if len(rest) > 0 {
			for _, p := range a.findIn(e, nil) {
				fields = append(fields, a.fieldsOf(p.value, depth+1)...)
			}
			return fields
		}
		if value != nil {
			return a.fieldsOf(value, depth+1)
		}
		fields = a.fieldsIn(decls, depth)
	}
	return fields
}

func (a *cueOutliner) fieldsIn(decls []ast.Decl, depth int) []*ast.Field {
	var fields []*ast.Field
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			fields = append(fields, d)
		case *ast.EmbedDecl:
			fields = append(fields, a.fieldsOf(d.Expr, depth+1)...)
		case *ast.Comprehension:
			fields = append(fields, a.fieldsOf(d.Value, depth+1)...)
		}
	}
	return fields
}

// labelText is the name of a field; of a computed one what is written of it, with an
// ellipsis for the rest.
func labelText(label ast.Label) string {
	if name, _, err := ast.LabelName(label); err == nil {
		return name
	}
	i, ok := label.(*ast.Interpolation)
	if !ok {
		return "…"
	}
	var b strings.Builder
	for n, e := range i.Elts {
		if lit, ok := e.(*ast.BasicLit); ok && n%2 == 0 {
			b.WriteString(strings.Trim(strings.TrimPrefix(lit.Value, ")"), "\\\"#("))
			continue
		}
		b.WriteString("…")
	}
	return b.String()
}

func (a *cueOutliner) deferPhase(out *outlineAction) {
	at := sub(a.path, "deferPhase")
	if !a.has(a.path, "deferPhase") {
		return
	}
	p := a.phase("deferPhase", at, a.find(at))
	p.deferred = true
	out.phases = append(out.phases, p)
}

// phase makes the outline of what stands at the places.
func (a *cueOutliner) phase(name string, path []string, places []place) *outlinePhase {
	p := &outlinePhase{name: name, function: a.text(sub(path, "func")...)}
	v := cueValues{cueOutliner: a, phase: name}
	fn := v.part(places, "func")
	if s, ok := a.firstText(fn); ok && p.function == "" {
		p.function = s
	}
	p.mark = a.nodeMark(firstOf(fn, places), sub(path, "func"))
	p.args = v.fields(v.part(places, "args"), sub(path, "args"))
	if scripted(a.unit.schema(), p.function) {
		for _, f := range v.labels(v.part(places, "output")) {
			p.outputs = append(p.outputs, outlineName{labelText(f.Label), a.nodeMark(f.Label, sub(path, "output", labelText(f.Label)))})
		}
	}
	p.read()
	return p
}

// firstText is the text that one of the places gives literally.
func (a *cueOutliner) firstText(places []place) (string, bool) {
	for _, p := range places {
		if lit, ok := p.value.(*ast.BasicLit); ok {
			if t := (cueValues{cueOutliner: a}).filledText(lit, nil); t != nil {
				return t.literal()
			}
		}
	}
	return "", false
}

// firstOf is the node to name of a phase: its function, or else its name.
func firstOf(function, phase []place) ast.Node {
	switch {
	case len(function) > 0:
		return function[0].value
	case len(phase) > 0:
		return phase[0].label()
	}
	return nil
}

func (a *cueOutliner) artifact(name string) outlineArtifact {
	at := sub(a.path, "outputArtifacts", name)
	out := outlineArtifact{name: name, mark: a.nodeMark(a.labelNode(at...), at)}
	for _, key := range a.given(sub(at, "keyValue")...) {
		path := sub(at, "keyValue", key)
		out.keys = append(out.keys, outlineName{key, a.nodeMark(a.labelNode(path...), path)})
	}
	return out
}

// nodeMark adds findings at a node; at the action if it is out of sight.
func (a *cueOutliner) nodeMark(n ast.Node, path []string) mark {
	if n == nil {
		n = a.labelNode(a.path...)
	}
	return func(f Finding) { a.addAt(n, path, f) }
}
