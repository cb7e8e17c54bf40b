package vet

import (
	"maps"
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/token"
)

// branches checks phases that CUE has not looked at, because they stand in an `if`
// or `for` over what only a run knows. Each is evaluated on its own, as if its
// condition held and with any value for its variables.
func (c *cueChecker) branches() {
	c.openLists()
	for _, field := range c.blueprints() {
		for _, action := range c.given(field, "actions") {
			path := []string{field, "actions", action, "phases"}
			known := c.given(path...)
			for _, p := range locate(c.files, path) {
				for _, s := range structs(p.value) {
					c.openBranches(s, known)
				}
			}
		}
	}
}

// structs lists the struct literals that an expression unifies.
func structs(e ast.Expr) []*ast.StructLit {
	switch e := e.(type) {
	case *ast.StructLit:
		return []*ast.StructLit{e}
	case *ast.BinaryExpr:
		return append(structs(e.X), structs(e.Y)...)
	case *ast.ParenExpr:
		return structs(e.X)
	}
	return nil
}

// openBranches evaluates the comprehensions among the declarations that have not
// been: none of the known phases comes from them.
func (c *cueChecker) openBranches(s *ast.StructLit, known []string) {
	written := slices.Clone(s.Elts)
	for i, d := range written {
		branch, ok := d.(*ast.Comprehension)
		if !ok {
			continue
		}
		body, ok := branch.Value.(*ast.StructLit)
		if !ok || taken(body, known, written) {
			continue
		}
		s.Elts = slices.Clone(written)
		s.Elts[i] = &ast.EmbedDecl{Expr: unbound(branch, body, map[string]bool{})}
		c.evaluate()
	}
	s.Elts = written
}

// taken tells whether the body has given some of the known phases.
func taken(body *ast.StructLit, known []string, written []ast.Decl) bool {
	for _, d := range body.Elts {
		f, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		if slices.ContainsFunc(known, func(name string) bool {
			match := matchLabel(f.Label, name)
			return match == labelExact || match == labelComputed && !hasField(written, name)
		}) {
			return true
		}
	}
	return false
}

// hasField tells whether one of the declarations, or of those inside of their
// comprehensions, gives a field this name literally.
func hasField(decls []ast.Decl, name string) bool {
	return slices.ContainsFunc(decls, func(d ast.Decl) bool {
		switch d := d.(type) {
		case *ast.Field:
			return matchLabel(d.Label, name) == labelExact
		case *ast.Comprehension:
			body, ok := d.Value.(*ast.StructLit)
			return ok && hasField(body.Elts, name)
		}
		return false
	})
}

// unbound is the body with its variables, and those of the branches around it, replaced:
// by text where they make the name of a field, and by what says nothing elsewhere. It stays
// the same struct: names that are defined in it refer to it.
func unbound(branch *ast.Comprehension, body *ast.StructLit, around map[string]bool) *ast.StructLit {
	variables := maps.Clone(around)
	addVariables(variables, branch)
	var decls []ast.Decl
	openItems(body, variables)
	for _, d := range body.Elts {
		if let, ok := d.(*ast.LetClause); ok && isVariable(let.Expr, variables) {
			variables[let.Ident.Name] = true
			continue
		}
		decls = append(decls, unboundDecl(d, variables))
	}
	body.Elts = append(decls, reads(branch, variables)...)
	return body
}

// addVariables adds those of a branch's own clauses.
func addVariables(variables map[string]bool, branch *ast.Comprehension) {
	for _, clause := range branch.Clauses {
		switch clause := clause.(type) {
		case *ast.ForClause:
			for _, id := range []*ast.Ident{clause.Key, clause.Value} {
				if id != nil {
					variables[id.Name] = true
				}
			}
		case *ast.LetClause:
			variables[clause.Ident.Name] = true
		}
	}
}

// isVariable tells what is nothing but one of the variables, or a part of it.
func isVariable(e ast.Expr, variables map[string]bool) bool {
	names := chain(e)
	return names != nil && variables[names[0]]
}

// unboundDecl is a declaration without the variables.
func unboundDecl(d ast.Decl, variables map[string]bool) ast.Decl {
	switch d := d.(type) {
	case *ast.Field:
		switch d.Label.(type) {
		case *ast.Interpolation, *ast.ParenExpr:
			d.Label = substitute(d.Label, variables, exampleText).(ast.Label)
		}
		d.Value = substitute(d.Value, variables, anything).(ast.Expr)
	case *ast.LetClause:
		by := anything
		if _, text := d.Expr.(*ast.Interpolation); text {
			by = exampleText // It may make the name of a field.
		}
		d.Expr = substitute(d.Expr, variables, by).(ast.Expr)
	case *ast.EmbedDecl:
		d.Expr = substitute(d.Expr, variables, anything).(ast.Expr)
	case *ast.Comprehension:
		if body, ok := d.Value.(*ast.StructLit); ok {
			return &ast.EmbedDecl{Expr: unbound(d, body, variables)}
		}
	}
	return d
}

