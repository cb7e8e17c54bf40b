package vet

import (
	"testing"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

// Definitions of two packages can lead to each other in circles, several at each turn: that
// must not double the way each time. Without a bound, this test does not end.
func TestLocateInCircles(t *testing.T) {
	value, err := parser.ParseExpr("circle.cue", `a.phases & a.phases & {load: 1}`)
	if err != nil {
		t.Fatal(err)
	}
	l := locator{follow: func(ast.Expr) ([]ast.Decl, ast.Expr, []string) { return nil, value, []string{"phases"} }}
	l.expr(value, []string{"load"}, true, 0)
	if len(l.exact) != 1 {
		t.Errorf("found %d places of the field, want the one that is there", len(l.exact))
	}
}
