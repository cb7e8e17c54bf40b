package interp

import (
	"errors"
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
)

// unify looks for the one value among the constraints.
func (s *selfContained) unify(parts []ast.Expr, sc *scope) (compat.Expr, error) {
	var values, defaults []compat.Expr
	problem := errors.New("a value that nothing sets")
	for _, p := range parts {
		if s.isConstraint(p, sc, 0) {
			continue
		}
		e, err := s.expr(p, sc)
		switch {
		case err != nil:
			problem = err
		case s.hasDefault(p):
			defaults = append(defaults, e)
		default:
			values = append(values, e)
		}
	}
	switch {
	case len(values) == 1:
		return values[0], nil
	case len(values) > 1:
		return oneValue(values)
	case len(defaults) > 0 && !errors.As(problem, new(unknownName)):
		return defaults[0], nil
	}
	return nil, problem
}

func oneValue(values []compat.Expr) (compat.Expr, error) {
	for _, v := range values[1:] {
		if fmt.Sprint(v) != fmt.Sprint(values[0]) {
			return nil, errors.New("two values that must be equal, which a template cannot demand")
		}
	}
	return values[0], nil
}

func (s *selfContained) hasDefault(n ast.Expr) bool {
	b, ok := unparen(n).(*ast.BinaryExpr)
	return ok && b.Op == token.OR
}

func unparen(n ast.Expr) ast.Expr {
	for {
		p, ok := n.(*ast.ParenExpr)
		if !ok {
			return n
		}
		n = p.X
	}
}

// isConstraint tells what limits a value from what is one.
func (s *selfContained) isConstraint(n ast.Expr, sc *scope, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch n := n.(type) {
	case *ast.ParenExpr:
		return s.isConstraint(n.X, sc, depth+1)
	case *ast.Ident, *ast.SelectorExpr:
		if id, ok := n.(*ast.Ident); ok && isType(id.Name) {
			return true
		}
		r, err := s.resolve(n, sc)
		lit, ok := r.(litRef)
		return err == nil && ok && lit.node != n && s.isConstraint(lit.node, lit.scope, depth+1)
	case *ast.StructLit:
		for _, e := range n.Elts {
			if embed, ok := e.(*ast.EmbedDecl); ok && !s.isConstraint(embed.Expr, &scope{outer: sc, fields: n}, depth+1) {
				return false
			}
		}
		return true
	case *ast.UnaryExpr:
		return n.Op != token.NOT && n.Op != token.SUB && n.Op != token.MUL && n.Op != token.ADD
	case *ast.BinaryExpr:
		switch n.Op {
		case token.OR:
			return defaultOf(n) == nil
		case token.AND:
			return s.isConstraint(n.X, sc, depth+1) && s.isConstraint(n.Y, sc, depth+1)
		}
	case *ast.CallExpr:
		return constraintCall(callName(n, s.imports))
	case *ast.ListLit:
		return isOpenList(n)
	}
	return false
}

// constraintCall says whether a call limits a value.
func constraintCall(name string) bool {
	switch name {
	case "error", "time.Duration", "time.Time", "matchN", "matchIf":
		return true
	}
	_, f, _ := strings.Cut(name, ".")
	return strings.HasPrefix(f, "Min") || strings.HasPrefix(f, "Max") || f == "UniqueItems"
}

// defaultOf is the operand of a disjunction that is marked as its default.
func defaultOf(n ast.Expr) ast.Expr {
	switch n := unparen(n).(type) {
	case *ast.BinaryExpr:
		if n.Op == token.OR {
			if d := defaultOf(n.X); d != nil {
				return d
			}
			return defaultOf(n.Y)
		}
	case *ast.UnaryExpr:
		if n.Op == token.MUL {
			return n.X
		}
	}
	return nil
}
