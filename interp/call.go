package interp

import (
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// runnable is the package as a run evaluates it. It differs from what was loaded only
// where a definition is called: (#Fn & {in: x}).out becomes
//
//	{_rescue_call: #Fn & {in: x}, _rescue_call.out}
//
// and a let of #Fn & {in: x} becomes a hidden field. CUE's export of expressions, which
// phases are bound by, mistakes what is selected from a struct without a name for the
// field of the definition itself, as if it had been called with nothing.
func (b *Blueprint) runnable() (cue.Value, error) {
	if b.again == nil {
		return b.root, nil
	}
	inst, err := b.again()
	if err == nil {
		err = callChoices(inst)
	}
	if err != nil {
		return cue.Value{}, located(err)
	}
	eachPackage(inst, func(inst *build.Instance) {
		for _, f := range inst.Files {
			if !schema.Owns(f.Filename) {
				nameCalls(f)
			}
		}
	})
	return b.ctx.BuildInstance(inst), nil
}

// hasCalls says whether a package, or one that it imports, calls a definition.
func hasCalls(inst *build.Instance) bool {
	found := false
	eachPackage(inst, func(inst *build.Instance) {
		for _, f := range inst.Files {
			if found || schema.Owns(f.Filename) {
				return
			}
			ast.Walk(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					found = found || isCall(unparen(n.X))
				case *ast.IndexExpr:
					found = found || isCall(unparen(n.X))
				case *ast.LetClause:
					found = found || isCall(unparen(n.Expr))
				}
				return !found
			}, nil)
		}
	})
	return found
}

// nameCalls gives names to the calls of a file.
func nameCalls(f *ast.File) {
	calls := map[*ast.StructLit]*ast.EmbedDecl{}
	lets := map[*ast.LetClause]*ast.Field{}
	astutil.Apply(f, func(c astutil.Cursor) bool {
		if s, ok := c.Node().(*ast.StructLit); ok {
			nameLets(s, lets)
		}
		return true
	}, func(c astutil.Cursor) bool {
		switch n := c.Node().(type) {
		case *ast.SelectorExpr:
			if s := selected(n.X, calls, func(x ast.Expr) ast.Expr { n.X = x; return n }); s != nil {
				c.Replace(s)
			}
		case *ast.IndexExpr:
			if s := selected(n.X, calls, func(x ast.Expr) ast.Expr { n.X = x; return n }); s != nil {
				c.Replace(s)
			}
		}
		return true
	})
	if len(lets) > 0 {
		renameLets(f, lets)
	}
}

// callField is the field that a call stands in.
const callField = "_rescue_call"

// selected is the struct for a selection from a call, or from the struct of one. on
// makes the selection from something else.
func selected(from ast.Expr, calls map[*ast.StructLit]*ast.EmbedDecl, on func(ast.Expr) ast.Expr) *ast.StructLit {
	if s, ok := from.(*ast.StructLit); ok && calls[s] != nil {
		calls[s].Expr = on(calls[s].Expr)
		return s
	}
	call := unparen(from)
	if !isCall(call) {
		return nil
	}
	field := &ast.Field{Label: ast.NewIdent(callField), Value: call}
	name := ast.NewIdent(callField)
	name.Node = call
	ast.SetPos(name, from.Pos())
	embed := &ast.EmbedDecl{Expr: on(name)}
	s := &ast.StructLit{Elts: []ast.Decl{field, embed}}
	name.Scope = s
	calls[s] = embed
	return s
}

// isCall says whether an expression unifies a definition, or some other struct that has
// a name, with what is written there. What is unified with the input are only defaults.
func isCall(e ast.Expr) bool {
	operands := operandsOf(e)
	if len(operands) < 2 {
		return false
	}
	literal := false
	for _, o := range operands {
		if _, ok := o.(*ast.StructLit); ok {
			literal = true
		} else if rootName(o) == "" || rootName(o) == "input" {
			return false
		}
	}
	return literal
}

// operandsOf takes a & b & c apart.
func operandsOf(e ast.Expr) []ast.Expr {
	if b, ok := unparen(e).(*ast.BinaryExpr); ok && b.Op == token.AND {
		return append(operandsOf(b.X), operandsOf(b.Y)...)
	}
	return []ast.Expr{unparen(e)}
}

// rootName is the a of a.b.c, and empty for what is no reference.
func rootName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return rootName(e.X)
	default:
		return ""
	}
}

// nameLets makes hidden fields of the lets of a struct that are calls.
func nameLets(s *ast.StructLit, lets map[*ast.LetClause]*ast.Field) {
	for i, d := range s.Elts {
		let, ok := d.(*ast.LetClause)
		if !ok || !isCall(unparen(let.Expr)) {
			continue
		}
		name := fmt.Sprintf("%s_%d_%s", callField, len(lets), let.Ident.Name)
		field := &ast.Field{Label: ast.NewIdent(name), Value: let.Expr}
		lets[let], s.Elts[i] = field, field
	}
}

// renameLets makes all that reads such a let read the field.
func renameLets(f *ast.File, lets map[*ast.LetClause]*ast.Field) {
	ast.Walk(f, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if let, ok := id.Node.(*ast.LetClause); ok && lets[let] != nil {
			field := lets[let]
			id.Name, id.Node = field.Label.(*ast.Ident).Name, field.Value
		}
		return true
	}, nil)
}
