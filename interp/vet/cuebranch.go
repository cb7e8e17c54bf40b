package vet

import (
	"maps"
	"slices"

	"cuelang.org/go/cue"
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
		s.Elts[i] = &ast.EmbedDecl{Expr: c.unbound(branch, body, variables{})}
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

// variables are those of branches, with the kinds of what they stand for as far as that is
// known.
type variables map[string]cue.Kind

// has tells whether there is a variable of that name.
func (vs variables) has(name string) bool {
	_, ok := vs[name]
	return ok
}

// unbound is the body with its variables, and those of the branches around it, replaced:
// by text where they make the name of a field, and by what says no more than their kind
// elsewhere. It stays the same struct: names that are defined in it refer to it.
func (c *cueChecker) unbound(branch *ast.Comprehension, body *ast.StructLit, around variables) *ast.StructLit {
	vs := maps.Clone(around)
	c.addVariables(vs, branch)
	var decls []ast.Decl
	c.openItems(body, vs)
	for _, d := range body.Elts {
		if let, ok := d.(*ast.LetClause); ok && isVariable(let.Expr, vs) {
			vs[let.Ident.Name] = c.kindWith(let.Expr, vs)
			continue
		}
		decls = append(decls, c.unboundDecl(d, vs))
	}
	body.Elts = append(decls, reads(branch, vs)...)
	return body
}

// addVariables adds those of a branch's own clauses.
func (c *cueChecker) addVariables(vs variables, branch *ast.Comprehension) {
	for _, clause := range branch.Clauses {
		switch clause := clause.(type) {
		case *ast.ForClause:
			for _, id := range []*ast.Ident{clause.Key, clause.Value} {
				if id != nil {
					vs[id.Name] = c.variableKind(clause, id.Name)
				}
			}
		case *ast.LetClause:
			vs[clause.Ident.Name] = c.kindWith(clause.Expr, vs)
		}
	}
}

// isVariable tells what is nothing but one of the variables, or a part of it.
func isVariable(e ast.Expr, vs variables) bool {
	names := chain(e)
	return names != nil && vs.has(names[0])
}

// unboundDecl is a declaration without the variables.
func (c *cueChecker) unboundDecl(d ast.Decl, vs variables) ast.Decl {
	switch d := d.(type) {
	case *ast.Field:
		switch d.Label.(type) {
		case *ast.Interpolation, *ast.ParenExpr:
			d.Label = c.substitute(d.Label, vs, exampleText).(ast.Label)
		}
		d.Value = c.substitute(d.Value, vs, nil).(ast.Expr)
	case *ast.LetClause:
		var by func(token.Pos) ast.Expr
		if _, text := d.Expr.(*ast.Interpolation); text {
			by = exampleText // It may make the name of a field.
		}
		d.Expr = c.substitute(d.Expr, vs, by).(ast.Expr)
	case *ast.EmbedDecl:
		d.Expr = c.substitute(d.Expr, vs, nil).(ast.Expr)
	case *ast.Comprehension:
		if body, ok := d.Value.(*ast.StructLit); ok {
			return &ast.EmbedDecl{Expr: c.unbound(d, body, vs)}
		}
	}
	return d
}

// reads is a hidden field, if one is needed, that names the `let`s that the clauses of a
// branch read, and is never evaluated: CUE takes a `let` that nothing reads for a mistake.
func reads(branch *ast.Comprehension, vs variables) []ast.Decl {
	names := &ast.ListLit{}
	for _, clause := range branch.Clauses {
		ast.Walk(clause, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && isLet(id) && !vs.has(id.Name) {
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

// substitute replaces what starts at one of the variables: by an expression that is made for
// its place, or else by what is known of it.
func (c *cueChecker) substitute(n ast.Node, vs variables, by func(token.Pos) ast.Expr) ast.Node {
	return astutil.Apply(n, func(at astutil.Cursor) bool {
		e, ok := at.Node().(ast.Expr)
		if !ok {
			return true
		}
		switch e.(type) {
		case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		default:
			return true
		}
		indexed := indexedBy(e, vs)
		if !indexed && (!isVariable(e, vs) || isLabel(at)) {
			return true
		}
		other := c.standIn(at, e, vs, by)
		if item, ok := e.(*ast.IndexExpr); ok && indexed {
			other = besides(other, item, c.substitute(item.X, vs, nil).(ast.Expr))
		}
		at.Replace(other)
		return false
	}, nil)
}

// standIn is what makes the expression at the cursor. An operand is one that is not known
// yet, since CUE calculates with _ and finds that it cannot.
func (c *cueChecker) standIn(at astutil.Cursor, e ast.Expr, vs variables, by func(token.Pos) ast.Expr) ast.Expr {
	var parent ast.Node
	if at.Parent() != nil {
		parent = at.Parent().Node()
	}
	switch parent := parent.(type) {
	case *ast.BinaryExpr:
		if parent.Op != token.AND && parent.Op != token.OR {
			return unknown(e.Pos())
		}
	case *ast.UnaryExpr, *ast.IfClause, *ast.CallExpr:
		return unknown(e.Pos())
	}
	switch {
	case by != nil:
		return by(e.Pos())
	case isPart(parent):
		return anything(e.Pos())
	}
	return ofKind(e, c.kindWith(e, vs))
}

// unknown is an expression that CUE takes for one that is still to come, in conditions as
// well: a field whose name is not known.
func unknown(pos token.Pos) ast.Expr {
	name := ast.NewPredeclared("string")
	name.NamePos = pos
	return &ast.IndexExpr{X: &ast.StructLit{Lbrace: pos}, Index: name}
}

// besides stands in the place of an item, and reads what it is an item of to no effect, in
// case that is a `let`.
func besides(e ast.Expr, item *ast.IndexExpr, of ast.Expr) ast.Expr {
	return inPlaceOf(item, &ast.IndexExpr{X: ast.NewList(e, of), Index: ast.NewLit(token.INT, "0")})
}

// indexedBy tells whether one of the variables chooses what the expression is.
func indexedBy(e ast.Expr, vs variables) bool {
	index, ok := e.(*ast.IndexExpr)
	if !ok {
		return false
	}
	found := false
	ast.Walk(index.Index, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && vs.has(id.Name)
		return !found
	}, nil)
	return found
}

// isLabel tells names of fields from references.
func isLabel(at astutil.Cursor) bool {
	if at.Parent() == nil {
		return false
	}
	switch parent := at.Parent().Node().(type) {
	case *ast.Field:
		return ast.Node(parent.Label) == at.Node()
	case *ast.SelectorExpr:
		return ast.Node(parent.Sel) == at.Node()
	}
	return false
}

func exampleText(pos token.Pos) ast.Expr {
	return &ast.BasicLit{ValuePos: pos, Kind: token.STRING, Value: `"x"`}
}

func anything(pos token.Pos) ast.Expr {
	top := ast.NewPredeclared("_")
	top.NamePos = pos
	return top
}
