package vet

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/token"
)

// A place is where the user's CUE gives a value to a path.
type place struct {
	// field is nil for an item of a list.
	field *ast.Field
	value ast.Expr
}

// label is the span of the field's name, or of the value where there is none.
func (p place) label() ast.Node {
	if p.field != nil {
		return p.field.Label
	}
	return p.value
}

// maxDescent bounds the way through references, which may lead in circles.
const maxDescent = 64

// maxFollowed bounds how many references are followed for one path: where several lead in
// circles, each of them would double the way.
const maxFollowed = 1000

// locate lists the places in the user's files that give a value to path: fields
// whose names match first, then those whose names are computed.
func locate(files []*ast.File, path []string) []place {
	if len(path) == 0 {
		return nil
	}
	var l locator
	for _, f := range files {
		l.decls(f.Decls, path, true, 0)
	}
	return append(l.exact, l.computed...)
}

type locator struct {
	exact, computed []place
	// followed counts the references on the way.
	followed int
	// follow tells where a selection of another package's or value's field is
	// defined; nil: they are not followed.
	follow func(ast.Expr) (decls []ast.Decl, value ast.Expr, rest []string)
}

func (l *locator) decls(decls []ast.Decl, path []string, exact bool, depth int) {
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			l.field(d, path, exact, depth)
		case *ast.EmbedDecl:
			l.expr(d.Expr, path, exact, depth)
		case *ast.Comprehension:
			l.expr(d.Value, path, exact, depth)
		}
	}
}

func (l *locator) field(f *ast.Field, path []string, exact bool, depth int) {
	switch matchLabel(f.Label, path[0]) {
	case labelOther:
		return
	case labelComputed:
		exact = false
	}
	if len(path) == 1 {
		l.add(place{f, f.Value}, exact)
		return
	}
	l.expr(f.Value, path[1:], exact, depth+1)
}

func (l *locator) add(p place, exact bool) {
	if exact {
		l.exact = append(l.exact, p)
	} else {
		l.computed = append(l.computed, p)
	}
}

func (l *locator) expr(e ast.Expr, path []string, exact bool, depth int) {
	if depth > maxDescent {
		return
	}
	depth++
	switch e := e.(type) {
	case *ast.StructLit:
		l.decls(e.Elts, path, exact, depth)
	case *ast.BinaryExpr:
		l.expr(e.X, path, exact, depth)
		l.expr(e.Y, path, exact, depth)
	case *ast.ParenExpr:
		l.expr(e.X, path, exact, depth)
	case *ast.UnaryExpr:
		l.expr(e.X, path, exact, depth)
	case *ast.CallExpr:
		for _, arg := range e.Args {
			l.expr(arg, path, exact, depth)
		}
	case *ast.ListLit:
		l.item(e, path, exact, depth)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		if l.followed++; l.followed <= maxFollowed {
			l.elsewhere(e, path, exact, depth)
		}
	}
}

// elsewhere goes on where what a name stands for is defined.
func (l *locator) elsewhere(e ast.Expr, path []string, exact bool, depth int) {
	if id, ok := e.(*ast.Ident); ok {
		l.reference(id, path, exact, depth)
		return
	}
	l.selection(e, path, exact, depth)
}

// selection goes on where what is selected is defined, if that is asked for.
func (l *locator) selection(e ast.Expr, path []string, exact bool, depth int) {
	if l.follow == nil {
		return
	}
	decls, value, rest := l.follow(e)
	path = sub(rest, path...)
	switch {
	case len(path) == 0:
	case value != nil:
		l.expr(value, path, exact, depth)
	default:
		l.decls(decls, path, exact, depth)
	}
}

func (l *locator) item(list *ast.ListLit, path []string, exact bool, depth int) {
	i, err := strconv.Atoi(path[0])
	if err != nil || i >= len(list.Elts) {
		return
	}
	for _, e := range list.Elts[:i+1] {
		if _, computed := e.(*ast.Comprehension); computed {
			return
		}
	}
	if len(path) == 1 {
		l.add(place{nil, list.Elts[i]}, exact)
		return
	}
	l.expr(list.Elts[i], path[1:], exact, depth)
}

// reference goes on where a name of the same package is defined.
func (l *locator) reference(id *ast.Ident, path []string, exact bool, depth int) {
	switch n := id.Node.(type) {
	case *ast.Field:
		l.expr(n.Value, path, exact, depth)
	case *ast.LetClause:
		l.expr(n.Expr, path, exact, depth)
	case *ast.Alias:
		l.expr(n.Expr, path, exact, depth)
	case ast.Expr:
		l.expr(n, path, exact, depth)
	}
}

type labelMatch int

const (
	labelOther labelMatch = iota
	labelExact
	labelComputed
)

