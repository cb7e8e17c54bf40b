package rbac

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/token"
)

// openConditions makes all phases of a file appear that depend on a condition or on a
// list: the role must do for whatever a run finds. The variables of a list become a text
// in the names of phases, and anything elsewhere.
func openConditions(f *ast.File) {
	astutil.Apply(f, func(c astutil.Cursor) bool {
		if field, ok := c.Node().(*ast.Field); ok && labelOf(field) == "phases" {
			for _, s := range structs(field.Value) {
				s.Elts = opened(s.Elts)
			}
		}
		return true
	}, nil)
}

func labelOf(f *ast.Field) string {
	name, _, err := ast.LabelName(f.Label)
	if err != nil {
		return ""
	}
	return name
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

func opened(decls []ast.Decl) []ast.Decl {
	var all []ast.Decl
	for _, d := range decls {
		branch, ok := d.(*ast.Comprehension)
		if !ok {
			all = append(all, d)
			continue
		}
		body, ok := branch.Value.(*ast.StructLit)
		if !ok {
			continue
		}
		inner := opened(body.Elts)
		release(inner, variablesOf(branch))
		all = append(all, &ast.EmbedDecl{Expr: &ast.StructLit{Elts: inner}})
	}
	return all
}

func variablesOf(branch *ast.Comprehension) map[string]bool {
	names := map[string]bool{}
	for _, clause := range branch.Clauses {
		switch clause := clause.(type) {
		case *ast.ForClause:
			for _, id := range []*ast.Ident{clause.Key, clause.Value} {
				if id != nil {
					names[id.Name] = true
				}
			}
		case *ast.LetClause:
			names[clause.Ident.Name] = true
		}
	}
	return names
}

// release takes the variables out of fields.
func release(decls []ast.Decl, variables map[string]bool) {
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			if label, ok := replace(d.Label, variables, anyText).(ast.Label); ok {
				d.Label = label
			}
			d.Value = replace(d.Value, variables, anything).(ast.Expr)
		case *ast.EmbedDecl:
			if s, ok := d.Expr.(*ast.StructLit); ok {
				release(s.Elts, variables)
			}
		}
	}
}

// replace puts something else in the place of the variables, and of what is selected
// from them.
func replace(n ast.Node, variables map[string]bool, by func(token.Pos) ast.Expr) ast.Node {
	return astutil.Apply(n, func(c astutil.Cursor) bool {
		e, ok := c.Node().(ast.Expr)
		if !ok || !variables[first(e)] || isLabel(c) {
			return true
		}
		c.Replace(by(e.Pos()))
		return false
	}, nil)
}

// first is the name that a reference starts with, or empty.
func first(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return first(e.X)
	case *ast.IndexExpr:
		return first(e.X)
	}
	return ""
}

func isLabel(c astutil.Cursor) bool {
	if c.Parent() == nil {
		return false
	}
	switch parent := c.Parent().Node().(type) {
	case *ast.Field:
		return ast.Node(parent.Label) == c.Node()
	case *ast.SelectorExpr:
		return ast.Node(parent.Sel) == c.Node()
	}
	return false
}

func anyText(pos token.Pos) ast.Expr {
	return &ast.BasicLit{ValuePos: pos, Kind: token.STRING, Value: `"any"`}
}

func anything(pos token.Pos) ast.Expr {
	top := ast.NewIdent("_")
	top.NamePos = pos
	return top
}
