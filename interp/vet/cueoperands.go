package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// operands finds calculations and comparisons whose two sides do not go together, such as
// a text and a number. CUE says so only when it knows both values, which is in a run.
func (c *cueChecker) operands() {
	for _, f := range c.files {
		var around []*ast.Field
		ast.Walk(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				around = append(around, n)
			case *ast.BinaryExpr:
				return !c.mismatched(n, fieldPath(around))
			case *ast.IfClause:
				c.condition(n.Condition, fieldPath(around))
			}
			return true
		}, func(n ast.Node) {
			if _, ok := n.(*ast.Field); ok {
				around = around[:len(around)-1]
			}
		})
	}
}

// fieldPath has the names of the fields, those that are known.
func fieldPath(fields []*ast.Field) []string {
	var path []string
	for _, f := range fields {
		if name, _, err := ast.LabelName(unaliased(f.Label)); err == nil {
			path = append(path, name)
		}
	}
	return path
}

func (c *cueChecker) mismatched(e *ast.BinaryExpr, path []string) bool {
	fitting := fittingKinds(e.Op)
	if fitting == nil {
		return false
	}
	x, y := c.operandKind(e.X, path), c.operandKind(e.Y, path)
	for _, pair := range fitting {
		if x&pair[0] != 0 && y&pair[1] != 0 {
			return false
		}
	}
	f := Finding{Rule: valueRule(path), Message: fmt.Sprintf("%s %s %s: the two sides do not go together", kindText(x), e.Op, kindText(y))}
	text, number := x|y == cue.StringKind|cue.NumberKind || x|y == cue.StringKind|cue.IntKind, x&cue.NumberKind != 0
	switch {
	case text && e.Op == token.ADD:
		f.Suggestion = `a number becomes text in "\(…)"; text becomes a number by strconv.Atoi`
	case text && (number || y&cue.NumberKind != 0):
		f.Suggestion = "text becomes a number by strconv.Atoi"
	}
	c.addAt(e, path, f)
	return true
}

// condition finds an `if` over what is neither true nor false, such as an option, which is a
// text.
func (c *cueChecker) condition(e ast.Expr, path []string) {
	kind := c.operandKind(e, path)
	if kind&cue.BoolKind != 0 {
		return
	}
	f := Finding{Rule: valueRule(path), Message: fmt.Sprintf("the condition is %s, not true or false", kindText(kind)), Expected: "bool", Found: kindText(kind)}
	if kind == cue.StringKind && chain(e) != nil {
		f.Suggestion = fmt.Sprintf("compare it: if %s == \"true\"", strings.Join(chain(e), "."))
	}
	c.addAt(e, path, f)
}

// fittingKinds lists the kinds that an operator takes on its two sides; nil for one that
// is not looked at.
func fittingKinds(op token.Token) [][2]cue.Kind {
	numbers, texts, bytes := [2]cue.Kind{cue.NumberKind, cue.NumberKind}, [2]cue.Kind{cue.StringKind, cue.StringKind}, [2]cue.Kind{cue.BytesKind, cue.BytesKind}
	switch op {
	case token.ADD, token.LSS, token.GTR, token.LEQ, token.GEQ:
		return [][2]cue.Kind{numbers, texts, bytes}
	case token.EQL, token.NEQ:
		null := [2]cue.Kind{cue.NullKind, cue.TopKind}
		return [][2]cue.Kind{
			numbers, texts, bytes, null, {cue.TopKind, cue.NullKind}, {cue.BoolKind, cue.BoolKind},
			{cue.StructKind, cue.StructKind}, {cue.ListKind, cue.ListKind},
		}
	case token.SUB, token.QUO:
		return [][2]cue.Kind{numbers}
	case token.MUL:
		repeated := cue.StringKind | cue.BytesKind
		return [][2]cue.Kind{numbers, {repeated, cue.IntKind}, {cue.IntKind, repeated}}
	}
	return nil
}

// operandKind is the kind of an operand as far as the source and its types say it.
func (c *cueChecker) operandKind(e ast.Expr, path []string) cue.Kind {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return c.operandKind(e.X, path)
	case *ast.Interpolation:
		return cue.StringKind
	case *ast.BasicLit:
		return kindOfLiteral(e)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		if loop := loopOf(e); loop != nil {
			return c.variableKind(loop, e.(*ast.Ident).Name)
		}
		if target := c.target(path, e); target != nil {
			return c.kindAt(target)
		}
	}
	return cue.TopKind
}

// kindAt is the kind of what stands at a path, or will.
func (c *cueChecker) kindAt(path []string) cue.Kind {
	v := c.lookup(path...)
	if n := len(path); !v.Exists() {
		v = c.lookup(path[:n-1]...).LookupPath(cue.MakePath(cue.AnyString))
	}
	if kind := v.IncompleteKind(); v.Exists() && kind != cue.BottomKind {
		return kind
	}
	return cue.TopKind
}

func kindOfLiteral(lit *ast.BasicLit) cue.Kind {
	switch lit.Kind {
	case token.STRING:
		if lit.Value[0] == '\'' {
			return cue.BytesKind
		}
		return cue.StringKind
	case token.INT:
		return cue.IntKind
	case token.FLOAT:
		return cue.FloatKind
	case token.TRUE, token.FALSE:
		return cue.BoolKind
	case token.NULL:
		return cue.NullKind
	}
	return cue.TopKind
}

// loopOf is the loop that an expression is a variable of, or nil.
func loopOf(e ast.Expr) *ast.ForClause {
	id, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	loop, _ := id.Scope.(*ast.ForClause)
	return loop
}

// badClause handles the clause of a comprehension in which CUE cannot calculate.
func (c *cueChecker) badClause(m mistake) bool {
	if !strings.HasPrefix(m.text, "invalid operands ") {
		return false
	}
	nodes := c.nodesAt(m.pos)
	var innermost *ast.BinaryExpr
	for _, n := range slices.Backward(nodes) {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if innermost == nil && n.Pos() == m.pos {
				innermost = n
			}
		case ast.Clause:
			return innermost != nil && c.mismatched(innermost, m.path) && c.blankReference(nodes, innermost)
		case *ast.StructLit:
			return false
		}
	}
	return false
}
