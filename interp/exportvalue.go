package interp

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"github.com/rescuecue/rescue/compat"
)

// value exports a value: structs and lists as they are, all else as expressions.
func (x *exporter) value(v cue.Value) *compat.ExportValue {
	out := &compat.ExportValue{Place: valuePlace(v), Comments: x.notes.of(v)}
	switch kind := v.IncompleteKind(); {
	case (kind == cue.StructKind || kind == cue.BottomKind) && hasPlainFields(v):
		x.structure(v, nil, out)
	case kind == cue.StructKind:
		s, _ := x.syntax(v)
		x.structure(v, s, out)
	case kind == cue.BottomKind:
		x.unknownKind(v, out)
	case kind == cue.ListKind:
		x.list(v, out)
	default:
		out.Expr = x.scalar(v)
	}
	return out
}

// unknownKind exports what has no kind for CUE yet: also a struct or list whose
// fields or elements depend on a run.
func (x *exporter) unknownKind(v cue.Value, out *compat.ExportValue) {
	s, err := x.syntax(v)
	switch {
	case err == nil && len(s.elements()) > 0:
		x.structure(v, s, out)
	case err == nil && len(s.listComprehensions()) > 0:
		x.list(v, out)
	default:
		out.Expr = x.scalar(v)
	}
}

func (x *exporter) scalar(v cue.Value) compat.Expr {
	e, err := x.expression(v)
	if err != nil {
		x.unsupported(v, "%s: %v", valueName(v), err)
		return compat.TextExpr("")
	}
	return e
}

// valueName says which value of the blueprint is meant.
func valueName(v cue.Value) string {
	sel := v.Path().Selectors()
	return cue.MakePath(sel[min(1, len(sel)):]...).String()
}

// hasPlainFields says whether all fields of a struct are written out, so that
// nothing in it can depend on a run.
func hasPlainFields(v cue.Value) bool {
	op, parts := v.Expr()
	if op != cue.AndOp {
		parts = []cue.Value{v}
	}
	for _, p := range parts {
		if id, ok := written(p).(*ast.Ident); ok && isType(id.Name) {
			continue
		}
		st, ok := written(cue.Dereference(p)).(*ast.StructLit)
		if !ok || slices.ContainsFunc(st.Elts, openElement) {
			return false
		}
	}
	return true
}

// written is the expression that a value was written as.
func written(v cue.Value) ast.Node {
	if f, ok := v.Source().(*ast.Field); ok {
		return f.Value
	}
	return v.Source()
}

// openElement says whether an element of a struct is more than a field.
func openElement(e ast.Decl) bool {
	switch e := e.(type) {
	case *ast.Field:
		return computedLabel(e) != nil
	case *ast.Ellipsis, *ast.LetClause, *ast.CommentGroup, *ast.Attribute:
		return false
	}
	return true
}

// structure exports a struct. Its syntax is nil where all its fields are written
// out, or where CUE cannot write it.
func (x *exporter) structure(v cue.Value, s *selfContained, out *compat.ExportValue) {
	out.Fields = []*compat.ExportField{}
	x.undecided(v, s, "which fields there are depends on what is only known in a run; a template cannot add one")
	var fields []namedValue
	each(v, func(name string, f cue.Value) { fields = append(fields, namedValue{name, f, userPos(f)}) })
	inSourceOrder(fields)
	for _, f := range fields {
		value := x.value(f.value)
		out.Fields = append(out.Fields, &compat.ExportField{Key: compat.TextExpr(f.name), Comments: value.Comments, Value: value})
	}
	for _, f := range x.computedFields(v, s) {
		if !slices.ContainsFunc(out.Fields, func(known *compat.ExportField) bool { return known.Key == f.Key }) {
			out.Fields = append(out.Fields, f)
		}
	}
}

// inSourceOrder sorts fields that are written in one file.
func inSourceOrder(fields []namedValue) {
	for _, f := range fields {
		if f.pos.Filename() != fields[0].pos.Filename() {
			return
		}
	}
	slices.SortStableFunc(fields, func(a, b namedValue) int { return a.pos.Offset() - b.pos.Offset() })
}

func (x *exporter) list(v cue.Value, out *compat.ExportValue) {
	out.Items = []*compat.ExportValue{}
	it, err := v.List()
	if err == nil {
		x.undecidedItems(v)
		for it.Next() {
			out.Items = append(out.Items, x.value(it.Value()))
		}
		return
	}
	x.unsupported(v, "%s: which elements there are depends on what is only known in a run; a template makes text, not lists", valueName(v))
}

// undecided reports the comprehensions of a struct that depend on a run: CUE has
// left them out.
func (x *exporter) undecided(v cue.Value, s *selfContained, why string) {
	if s == nil {
		return
	}
	var all []*ast.Comprehension
	for _, e := range s.elements() {
		if c, ok := e.node.(*ast.Comprehension); ok {
			all = append(all, c)
		}
	}
	for i, c := range all {
		if s.dependsOnRun(c) {
			at := x.notes.comprehension(v, i, len(all))
			x.errs = append(x.errs, at.Errorf("%s: %s: %s", valueName(v), clauseText(c), why))
		}
	}
}

// undecidedItems does so for the elements of a list.
func (x *exporter) undecidedItems(v cue.Value) {
	s, err := x.syntax(v)
	if err != nil {
		return
	}
	for _, c := range s.listComprehensions() {
		if s.dependsOnRun(c) {
			x.unsupported(v, "%s: %s: which elements there are depends on what is only known in a run; a template makes text, not lists",
				valueName(v), clauseText(c))
		}
	}
}

// computedFields are those whose names are expressions.
func (x *exporter) computedFields(v cue.Value, s *selfContained) []*compat.ExportField {
	if s == nil {
		return nil
	}
	var fields []*compat.ExportField
	for _, e := range s.elements() {
		f, ok := e.node.(*ast.Field)
		if !ok {
			continue
		}
		label := computedLabel(f)
		if label == nil || !s.runTime(label, e.scope) {
			continue
		}
		key, err := s.expr(label, e.scope)
		if err != nil {
			x.unsupported(v, "%s: a computed name: %v", valueName(v), err)
			continue
		}
		value, err := s.tree(f.Value, e.scope, valuePlace(v))
		if err != nil {
			x.unsupported(v, "%s: %v", valueName(v), err)
			continue
		}
		fields = append(fields, &compat.ExportField{Key: key, Value: value})
	}
	return fields
}

func computedLabel(f *ast.Field) ast.Expr {
	switch label := f.Label.(type) {
	case *ast.ParenExpr:
		return label.X
	case *ast.Interpolation:
		return label
	}
	return nil
}
