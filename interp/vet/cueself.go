package vet

import (
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// ownReferences finds fields whose value reads the field itself, and that nothing else gives a
// value: pod: "\(pod)". CUE takes that for a value that is still to come.
func (c *cueChecker) ownReferences() {
	for _, f := range c.files {
		ast.Walk(f, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				c.ownReference(field)
			}
			return true
		}, nil)
	}
}

func (c *cueChecker) ownReference(field *ast.Field) {
	id := readsItself(field)
	if id == nil {
		return
	}
	path := c.pathOf(c.nodesAt(id.Pos()))
	if v := c.lookup(path...); v.Exists() && v.IsConcrete() && v.Kind() != cue.BottomKind || len(locate(c.files, path)) > 1 {
		return
	}
	f := Finding{
		Rule:       ruleReferenceCycle,
		Message:    fmt.Sprintf("this value depends on itself: here %q is the field itself", id.Name),
		Suggestion: fmt.Sprintf("if another %s is meant, one further out, give that one another name", id.Name),
	}
	if input := c.inputNamed(path, id.Name); input != "" {
		f.Suggestion = "did you mean " + input + "?"
	}
	c.addAt(id, path, f)
}

// readsItself is where the value of a field, which is no struct, names the field, or nil.
func readsItself(field *ast.Field) *ast.Ident {
	var found *ast.Ident
	ast.Walk(field.Value, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructLit, *ast.Comprehension:
			return false // What stands in it has other names in reach, or may never be.
		case *ast.Ident:
			if n.Node != nil && (n.Node == ast.Node(field) || n.Node == ast.Node(field.Value)) {
				found = n
			}
		}
		return found == nil
	}, nil)
	return found
}

// inputNamed is the first input of an action that has a field of the name, or "".
func (c *cueChecker) inputNamed(path []string, name string) string {
	if len(path) < 3 || path[1] != "actions" {
		return ""
	}
	input := sub(path[:3], "input")
	for _, part := range fieldNames(c.lookup(input...)) {
		if contains(fieldNames(c.lookup(sub(input, part)...)), name) {
			return "input." + part + "." + name
		}
	}
	return ""
}
