package vet

import (
	"fmt"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// requiredFields finds what every blueprint has and this one does not. CUE takes it for a
// value that is still to come.
func (c *cueChecker) requiredFields(field string) {
	c.required([]string{field}, "name", "a blueprint needs a name", "write name: \"…\"")
	actions := c.given(field, "actions")
	if len(actions) == 0 && !c.somewhere([]string{field, "actions"}) {
		c.addAt(c.labelNode(field), []string{field}, Finding{
			Rule:       ruleStructure,
			Message:    "the blueprint has no actions",
			Suggestion: "write actions: backup: phases: …",
		})
	}
	for _, action := range actions {
		a := &cueAction{cueChecker: c, path: []string{field, "actions", action}}
		a.phases = c.phaseNames(a.path)
		for _, phase := range a.allPhases() {
			c.required(phase, "func", fmt.Sprintf("phase %q calls no function", phase[len(phase)-1]), "write func: \"KubeTask\", or another function")
		}
	}
}

// required reports a field that is a text, and that nobody gives.
func (c *cueChecker) required(at []string, field, message, suggestion string) {
	v := c.lookup(sub(at, field)...)
	if v.IncompleteKind() != cue.StringKind || v.IsConcrete() || c.somewhere(sub(at, field)) || !c.somewhere(at) || c.partlyBlanked(at) {
		return
	}
	if f := c.misspeltField(at, field); f != nil {
		finding := Finding{Rule: ruleUnknownField, Message: fmt.Sprintf("%s has no field %q", fieldOwner(at), labelText(f.Label))}
		c.addAt(f.Label, at, finding.hint(labelText(f.Label), "fields", []string{field}))
		return
	}
	c.addAt(c.labelNode(at...), at, Finding{Rule: ruleStructure, Message: message, Suggestion: suggestion})
}

// misspeltField is the field at a path that was meant to be another, or nil.
func (c *cueChecker) misspeltField(at []string, field string) *ast.Field {
	o := &cueOutliner{cueChecker: c, path: at}
	for _, f := range o.written(at) {
		if misspelt(field, []string{labelText(f.Label)}) {
			return f
		}
	}
	return nil
}

// somewhere tells whether the user writes something at a path, in this package or in one
// of those that it imports.
func (c *cueChecker) somewhere(path []string) bool {
	o := &cueOutliner{cueChecker: c, path: path}
	return len(o.find(path)) > 0
}

// partlyBlanked tells whether some part of the value was put there to go on: what that part
// would have given is unknown.
func (c *cueChecker) partlyBlanked(path []string) bool {
	return slices.ContainsFunc(locate(c.files, path), func(p place) bool {
		return isTop(p.value) || p.field != nil && hasTop(p.field.Value)
	})
}

// hasTop tells whether one of the values that are unified is _.
func hasTop(e ast.Expr) bool {
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.AND {
		return hasTop(b.X) || hasTop(b.Y)
	}
	return isTop(e)
}
