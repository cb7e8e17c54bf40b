package interp

import (
	"errors"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// callChoices writes [if c {x}, y][0], CUE's conditional expression, as
//
//	{choice: or(list.Slice([if c {x}, y], 0, 1))}.choice
//
// in the files of a package and of those it imports. CUE's export of expressions,
// which phases are bound by, mistakes an index into a list that is written out for
// one into any list that the condition reads: with input.statefulSet.pods in c it
// gives the first pod. It does not look into calls in this way.
func callChoices(inst *build.Instance) error {
	var errs []error
	eachPackage(inst, func(inst *build.Instance) { errs = append(errs, callChoicesIn(inst.Files)) })
	return errors.Join(errs...)
}

// eachPackage visits a package and all that it imports.
func eachPackage(inst *build.Instance, f func(*build.Instance)) {
	seen := map[*build.Instance]bool{}
	var visit func(*build.Instance)
	visit = func(inst *build.Instance) {
		if inst == nil || seen[inst] {
			return
		}
		seen[inst] = true
		f(inst)
		for _, dep := range inst.Imports {
			visit(dep)
		}
	}
	visit(inst)
}

// callChoicesIn does so in the files of one package.
func callChoicesIn(files []*ast.File) error {
	found := false
	for _, f := range files {
		if schema.Owns(f.Filename) {
			return nil
		}
		astutil.Apply(f, nil, func(c astutil.Cursor) bool {
			if n, ok := c.Node().(*ast.IndexExpr); ok && isChoice(n) {
				c.Replace(firstOf(n))
				found = true
			}
			return true
		})
	}
	if !found {
		return nil
	}
	// It adds the import.
	return astutil.SanitizeFiles(files)
}

// choiceField is the field that the call stands in.
const choiceField = "choice"

// firstOf is the call for an index.
func firstOf(n *ast.IndexExpr) ast.Expr {
	list := ast.NewIdent("list")
	list.Node = ast.NewImport(nil, "list")
	slice := &ast.SelectorExpr{X: list, Sel: ast.NewIdent("Slice")}
	first := ast.NewCall(slice, n.X, ast.NewLit(token.INT, "0"), ast.NewLit(token.INT, "1"))
	or := ast.NewCall(ast.NewIdent("or"), first)
	ast.SetPos(or, n.Pos())
	// The field round it makes an error of what is missing: in a string CUE prints
	// nothing for the or of that.
	return &ast.SelectorExpr{X: ast.NewStruct(choiceField, or), Sel: ast.NewIdent(choiceField)}
}

func isChoice(n *ast.IndexExpr) bool {
	index, ok := n.Index.(*ast.BasicLit)
	if !ok || index.Value != "0" {
		return false
	}
	list, ok := unparen(n.X).(*ast.ListLit)
	if !ok {
		return false
	}
	for _, e := range list.Elts {
		if _, ok := e.(*ast.Comprehension); ok {
			return true
		}
	}
	return false
}
