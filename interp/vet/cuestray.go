package vet

import (
	"fmt"
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// strayFields finds what belongs into a phase and stands behind it among the phases, as in
//
//	phases: {
//		dump: func: "KubeTask"
//		args: {…}
//	}
//
// CUE takes it for a phase of its own, with no function and fields that no phase has. Put
// where it belongs, it is checked like all others.
func (c *cueChecker) strayFields() {
	for _, f := range c.files {
		ast.Walk(f, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && matchLabel(field.Label, "phases") == labelExact {
				for _, s := range structs(field.Value) {
					c.strayIn(s)
				}
			}
			return true
		}, nil)
	}
}

func (c *cueChecker) strayIn(phases *ast.StructLit) {
	var phase *ast.Field
	phases.Elts = slices.DeleteFunc(slices.Clone(phases.Elts), func(d ast.Decl) bool {
		f, ok := d.(*ast.Field)
		if !ok {
			return false
		}
		if phase == nil || !strayBehind(phase, f) {
			phase = f
			return false
		}
		name, of := labelText(f.Label), labelText(phase.Label)
		c.addAt(f.Label, c.pathOf(c.nodesAt(f.Label.Pos())), Finding{
			Rule:       ruleStructure,
			Message:    fmt.Sprintf("%q stands beside the phase %q, and belongs into it", name, of),
			Suggestion: fmt.Sprintf("write %s: {…, %s: …}", of, name),
		})
		phase.Value = &ast.BinaryExpr{X: phase.Value, Op: token.AND, OpPos: f.Pos(), Y: &ast.StructLit{Lbrace: f.Pos(), Elts: []ast.Decl{f}, Rbrace: f.End()}}
		return true
	})
}

// strayBehind tells whether a field is one of those of a phase, is no phase itself, and is
// missing in the phase before it.
func strayBehind(phase, f *ast.Field) bool {
	name := labelText(f.Label)
	if _, literal := phase.Value.(*ast.StructLit); !literal && !isConjunction(phase.Value) || !slices.Contains(phaseFields, name) {
		return false
	}
	for _, s := range structs(phase.Value) {
		if len(fieldsNamed(s, name)) > 0 {
			return false
		}
	}
	switch value := f.Value.(type) {
	case *ast.BasicLit, *ast.ListLit:
		return true
	case *ast.StructLit:
		return len(value.Elts) > 0 && !slices.ContainsFunc(value.Elts, isOfPhase)
	}
	return false
}

func isConjunction(e ast.Expr) bool {
	and, ok := e.(*ast.BinaryExpr)
	return ok && and.Op == token.AND
}

// isOfPhase tells declarations that make a struct a phase, or that could bring along what does.
func isOfPhase(d ast.Decl) bool {
	f, ok := d.(*ast.Field)
	return !ok || slices.Contains(phaseFields, labelText(f.Label))
}