func matchLabel(label ast.Label, name string) labelMatch {
	if alias, ok := label.(*ast.Alias); ok {
		if inner, ok := alias.Expr.(ast.Label); ok {
			label = inner
		}
	}
	text, _, err := ast.LabelName(label)
	switch {
	case err == nil && text == name:
		return labelExact
	case err == nil:
		return labelOther
	}
	if i, ok := label.(*ast.Interpolation); ok && !fits(i, name) {
		return labelOther
	}
	return labelComputed
}

// fits tells whether a name begins and ends as the interpolation does.
func fits(i *ast.Interpolation, name string) bool {
	first, ok := i.Elts[0].(*ast.BasicLit)
	last, ok2 := i.Elts[len(i.Elts)-1].(*ast.BasicLit)
	if !ok || !ok2 || !strings.HasPrefix(first.Value, `"`) || strings.HasPrefix(first.Value, `"""`) {
		return true
	}
	prefix := strings.TrimSuffix(first.Value[1:], `\(`)
	suffix := strings.TrimSuffix(strings.TrimPrefix(last.Value, ")"), `"`)
	return strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix)
}

// enclosing lists the nodes of f that contain pos, the outermost first.
func enclosing(f *ast.File, pos token.Pos) []ast.Node {
	var nodes []ast.Node
	offset := pos.Offset()
	ast.Walk(f, func(n ast.Node) bool {
		from, to := n.Pos(), n.End()
		if n == ast.Node(f) {
			return true
		}
		if !from.IsValid() || !to.IsValid() || offset < from.Offset() || offset >= to.Offset() {
			return false
		}
		nodes = append(nodes, n)
		return true
	}, nil)
	return nodes
}

// replace puts an expression that says nothing in the place of target, so that the
// mistake in it neither hides others nor causes more.
func replace(files []*ast.File, target ast.Expr) bool {
	top := ast.NewPredeclared("_")
	top.NamePos = target.Pos()
	return replaceBy(files, target, top)
}

func replaceBy(files []*ast.File, target, by ast.Expr) bool {
	done := false
	for _, f := range files {
		astutil.Apply(f, func(c astutil.Cursor) bool {
			if _, fixed := c.Node().(*ast.ImportSpec); done || fixed {
				return false
			}
			if c.Node() != ast.Node(target) && !hasTextPart(c.Node(), target) {
				return true
			}
			c.Replace(by)
			done = true
			return false
		}, nil)
		if done {
			return true
		}
	}
	return false
}

// hasTextPart tells whether a node is an interpolation and part is one of the pieces of
// text that it is made of: they cannot be replaced by themselves.
func hasTextPart(n ast.Node, part ast.Expr) bool {
	i, ok := n.(*ast.Interpolation)
	if !ok {
		return false
	}
	for n, e := range i.Elts {
		if n%2 == 0 && e == part {
			return true
		}
	}
	return false
}

// nodeSpan is the part of the file that n takes.
func nodeSpan(n ast.Node) span {
	sp := span{n.Pos().Offset(), n.End().Offset()}
	if id, ok := n.(*ast.Ident); ok {
		sp.end = sp.start + len(id.Name)
	}
	if lit, ok := n.(*ast.BasicLit); ok {
		sp.end = sp.start + len(lit.Value)
	}
	return sp
}

// pathText writes a path the way CUE would, without the quotes of plain names.
func pathText(path []string) string {
	return strings.Join(path, ".")
}

// unquotePath gives the plain names of a path that CUE reported.
func unquotePath(path []string) []string {
	plain := make([]string, len(path))
	for i, p := range path {
		plain[i] = p
		if strings.HasPrefix(p, `"`) {
			if s, err := strconv.Unquote(p); err == nil {
				plain[i] = s
			}
		}
	}
	return plain
}

// removeField takes a field out of its struct.
func removeField(files []*ast.File, field *ast.Field) bool { return removeDecl(files, field) }

// removeDecl takes a declaration out of its struct.
func removeDecl(files []*ast.File, decl ast.Decl) bool {
	done := false
	for _, f := range files {
		astutil.Apply(f, func(c astutil.Cursor) bool {
			if !done && c.Node() == ast.Node(decl) {
				c.Delete()
				done = true
				return false
			}
			return !done
		}, nil)
	}
	return done
}

// fieldOfValue is the field whose value a name resolves to.
func (c *cueChecker) fieldOfValue(id *ast.Ident) *ast.Field {
	var found *ast.Field
	for _, f := range c.files {
		ast.Walk(f, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && id.Node != nil && ast.Node(field.Value) == id.Node {
				found = field
			}
			return found == nil
		}, nil)
	}
	return found
}
