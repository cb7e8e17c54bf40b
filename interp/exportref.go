package interp

import (
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	cueliteral "cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
)

// maxDepth of references that lead to references; a cycle would have no end.
const maxDepth = 100

// A ref is what a path in an expression leads to: one of the following.
type ref interface{}

type (
	// pathRef leads into the action; its first step is input, phases or deferPhase.
	pathRef struct{ steps []compat.ParamStep }
	// varRef leads into the element of a loop.
	varRef struct {
		name  string
		steps []compat.ParamStep
	}
	// litRef is an expression that stands there.
	litRef struct {
		node  ast.Expr
		scope *scope
		// whole has it and what it is unified with.
		whole bothRef
	}
	// bothRef are several that are unified.
	bothRef []ref
	// templateRef is a Go template that the author has kept.
	templateRef struct{ text string }
)

// resolve follows a path.
func (s *selfContained) resolve(n ast.Expr, sc *scope) (ref, error) {
	switch n := n.(type) {
	case *ast.Ident:
		return s.ident(n, sc)
	case *ast.ParenExpr:
		return s.resolve(n.X, sc)
	case *ast.SelectorExpr:
		base, err := s.resolve(n.X, sc)
		if err != nil {
			return nil, err
		}
		if id, ok := n.Sel.(*ast.Ident); ok && id.Name == "#x" {
			// CUE wraps what is no struct in one.
			return s.unwrap(base), nil
		}
		name, _, err := ast.LabelName(n.Sel)
		if err != nil {
			return nil, err
		}
		return s.selectField(base, name, 0)
	case *ast.IndexExpr:
		base, err := s.resolve(n.X, sc)
		if err != nil {
			return nil, err
		}
		return s.index(base, n.Index, sc)
	}
	return litRef{node: n, scope: sc}, nil
}

// unwrap takes {#x: value} off.
func (s *selfContained) unwrap(r ref) ref {
	lit, ok := r.(litRef)
	if !ok {
		return r
	}
	st, ok := lit.node.(*ast.StructLit)
	if !ok || len(st.Elts) != 1 {
		return r
	}
	if f, ok := st.Elts[0].(*ast.Field); ok {
		return litRef{node: f.Value, scope: lit.scope}
	}
	return r
}

func (s *selfContained) ident(n *ast.Ident, sc *scope) (ref, error) {
	for ; sc != nil; sc = sc.outer {
		switch {
		case sc.vars[n.Name]:
			return varRef{name: n.Name}, nil
		case sc.let != nil && sc.let.Ident.Name == n.Name:
			return litRef{node: sc.let.Expr, scope: sc.outer}, nil
		case sc.fields != nil:
			found := fieldsOf(sc.fields, n.Name)
			if len(found) > 0 && sc.whole != nil {
				return s.selectField(sc.whole, n.Name, 0)
			}
			if len(found) > 0 {
				return litRef{node: found[0], scope: sc}, nil
			}
		}
	}
	let := s.lets[n.Name]
	if let == nil {
		if isType(n.Name) {
			return litRef{node: n}, nil
		}
		return nil, unknownName{n.Name}
	}
	if p, ok := s.x.ownPath(originalPath(let)); ok {
		return p, nil
	}
	if mk, ok := s.x.markers.find(originalPath(let)); ok {
		return s.x.marker(mk), nil
	}
	return litRef{node: let.Expr}, nil
}

// unknownName says that a name stands for something outside of what CUE could
// write as an expression of its own.
type unknownName struct{ name string }

func (e unknownName) Error() string {
	return fmt.Sprintf("%s stands in a struct that has no name of its own: give that struct a name, or write the value in its place", e.name)
}

// ownPath recognises a path into the present action.
func (x *exporter) ownPath(path string) (pathRef, bool) {
	if path == "" {
		return pathRef{}, false
	}
	parsed := cue.ParsePath(path)
	if parsed.Err() != nil {
		return pathRef{}, false
	}
	own, sel := x.plain.Path().Selectors(), parsed.Selectors()
	if len(sel) <= len(own) {
		return pathRef{}, false
	}
	for i, s := range own {
		if sel[i] != s {
			return pathRef{}, false
		}
	}
	var p pathRef
	for _, s := range sel[len(own):] {
		if !s.IsString() {
			return pathRef{}, false
		}
		p.steps = append(p.steps, compat.ParamStep{Name: s.Unquoted()})
	}
	switch p.steps[0].Name {
	case "input", "phases", "deferPhase":
		return p, true
	}
	return pathRef{}, false
}

