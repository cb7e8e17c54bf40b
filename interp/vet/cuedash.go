package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// dashed handles a name with a dash that is written without quotes, phases.dump-db.output:
// CUE reads a subtraction.
func (c *cueChecker) dashed(nodes []ast.Node, path []string) bool {
	minus := outerSubtraction(nodes)
	if minus == nil {
		return false
	}
	names, rest := chain(leftmost(minus)), subtracted(minus)
	if len(names) == 0 || rest == nil {
		return false
	}
	begin := names[len(names)-1] + "-" + rest.Name
	owner := path[:max(0, len(path)-1)]
	if len(names) > 1 {
		owner = c.whereWritten(path, names[:len(names)-1])
	}
	fields := c.fieldsAround(owner, len(names) > 1)
	i := slices.IndexFunc(fields, func(f string) bool { return f == begin || strings.HasPrefix(f, begin+"-") })
	if i < 0 {
		return false
	}
	rule := ruleUnknownReference
	if slices.Contains(owner, "phases") || len(names) > 1 && names[len(names)-2] == "phases" {
		rule = ruleUnknownPhase
	}
	around := strings.Join(names[:len(names)-1], ".")
	if around == "" {
		around = "phases"
	}
	c.addAt(minus, path, Finding{
		Rule:       rule,
		Message:    fmt.Sprintf("a name with a dash needs quotes: this subtracts %s from %s", rest.Name, strings.Join(names, ".")),
		Suggestion: fmt.Sprintf("write %s[%q]", around, fields[i]),
	})
	c.settleNames(minus)
	return replace(c.files, minus)
}

// settleNames keeps the names in an expression from being reported, too.
func (c *cueChecker) settleNames(e ast.Expr) {
	ast.Walk(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			c.settled[id.Pos().String()] = true
		}
		return true
	}, nil)
}

// whereWritten is resolve by what is written: while a name is not defined, CUE has no
// values at all.
func (c *cueChecker) whereWritten(path, names []string) []string {
	o := &cueOutliner{cueChecker: c, path: path}
	for n := len(path); n >= 0; n-- {
		if at := sub(path[:n], names...); len(o.find(at)) > 0 {
			return at
		}
	}
	return nil
}

// fieldsAround lists the fields that are written in what stands at a path, or else also
// in what is around it.
func (c *cueChecker) fieldsAround(path []string, exactly bool) []string {
	o := &cueOutliner{cueChecker: c, path: path}
	var names []string
	for n := len(path); n > 0; n-- {
		for _, f := range o.written(path[:n]) {
			names = append(names, labelText(f.Label))
		}
		if exactly {
			break
		}
	}
	return names
}

// outerSubtraction is the outermost of the subtractions that end the nodes, or nil.
func outerSubtraction(nodes []ast.Node) *ast.BinaryExpr {
	var outer *ast.BinaryExpr
	for _, n := range nodes {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.SUB && outer == nil {
				outer = n
			}
		case *ast.SelectorExpr, *ast.IndexExpr, *ast.Ident:
		default:
			outer = nil
		}
	}
	return outer
}

// leftmost is what a chain of subtractions begins with.
func leftmost(e ast.Expr) ast.Expr {
	for {
		b, ok := e.(*ast.BinaryExpr)
		if !ok {
			return e
		}
		e = b.X
	}
}

// subtracted is the name that is taken away first, or nil.
func subtracted(e *ast.BinaryExpr) *ast.Ident {
	for {
		x, ok := e.X.(*ast.BinaryExpr)
		if !ok {
			return firstIdent(e.Y)
		}
		e = x
	}
}
