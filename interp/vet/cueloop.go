package vet

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// loopKinds are the kinds of a loop's variables as far as its source says them: top where
// they can be anything.
func (c *cueChecker) loopKinds(loop *ast.ForClause) (key, value cue.Kind) {
	at := c.target(c.pathOf(c.nodesAt(loop.Source.Pos())), loop.Source)
	if at == nil {
		return cue.TopKind, cue.TopKind
	}
	switch c.kindAt(at) {
	case cue.ListKind:
		return cue.IntKind, itemKind(c.lookup(at...))
	case cue.StructKind:
		return cue.StringKind, cue.TopKind
	}
	return cue.TopKind, cue.TopKind
}

// variableKind is the kind of one of a loop's variables.
func (c *cueChecker) variableKind(loop *ast.ForClause, name string) cue.Kind {
	key, value := c.loopKinds(loop)
	switch {
	case loop.Key != nil && loop.Key.Name == name:
		return key
	case loop.Value != nil && loop.Value.Name == name:
		return value
	}
	return cue.TopKind
}

// itemKind is the kind that all items of a list have, or top.
func itemKind(list cue.Value) cue.Kind {
	kind := list.LookupPath(cue.MakePath(cue.AnyIndex)).IncompleteKind()
	items, err := list.List()
	for err == nil && items.Next() {
		kind |= items.Value().IncompleteKind()
	}
	if kind == cue.BottomKind {
		return cue.TopKind
	}
	return kind
}

// kindWith is the kind of an expression with variables as far as it is known.
func (c *cueChecker) kindWith(e ast.Expr, vs variables) cue.Kind {
	switch e := e.(type) {
	case *ast.Interpolation:
		return cue.StringKind
	case *ast.Ident:
		if kind, ok := vs[e.Name]; ok {
			return kind
		}
	case *ast.IndexExpr:
		if at := c.target(c.pathOf(c.nodesAt(e.X.Pos())), e.X); at != nil && indexedBy(e, vs) && c.kindAt(at) == cue.ListKind {
			return itemKind(c.lookup(at...))
		}
	}
	return cue.TopKind
}

// ofKind is an expression in the place of another one, of which it says no more than its
// kind.
func ofKind(e ast.Expr, kind cue.Kind) ast.Expr {
	var known ast.Expr
	switch kind {
	case cue.StringKind:
		known = ast.NewPredeclared("string")
	case cue.IntKind:
		known = ast.NewPredeclared("int")
	case cue.ListKind:
		known = ast.NewList(&ast.Ellipsis{})
	default:
		return anything(e.Pos())
	}
	ast.SetPos(known, e.Pos())
	return inPlaceOf(e, known)
}

// inPlaceOf puts an expression into parentheses that take as much of the file as the one in
// whose place it stands: that is what is reported.
func inPlaceOf(e, other ast.Expr) ast.Expr {
	sp := nodeSpan(e)
	return &ast.ParenExpr{Lparen: e.Pos(), X: other, Rparen: e.Pos().Add(sp.end - sp.start - 1)}
}

// isPart tells whether something is selected from what stands in a node.
func isPart(parent ast.Node) bool {
	switch parent.(type) {
	case *ast.SelectorExpr, *ast.IndexExpr, *ast.SliceExpr:
		return true
	}
	return false
}