// marker is the ref that a marker stands for.
func (x *exporter) marker(mk marker) ref {
	if mk.ref.Kind == TemplateRef {
		return templateRef{mk.ref.Template}
	}
	var p pathRef
	for _, s := range mk.at {
		p.steps = append(p.steps, compat.ParamStep{Name: s.Unquoted()})
	}
	return p
}

func (x *exporter) isMarker(let *ast.LetClause) bool {
	_, ok := x.markers.find(originalPath(let))
	return ok
}

// isParameter says whether the path leads to something that is only known in a run.
func (p pathRef) isParameter() bool {
	at := 1
	switch p.steps[0].Name {
	case "input":
		return true
	case "phases":
		at = 2
	}
	if len(p.steps) <= at {
		return false
	}
	switch p.steps[at].Name {
	case "output", "secrets", "configMaps":
		return true
	}
	return false
}

// at looks up a value of the action.
func (x *exporter) at(p pathRef) (cue.Value, bool) {
	return lookup(x.marked, p.steps)
}

func lookup(v cue.Value, steps []compat.ParamStep) (cue.Value, bool) {
	for _, s := range steps {
		sel := cue.Str(s.Name)
		switch i := s.Index.(type) {
		case nil:
		case compat.NumberExpr:
			n, err := strconv.Atoi(string(i))
			if err != nil || n < 0 {
				return cue.Value{}, false
			}
			sel = cue.Index(n)
		default:
			return cue.Value{}, false
		}
		v = v.LookupPath(cue.MakePath(sel))
		if !v.Exists() {
			return cue.Value{}, false
		}
	}
	return v, true
}

func with(steps []compat.ParamStep, next compat.ParamStep) []compat.ParamStep {
	return append(steps[:len(steps):len(steps)], next)
}

// selectField goes on to a field.
func (s *selfContained) selectField(base ref, name string, depth int) (ref, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("references that go round in a circle at %s", name)
	}
	switch r := base.(type) {
	case pathRef:
		return pathRef{with(r.steps, compat.ParamStep{Name: name})}, nil
	case varRef:
		return varRef{r.name, with(r.steps, compat.ParamStep{Name: name})}, nil
	case bothRef:
		var found bothRef
		for _, one := range r {
			if lit, ok := one.(litRef); ok {
				lit.whole = r
				one = lit
			}
			if f, err := s.selectField(one, name, depth+1); err == nil {
				found = append(found, f)
			}
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("there is no field %s", name)
		}
		return single(found), nil
	case litRef:
		return s.selectLiteral(r, name, depth)
	}
	return nil, fmt.Errorf("%s is read of a text", name)
}

func single(refs bothRef) ref {
	if len(refs) == 1 {
		return refs[0]
	}
	return refs
}

func (s *selfContained) selectLiteral(r litRef, name string, depth int) (ref, error) {
	switch n := r.node.(type) {
	case *ast.StructLit:
		return s.selectStruct(n, r, name, depth)
	case *ast.BinaryExpr:
		if isAnd(n) {
			var both bothRef
			for _, part := range conjuncts(n) {
				both = append(both, litRef{node: part, scope: r.scope})
			}
			return s.selectField(both, name, depth+1)
		}
	case *ast.ParenExpr, *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		to, err := s.resolve(n, r.scope)
		if err != nil {
			return nil, err
		}
		if same, ok := to.(litRef); ok && same.node == r.node {
			break
		}
		if lit, ok := to.(litRef); ok && r.whole != nil {
			lit.whole = r.whole
			to = lit
		}
		return s.selectField(to, name, depth+1)
	}
	return nil, fmt.Errorf("%s is read of something that is no struct", name)
}

