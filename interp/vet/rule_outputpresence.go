package vet

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// outputPresence finds conditions on phases that ask whether an output is there. CUE
// answers at once, before any phase has run, that it is not: the answer never changes.
func (c *cueChecker) outputPresence(field string) {
	c.phaseBranches(field, func(branch *ast.Comprehension, action []string) {
		for _, clause := range branch.Clauses {
			if clause, ok := clause.(*ast.IfClause); ok {
				c.askedForPresence(clause.Condition, action)
			}
		}
	})
}

func (c *cueChecker) askedForPresence(condition ast.Expr, action []string) {
	ast.Walk(condition, func(n ast.Node) bool {
		e, ok := n.(*ast.BinaryExpr)
		if !ok {
			return true
		}
		if output := askedPresence(e); output != "" {
			c.addAt(e, sub(action, "phases"), Finding{
				Rule:       ruleOutputPresence,
				Message:    fmt.Sprintf("whether %s is there is decided before any phase has run, so this never changes", output),
				Suggestion: "an output that is declared always arrives: compare its value",
			})
		}
		return true
	}, nil)
}

// askedPresence is the output that an expression compares with _|_, or "".
func askedPresence(e *ast.BinaryExpr) string {
	if !asksPresence(e) {
		return ""
	}
	asked := e.X
	if isBottom(asked) {
		asked = e.Y
	}
	names := chain(asked)
	if len(names) > 0 && names[0] == "phases" {
		names = names[1:]
	}
	if len(names) < 3 || names[1] != "output" || names[0] == "input" {
		return ""
	}
	return strings.Join(names, ".")
}

// asksPresence tells whether an expression compares something with _|_.
func asksPresence(e *ast.BinaryExpr) bool {
	return (e.Op == token.NEQ || e.Op == token.EQL) && (isBottom(e.X) || isBottom(e.Y))
}

func isBottom(e ast.Expr) bool {
	_, bottom := e.(*ast.BottomLit)
	return bottom
}
