package vet

import (
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
)

// unreachablePhases warns of phases under a condition that is false whatever is given
// to the action, and of those made for each item of an empty list.
func (c *cueChecker) unreachablePhases(field string) {
	c.phaseBranches(field, c.unreachable)
}

// phaseBranches calls each for the comprehensions that make phases.
func (c *cueChecker) phaseBranches(field string, each func(branch *ast.Comprehension, action []string)) {
	for _, action := range c.given(field, "actions") {
		at := []string{field, "actions", action}
		for _, p := range locate(c.files, sub(at, "phases")) {
			for _, s := range structs(p.value) {
				for _, d := range s.Elts {
					if branch, ok := d.(*ast.Comprehension); ok {
						each(branch, at)
					}
				}
			}
		}
	}
}

func (c *cueChecker) unreachable(branch *ast.Comprehension, action []string) {
	body, ok := branch.Value.(*ast.StructLit)
	if !ok {
		return
	}
	for _, clause := range branch.Clauses {
		dead := c.dead(clause, action)
		if dead == nil {
			continue
		}
		for _, d := range body.Elts {
			if f, ok := d.(*ast.Field); ok {
				c.addAt(dead, sub(action, "phases"), Finding{
					Rule:       ruleUnreachablePhase,
					Message:    fmt.Sprintf("the phase %q never runs: this is so whatever the action is given", labelText(f.Label)),
					Suggestion: "ask for an input, such as input.options, or remove the phase",
				})
				return
			}
		}
	}
}

// dead is the part of a clause that lets nothing through, or nil.
func (c *cueChecker) dead(clause ast.Clause, action []string) ast.Node {
	switch clause := clause.(type) {
	case *ast.IfClause:
		if c.isFalse(clause.Condition, action) {
			return clause.Condition
		}
	case *ast.ForClause:
		if list, ok := clause.Source.(*ast.ListLit); ok && len(list.Elts) == 0 {
			return list
		}
	}
	return nil
}

// isFalse tells whether a condition reads only what is fixed, and is false.
func (c *cueChecker) isFalse(condition ast.Expr, action []string) bool {
	if id, ok := condition.(*ast.Ident); ok && c.isFalseField(id) {
		return true
	}
	scope, fixed := c.lookup(action...), true
	ast.Walk(condition, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr, *ast.IndexExpr, *ast.Ident:
			fixed = fixed && c.fixed(n.(ast.Expr), action)
			return false
		}
		return true
	}, nil)
	if !fixed {
		return false
	}
	text, err := format.Node(condition)
	if err != nil {
		return false
	}
	//lint:ignore SA1019 A scope has to be of the context that compiles, and the value knows it.
	value, err := scope.Context().CompileBytes(text, cue.Scope(scope)).Bool()
	return err == nil && !value
}

// isFalseField tells whether a name is that of a field that is false, as _full: false.
func (c *cueChecker) isFalseField(id *ast.Ident) bool {
	lit, ok := id.Node.(*ast.BasicLit)
	if !ok || lit.Kind != token.FALSE {
		return false
	}
	field := c.fieldOfValue(id)
	return field != nil && len(field.Attrs) == 0
}

// fixed tells whether a reference leads to a value that is written there and that
// nothing can replace: no default, and no tag of the command line.
func (c *cueChecker) fixed(e ast.Expr, action []string) bool {
	names := chain(e)
	if names == nil || names[0] == "input" {
		return false
	}
	if len(names) == 1 && (names[0] == "true" || names[0] == "false" || names[0] == "_|_") {
		return true
	}
	path := c.resolve(action, names)
	v := c.lookup(path...)
	if path == nil || !v.Exists() || !v.IsConcrete() || len(v.Attributes(cue.FieldAttr)) > 0 {
		return false
	}
	_, hasDefault := v.Default()
	return !hasDefault
}
