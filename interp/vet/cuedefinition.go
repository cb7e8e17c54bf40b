package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema/suggest"
)

// definitionUses checks what a blueprint gives to definitions of the author's own. CUE takes
// a required field that is not given for one that is still to come, and a misspelt one whose
// name begins with # for a new one.
func (c *cueChecker) definitionUses() {
	blueprints := c.blueprints()
	for _, f := range c.files {
		ast.Walk(f, func(n ast.Node) bool {
			var e ast.Expr
			switch n := n.(type) {
			case *ast.Field:
				e = n.Value
			case *ast.SelectorExpr:
				e = n.X
			}
			if u := c.definitionUse(e); u != nil {
				u.whole = isField(n)
				u.check(c.nodesAt(e.Pos()), blueprints)
			}
			return true
		}, nil)
	}
}

func isField(n ast.Node) bool {
	_, ok := n.(*ast.Field)
	return ok
}

// A definitionUse is an expression that unifies definitions with what is given to them.
type definitionUse struct {
	*cueChecker
	// definition is the first of them.
	definition ast.Expr
	// fields are all that they have, required those that must be given.
	fields, required []string
	given            []*ast.Field
	// whole says that it is all of a field's value: more may be given elsewhere.
	whole bool
}

// definitionUse is nil for any other expression, and for one with parts that may give
// anything.
func (c *cueChecker) definitionUse(e ast.Expr) *definitionUse {
	u := &definitionUse{cueChecker: c}
	if e == nil || !u.add(e) || u.definition == nil {
		return nil
	}
	return u
}

// add takes the operands apart. It reports whether all of them are understood.
func (u *definitionUse) add(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return u.add(e.X)
	case *ast.BinaryExpr:
		return e.Op == token.AND && u.add(e.X) && u.add(e.Y)
	case *ast.StructLit:
		for _, d := range e.Elts {
			if f, ok := d.(*ast.Field); ok {
				u.given = append(u.given, f)
			}
		}
		return true
	case *ast.Ident, *ast.SelectorExpr:
		return u.addDefinition(e)
	}
	return false
}

// addDefinition adds what a definition has. One of the schema has nothing to ask for.
func (u *definitionUse) addDefinition(e ast.Expr) bool {
	names := chain(e)
	if len(names) == 0 || !isDefinition(names[len(names)-1]) {
		return false
	}
	o := &cueOutliner{cueChecker: u.cueChecker}
	for _, s := range o.literals(e, 0) {
		if u.definitionAround(s) == nil {
			continue
		}
		if u.definition == nil {
			u.definition = e
		}
		for _, f := range o.fieldsIn(s.Elts, 0) {
			name := labelText(f.Label)
			u.fields = append(u.fields, name)
			if f.Constraint == token.NOT {
				u.required = append(u.required, name)
			}
		}
	}
	return true
}

// check reports a misspelt field, or else those that are missing. What stands in a
// definition, or in a field of the author's own, may be completed where it is used.
func (u *definitionUse) check(nodes []ast.Node, blueprints []string) {
	path, exact := exactPath(nodes)
	if len(path) == 0 || !slices.Contains(blueprints, path[0]) || slices.ContainsFunc(path, hidden) {
		return
	}
	name := chain(u.definition)
	called := name[len(name)-1]
	for _, f := range u.given {
		label := labelText(f.Label)
		if u.whole && !isDefinition(label) || slices.Contains(u.fields, label) {
			continue // CUE itself knows, or there is such a field.
		}
		if meant := suggest.Nearest(label, u.fields); meant != "" {
			finding := Finding{Rule: ruleUnknownField, Message: fmt.Sprintf("%s has no field %q", called, label)}
			u.addAt(f.Label, path, finding.hint(label, "fields", u.fields))
			return
		}
	}
	if missing := u.missing(path, exact && u.whole); len(missing) > 0 {
		u.addAt(u.definition, path, Finding{
			Rule:       ruleStructure,
			Message:    fmt.Sprintf("%s needs %s, which is not given", called, strings.Join(missing, ", ")),
			Suggestion: fmt.Sprintf("write %s & {%s: …}", strings.Join(name, "."), missing[0]),
		})
	}
}

// missing lists the required fields that are not given: in the expression, or, if it is all
// that stands at the path, there.
func (u *definitionUse) missing(path []string, exact bool) []string {
	var given []string
	for _, f := range u.given {
		given = append(given, labelText(f.Label))
	}
	return slices.DeleteFunc(slices.Clone(u.required), func(name string) bool {
		return slices.Contains(given, name) || exact && u.gives(path, name)
	})
}

// gives tells whether there is a value for a field at a path.
func (u *definitionUse) gives(path []string, name string) bool {
	v := u.lookup(path...)
	if !v.Exists() || v.IncompleteKind() == cue.BottomKind {
		return true // Something else is wrong with it.
	}
	field := cue.Str(name)
	if isDefinition(name) {
		field = cue.Def(name)
	}
	return v.LookupPath(cue.MakePath(field)).Exists()
}

// exactPath has the names of the fields among the nodes. It is exact if all of them are
// known.
func exactPath(nodes []ast.Node) (path []string, exact bool) {
	exact = true
	for _, n := range nodes {
		switch n := n.(type) {
		case *ast.Field:
			name, _, err := ast.LabelName(unaliased(n.Label))
			exact = exact && err == nil
			path = append(path, name)
		case *ast.Comprehension, *ast.ListLit:
			exact = false
		}
	}
	return path, exact
}
