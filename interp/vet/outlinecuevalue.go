package vet

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
)

// cueValues reads values of one phase.
type cueValues struct {
	*cueOutliner
	phase string
	depth int
}

// part lists the places of a field below some places.
func (v cueValues) part(places []place, name string) []place {
	var all []place
	for _, p := range places {
		all = append(all, v.findIn(p.value, []string{name})...)
	}
	return all
}

// labels lists the fields of the structs at the places.
func (v cueValues) labels(places []place) []*ast.Field {
	var all []*ast.Field
	for _, p := range places {
		all = append(all, v.fieldsOf(p.value, 0)...)
	}
	return all
}

func (v cueValues) fields(places []place, path []string) []outlineField {
	var all []outlineField
	for _, f := range v.labels(places) {
		name := labelText(f.Label)
		at := sub(path, name)
		all = append(all, outlineField{name, v.nodeMark(f.Label, at), v.value(f.Value, at)})
	}
	return all
}

// value reads an expression as far as the source says what it is.
func (v cueValues) value(e ast.Expr, path []string) *outlineValue {
	if v.depth++; v.depth > maxDescent {
		return &outlineValue{}
	}
	switch e := e.(type) {
	case *ast.StructLit:
		return &outlineValue{fields: v.fields([]place{{nil, e}}, path)}
	case *ast.ListLit:
		out := &outlineValue{}
		for i, item := range e.Elts {
			out.items = append(out.items, v.value(item, sub(path, strconv.Itoa(i))))
		}
		return out
	case *ast.ParenExpr:
		return v.value(e.X, path)
	case *ast.BasicLit, *ast.Interpolation, *ast.BinaryExpr:
		return &outlineValue{text: v.filledText(e, path)}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return v.reference(e, path)
	}
	return &outlineValue{}
}

// reference reads what an expression refers to: a value of the run, or what another
// field has.
func (v cueValues) reference(e ast.Expr, path []string) *outlineValue {
	if r := v.ref(e, v.phase); r != nil {
		return &outlineValue{text: v.filledText(e, path)}
	}
	_, value, rest := v.definition(e)
	if len(rest) > 0 {
		if places := v.findIn(e, nil); len(places) > 0 {
			value, rest = places[0].value, nil
		}
	}
	if text := v.keptTemplate(e); text != nil {
		return &outlineValue{text: text}
	}
	if value == nil || len(rest) > 0 {
		return &outlineValue{}
	}
	return v.value(value, path)
}

// keptTemplate reads a field that a template fills: _script: string @gotmpl("…").
func (v cueValues) keptTemplate(e ast.Expr) *filledText {
	id, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	// The name resolves to what the field has, which is the type alone.
	if typ, ok := id.Node.(*ast.Ident); !ok || typ.Name != "string" {
		return nil
	}
	field := v.fieldOfValue(id)
	if field == nil {
		return nil
	}
	for _, attr := range field.Attrs {
		text, ok := templateOf(attr)
		if !ok {
			continue
		}
		use, err := compat.TemplateRefs(text)
		if err != nil {
			return nil
		}
		return &filledText{
			forms:  templateForms(text, use),
			report: func(_, _ int, f Finding) { v.addAt(attr, nil, f) },
		}
	}
	return nil
}

// filledText reads an expression that gives text; nil if the source does not say which.
func (v cueValues) filledText(e ast.Expr, path []string) *filledText {
	src := v.pkg.source(e.Pos())
	if src == nil {
		return nil
	}
	form := &trial{}
	if !v.write(form, e) {
		return nil
	}
	return &filledText{
		forms: []*trial{form},
		report: func(start, end int, f Finding) {
			f.Path = blueprintPath(path)
			v.add(src.at(span{start, end}, f))
		},
	}
}

// write adds what an expression gives. It reports whether that is text.
func (v cueValues) write(t *trial, e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return v.write(t, e.X)
	case *ast.BinaryExpr:
		return e.Op == token.ADD && v.write(t, e.X) && v.write(t, e.Y)
	case *ast.BasicLit:
		return quoted{t, e.Value}.whole(e)
	case *ast.Interpolation:
		return v.interpolation(t, e)
	}
	v.fill(t, e)
	return true
}

// fill adds the place of a value that the run puts in.
func (v cueValues) fill(t *trial, e ast.Expr) {
	value := &filledValue{start: e.Pos().Offset(), end: e.End().Offset(), open: v.ref(e, v.phase) == nil}
	value.refs = v.readsIn(e, v.phase)
	for _, r := range value.refs {
		value.names = append(value.names, r.String())
	}
	ast.Walk(e, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			value.calls = append(value.calls, strings.Join(chain(call.Fun), "."))
		}
		return true
	}, nil)
	t.fill(value)
}
