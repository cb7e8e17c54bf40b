package vet

import (
	"fmt"
	"regexp"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
)

// noPart is what CUE says of a selection from what has no parts.
var noPart = regexp.MustCompile(`^invalid operand (.+) \(found (\S+), want list or struct\)$`)

// partOfNone handles a selection from a text or a number, such as pods[0].name.
func (c *cueChecker) partOfNone(m mistake) bool {
	said := noPart.FindStringSubmatch(m.text)
	nodes := c.nodesAt(m.pos)
	operand, part, whole := selectionFrom(nodes, said[1])
	if part == nil {
		return c.wrongValue(m)
	}
	rule := ruleUnknownReference
	if id := firstIdent(operand); id != nil && id.Name == "input" {
		rule = ruleUnknownInput
	}
	c.addAt(part, m.path, Finding{Rule: rule, Message: fmt.Sprintf("%s is a %s, which has no parts", said[1], said[2])})
	return c.blankReference(nodes, whole)
}

// selectionFrom finds, among the nodes around a place, the selection from the operand that
// has that text, its part, and the longest expression that it begins.
func selectionFrom(nodes []ast.Node, text string) (operand ast.Expr, part ast.Node, whole ast.Expr) {
	for _, n := range nodes {
		var x ast.Expr
		var sel ast.Node
		switch n := n.(type) {
		case *ast.SelectorExpr:
			x, sel = n.X, n.Sel
		case *ast.IndexExpr:
			x, sel = n.X, n.Index
		default:
			whole = nil
			continue
		}
		if whole == nil {
			whole = n.(ast.Expr)
		}
		if src, err := format.Node(x); err == nil && string(src) == text {
			return x, sel, whole
		}
	}
	return nil, nil, nil
}

// isNumbered tells what CUE says of a field whose name is a number.
func isNumbered(m mistake) bool { return strings.HasPrefix(m.text, "integer fields not supported") }

// numberedField handles a field whose name is a number, as a loop over a list makes it of
// the place of an item.
func (c *cueChecker) numberedField(m mistake) bool {
	nodes := c.nodesAt(m.pos)
	for i := len(nodes) - 1; i >= 0; i-- {
		f, ok := nodes[i].(*ast.Field)
		if !ok || !within(m.pos, f.Label) {
			continue
		}
		finding := Finding{Rule: ruleStructure, Message: "the name of a field is a text, and this is a number"}
		if label, ok := f.Label.(*ast.ParenExpr); ok {
			if src, err := format.Node(label.X); err == nil {
				finding.Suggestion = fmt.Sprintf(`write "\(%s)"`, src)
			}
		}
		c.addAt(f.Label, m.path, finding)
		f.Label = asText(f.Label)
		return true
	}
	return c.wrongValue(m)
}

// asText is the name that was meant, of which each item of a loop has its own.
func asText(label ast.Label) ast.Label {
	number, ok := label.(*ast.ParenExpr)
	if !ok {
		return exampleText(label.Pos()).(ast.Label)
	}
	return &ast.Interpolation{Elts: []ast.Expr{
		&ast.BasicLit{ValuePos: label.Pos(), Kind: token.STRING, Value: `"\(`}, number.X,
		&ast.BasicLit{ValuePos: number.Rparen, Kind: token.STRING, Value: `)"`},
	}}
}