// reads is a hidden field, if one is needed, that names the `let`s that the clauses of a
// branch read, and is never evaluated: CUE takes a `let` that nothing reads for a mistake.
func reads(branch *ast.Comprehension, variables map[string]bool) []ast.Decl {
	names := &ast.ListLit{}
	for _, clause := range branch.Clauses {
		ast.Walk(clause, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && isLet(id) && !variables[id.Name] {
				names.Elts = append(names.Elts, &ast.Ident{NamePos: id.NamePos, Name: id.Name, Scope: id.Scope, Node: id.Node})
			}
			return true
		}, nil)
	}
	if len(names.Elts) == 0 {
		return nil
	}
	never := &ast.Comprehension{
		Clauses: []ast.Clause{&ast.IfClause{Condition: ast.NewBool(false)}},
		Value:   &ast.StructLit{Elts: []ast.Decl{&ast.EmbedDecl{Expr: names}}},
	}
	return []ast.Decl{&ast.Field{Label: ast.NewIdent("_reads"), Value: ast.NewList(never)}}
}

func isLet(id *ast.Ident) bool {
	switch id.Node.(type) {
	case *ast.LetClause, *ast.Alias:
		return true
	}
	return false
}

// substitute replaces what starts at one of the variables.
func substitute(n ast.Node, variables map[string]bool, by func(token.Pos) ast.Expr) ast.Node {
	return astutil.Apply(n, func(c astutil.Cursor) bool {
		e, ok := c.Node().(ast.Expr)
		if !ok {
			return true
		}
		switch c.Node().(type) {
		case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		default:
			return true
		}
		names := chain(e)
		switch {
		case names != nil && variables[names[0]] && !isLabel(c):
			c.Replace(standIn(c, by)(e.Pos()))
			return false
		case indexedBy(e, variables):
			c.Replace(besides(standIn(c, by)(e.Pos()), e.(*ast.IndexExpr).X))
			return false
		}
		return true
	}, nil)
}

// standIn is what makes the expression at the cursor: an operand is one that is not known
// yet, since CUE calculates with _ and finds that it cannot.
func standIn(c astutil.Cursor, by func(token.Pos) ast.Expr) func(token.Pos) ast.Expr {
	if c.Parent() == nil {
		return by
	}
	switch parent := c.Parent().Node().(type) {
	case *ast.BinaryExpr:
		if parent.Op == token.AND || parent.Op == token.OR {
			return by
		}
		return unknown
	case *ast.UnaryExpr, *ast.IfClause, *ast.CallExpr:
		return unknown
	}
	return by
}

// unknown is an expression that CUE takes for one that is still to come.
func unknown(pos token.Pos) ast.Expr {
	const name = "known"
	optional := &ast.Field{Label: ast.NewIdent(name), Constraint: token.OPTION, Value: anything(pos)}
	return &ast.SelectorExpr{X: &ast.StructLit{Lbrace: pos, Elts: []ast.Decl{optional}}, Sel: ast.NewIdent(name)}
}

// besides is an expression that reads another one to no effect, in case that is a `let`.
func besides(e, other ast.Expr) ast.Expr {
	return &ast.IndexExpr{X: ast.NewList(e, other), Index: ast.NewLit(token.INT, "0")}
}

// indexedBy tells whether one of the variables chooses what the expression is.
func indexedBy(e ast.Expr, variables map[string]bool) bool {
	index, ok := e.(*ast.IndexExpr)
	if !ok {
		return false
	}
	found := false
	ast.Walk(index.Index, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && variables[id.Name]
		return !found
	}, nil)
	return found
}

// isLabel tells names of fields from references.
func isLabel(c astutil.Cursor) bool {
	if c.Parent() == nil {
		return false
	}
	f, ok := c.Parent().Node().(*ast.Field)
	return ok && ast.Node(f.Label) == c.Node()
}

func exampleText(pos token.Pos) ast.Expr {
	return &ast.BasicLit{ValuePos: pos, Kind: token.STRING, Value: `"x"`}
}

func anything(pos token.Pos) ast.Expr {
	top := ast.NewPredeclared("_")
	top.NamePos = pos
	return top
}
