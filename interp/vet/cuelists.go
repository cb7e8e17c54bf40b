package vet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
)

// openLists checks what the comprehensions of lists make whose source only a run knows:
// CUE takes such a source for an empty list, and does not look at them. Each is evaluated
// as one item, with any value for its variables.
func (c *cueChecker) openLists() {
	opened := false
	for _, f := range c.files {
		ast.Walk(f, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if ok && c.opensLists(field) {
				opened = true
			}
			return true
		}, nil)
	}
	if opened {
		c.evaluate()
	}
}

// opensLists opens the list that is a field's value. It reports whether there was
// anything to open.
func (c *cueChecker) opensLists(field *ast.Field) bool {
	list, ok := field.Value.(*ast.ListLit)
	if !ok {
		return false
	}
	opened := false
	for i, e := range list.Elts {
		branch, ok := e.(*ast.Comprehension)
		if ok && c.ofTheRun(branch) {
			list.Elts[i], opened = c.item(branch, variables{}), true
		}
	}
	return opened
}

// ofTheRun tells whether a comprehension goes through something that only a run knows.
func (c *cueChecker) ofTheRun(branch *ast.Comprehension) bool {
	o := &cueOutliner{cueChecker: c}
	for _, clause := range branch.Clauses {
		if loop, ok := clause.(*ast.ForClause); ok && o.ref(loop.Source, "") != nil {
			return true
		}
	}
	return false
}

// openItems opens the lists in the fields of a struct, whose variables are replaced.
func (c *cueChecker) openItems(body *ast.StructLit, vs variables) {
	ast.Walk(body, func(n ast.Node) bool {
		list, ok := n.(*ast.ListLit)
		if !ok {
			return true
		}
		for i, e := range list.Elts {
			if branch, ok := e.(*ast.Comprehension); ok {
				list.Elts[i] = c.item(branch, vs)
			}
		}
		return true
	}, nil)
}

// item is what a comprehension puts into a list, without its variables and those around it.
func (c *cueChecker) item(branch *ast.Comprehension, around variables) ast.Expr {
	body, ok := branch.Value.(*ast.StructLit)
	if !ok {
		return branch
	}
	body = c.unbound(branch, body, around)
	if len(body.Elts) == 1 {
		if embedded, ok := body.Elts[0].(*ast.EmbedDecl); ok {
			return embedded.Expr // In brackets, _ would be a struct.
		}
	}
	return body
}

// listMistake handles what CUE says of comprehensions: that there is nothing to go through
// in what they go through, and that a list is too short that only the run makes longer.
func (c *cueChecker) listMistake(m mistake) bool {
	if noRange := notToRange.FindStringSubmatch(m.text); noRange != nil {
		return c.badSource(m, noRange[1], noRange[2])
	}
	if !strings.Contains(m.text, "list.MinItems(") {
		return false
	}
	for _, p := range locate(c.files, m.path) {
		if list, ok := p.value.(*ast.ListLit); ok && slices.ContainsFunc(list.Elts, isComprehension) {
			list.Elts = append(list.Elts, anything(list.Rbrack))
			return true
		}
	}
	return false
}

var notToRange = regexp.MustCompile(`^cannot range over (.+) \(found (.+), want list or struct\)$`)

// badSource reports what a `for` cannot go through, and leaves it out.
func (c *cueChecker) badSource(m mistake, source, kind string) bool {
	nodes := c.nodesAt(m.pos)
	for _, n := range slices.Backward(nodes) {
		loop, ok := n.(*ast.ForClause)
		if !ok || !within(m.pos, loop.Source) {
			continue
		}
		c.addAt(loop.Source, m.path, Finding{
			Rule:     valueRule(m.path),
			Message:  fmt.Sprintf("%s is a %s, which `for` cannot go through", source, kind),
			Expected: "list or struct",
			Found:    kind,
		})
		loop.Source = ast.NewList()
		return true
	}
	return false
}

func isComprehension(e ast.Expr) bool {
	_, ok := e.(*ast.Comprehension)
	return ok
}