func (s *selfContained) selectStruct(n *ast.StructLit, r litRef, name string, depth int) (ref, error) {
	inner := &scope{outer: r.scope, fields: n, whole: r.whole}
	var found bothRef
	for _, f := range fieldsOf(n, name) {
		found = append(found, litRef{node: f, scope: inner})
	}
	for _, e := range n.Elts {
		if embed, ok := e.(*ast.EmbedDecl); ok {
			if r, err := s.selectField(litRef{node: embed.Expr, scope: inner, whole: r.whole}, name, depth+1); err == nil {
				found = append(found, r)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no field %s", name)
	}
	return single(found), nil
}

func fieldsOf(n *ast.StructLit, name string) []ast.Expr {
	var found []ast.Expr
	for _, e := range n.Elts {
		if f, ok := e.(*ast.Field); ok {
			if label, _, err := ast.LabelName(f.Label); err == nil && label == name {
				found = append(found, f.Value)
			}
		}
	}
	return found
}

// index goes on to an element or, by a text, to a field.
func (s *selfContained) index(base ref, index ast.Expr, sc *scope) (ref, error) {
	e, err := s.expr(index, sc)
	if err != nil {
		return nil, err
	}
	if name, ok := e.(compat.TextExpr); ok {
		return s.selectField(base, string(name), 0)
	}
	step := compat.ParamStep{Index: e}
	switch r := base.(type) {
	case pathRef:
		return pathRef{with(r.steps, step)}, nil
	case varRef:
		return varRef{r.name, with(r.steps, step)}, nil
	case litRef:
		return s.element(r, e)
	}
	return nil, fmt.Errorf("an index into something that is no list")
}

// element of a list that is written out.
func (s *selfContained) element(r litRef, index compat.Expr) (ref, error) {
	list, sc, ok := s.listLiteral(r)
	number, isNumber := index.(compat.NumberExpr)
	if !ok || !isNumber {
		return nil, fmt.Errorf("an index into something that is no list")
	}
	i, err := strconv.Atoi(string(number))
	if err != nil || i < 0 || i >= len(list.Elts) {
		return nil, fmt.Errorf("the list has no element %s", number)
	}
	for _, e := range list.Elts[:i+1] {
		if _, ok := e.(*ast.Comprehension); ok {
			return nil, errNotFirst
		}
	}
	return litRef{node: list.Elts[i], scope: sc}, nil
}

var errNotFirst = fmt.Errorf("an element of a list with if or for in it: only [if …, …][0] has a counterpart in a template")

// listLiteral finds the list that a ref stands for.
func (s *selfContained) listLiteral(r litRef) (*ast.ListLit, *scope, bool) {
	for range maxDepth {
		switch n := r.node.(type) {
		case *ast.ListLit:
			return n, r.scope, true
		case *ast.ParenExpr:
			r.node = n.X
		case *ast.BinaryExpr:
			for _, part := range conjuncts(n) {
				if list, ok := part.(*ast.ListLit); ok && isAnd(n) && !isOpenList(list) {
					return list, r.scope, true
				}
			}
			return nil, nil, false
		case *ast.Ident, *ast.SelectorExpr:
			to, err := s.resolve(n, r.scope)
			next, ok := to.(litRef)
			if err != nil || !ok || next.node == r.node {
				return nil, nil, false
			}
			r = next
		default:
			return nil, nil, false
		}
	}
	return nil, nil, false
}

func isOpenList(l *ast.ListLit) bool {
	if len(l.Elts) != 1 {
		return false
	}
	_, ok := l.Elts[0].(*ast.Ellipsis)
	return ok
}

func isAnd(n *ast.BinaryExpr) bool { return n.Op == token.AND }

// conjuncts of a unification.
func conjuncts(n ast.Expr) []ast.Expr {
	switch n := n.(type) {
	case *ast.ParenExpr:
		return conjuncts(n.X)
	case *ast.BinaryExpr:
		if isAnd(n) {
			return append(conjuncts(n.X), conjuncts(n.Y)...)
		}
	}
	return []ast.Expr{n}
}

func isType(name string) bool {
	switch strings.TrimPrefix(name, "__") {
	case "string", "int", "float", "number", "bool", "bytes", "_", "null",
		"uint", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64":
		return true
	}
	return false
}

func unquote(text string) (string, error) { return cueliteral.Unquote(text) }
