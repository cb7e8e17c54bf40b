package vet

import (
	"cuelang.org/go/cue/ast"
)

// openStruct warns of a blueprint that embeds its definition instead of unifying with
// it: CUE takes any other field beside what is embedded, so that a misspelt one is not
// found.
func (c *cueChecker) openStruct(field string) {
	for _, p := range locate(c.files, []string{field}) {
		if unifies(p.value) {
			return
		}
	}
	for _, p := range locate(c.files, []string{field}) {
		for _, s := range structs(p.value) {
			if e := embedded(s); e != nil {
				c.addAt(e, []string{field}, Finding{
					Rule:       ruleOpenStruct,
					Message:    "embedding opens the definition: any field may stand beside it, so a misspelt one is not found",
					Suggestion: "write " + field + ": schema.#Blueprint & {…}",
				})
				return
			}
		}
	}
}

// unifies tells whether an expression unifies with something that is defined
// elsewhere.
func unifies(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return unifies(e.X) || unifies(e.Y)
	case *ast.ParenExpr:
		return unifies(e.X)
	case *ast.SelectorExpr, *ast.Ident:
		return chain(e) != nil
	}
	return false
}

// embedded is the first reference that a struct embeds, or nil.
func embedded(s *ast.StructLit) ast.Expr {
	for _, d := range s.Elts {
		if e, ok := d.(*ast.EmbedDecl); ok && chain(e.Expr) != nil {
			return e.Expr
		}
	}
	return nil
}
