package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
)

// openDefinitions finds definitions of the author's own that a phase, an action or a
// blueprint is made of. They are closed, and what the schema adds does not fit into them:
// CUE says so field by field, everywhere they are used. It opens them, and reports whether
// there were any.
func (c *cueChecker) openDefinitions(list []mistake) bool {
	opened := false
	for _, m := range list {
		n := len(m.path)
		if n < 2 || !strings.HasSuffix(m.text, "field not allowed") || len(locate(c.files, m.path)) > 0 {
			continue
		}
		what, typ := schemaType(m.path[:n-1])
		if what != "" {
			opened = c.openDefinition(m.path[:n-1], what, typ) || opened
		}
	}
	return opened
}

// schemaType says what stands at a path, and by which definition of the schema.
func schemaType(path []string) (what, typ string) {
	n := len(path)
	switch {
	case path[n-1] == "deferPhase", n >= 2 && path[n-2] == "phases":
		return "phase", "#Phase"
	case n >= 2 && path[n-2] == "actions":
		return "action", "#Action"
	case n == 1:
		return "blueprint", "#Blueprint"
	}
	return "", ""
}

// openDefinition reports the definition that closes what stands at the path, and opens all
// literals that it is made of.
func (c *cueChecker) openDefinition(path []string, what, typ string) bool {
	closed := c.closedBy(path)
	if closed == nil || !closed.open() {
		return false
	}
	c.addAt(closed.definition.Label, c.pathOf(c.nodesAt(closed.definition.Label.Pos())), Finding{
		Rule:       ruleClosedDefinition,
		Message:    fmt.Sprintf("%s is closed: what every %s has, such as its name, does not fit beside its fields", closed.name, what),
		Suggestion: fmt.Sprintf("write %s: schema.%s & {…}", closed.name, typ),
	})
	return true
}

// A closedValue is made of definitions of the author's own.
type closedValue struct {
	// definition is the first of them, and name what it is called.
	definition *ast.Field
	name       string
	// literals are the structs in them; fields are their fields.
	literals []*ast.StructLit
	fields   []string
}

// closedBy finds the definitions that what stands at a path is made of; nil if it is made
// of none.
func (c *cueChecker) closedBy(path []string) *closedValue {
	a := &cueOutliner{cueChecker: c, path: path}
	v := &closedValue{}
	for _, p := range a.find(path) {
		for _, s := range a.literals(p.value, 0) {
			definition := c.definitionAround(s)
			if definition == nil {
				continue
			}
			if v.definition == nil {
				v.definition = definition
			}
			v.literals = append(v.literals, s)
			for _, f := range a.fieldsIn(s.Elts, 0) {
				v.fields = append(v.fields, labelText(f.Label))
			}
		}
	}
	if v.definition == nil {
		return nil
	}
	v.name, _, _ = ast.LabelName(unaliased(v.definition.Label))
	return v
}

// open lets the structs take further fields. It reports whether one of them did not
// already.
func (v *closedValue) open() bool {
	opened := false
	for _, s := range v.literals {
		if !slices.ContainsFunc(s.Elts, isEllipsis) {
			s.Elts, opened = append(s.Elts, &ast.Ellipsis{}), true
		}
	}
	return opened
}

func isEllipsis(d ast.Decl) bool {
	_, ok := d.(*ast.Ellipsis)
	return ok
}

// literals lists the structs that an expression is made of, wherever they are defined.
func (a *cueOutliner) literals(e ast.Expr, depth int) []*ast.StructLit {
	if depth > maxDescent {
		return nil
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return a.literals(e.X, depth+1)
	case *ast.BinaryExpr:
		return append(a.literals(e.X, depth+1), a.literals(e.Y, depth+1)...)
	case *ast.StructLit:
		all := []*ast.StructLit{e}
		for _, d := range e.Elts {
			if embedded, ok := d.(*ast.EmbedDecl); ok {
				all = append(a.literals(embedded.Expr, depth+1), all...)
			}
		}
		return all
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return a.literalsOf(e, depth)
	}
	return nil
}

// literalsOf lists those that a reference leads to.
func (a *cueOutliner) literalsOf(e ast.Expr, depth int) []*ast.StructLit {
	decls, value, rest := a.definition(e)
	if value != nil && len(rest) == 0 {
		return a.literals(value, depth+1)
	}
	l := locator{follow: a.definition}
	switch {
	case len(rest) == 0:
		return nil
	case value != nil:
		l.expr(value, rest, true, 0)
	default:
		l.decls(decls, rest, true, 0)
	}
	var all []*ast.StructLit
	for _, p := range append(l.exact, l.computed...) {
		all = append(all, a.literals(p.value, depth+1)...)
	}
	return all
}

// definitionAround is the innermost definition that a node stands in, or nil.
func (c *cueChecker) definitionAround(n ast.Node) *ast.Field {
	nodes := c.nodesAt(n.Pos())
	for i := len(nodes) - 1; i >= 0; i-- {
		f, ok := nodes[i].(*ast.Field)
		if !ok {
			continue
		}
		if name, _, err := ast.LabelName(unaliased(f.Label)); err == nil && strings.HasPrefix(name, "#") {
			return f
		}
	}
	return nil
}
