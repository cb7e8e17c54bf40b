package vet

import (
	"fmt"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// absentFields finds what is read of the author's own fields, and is not there. CUE takes
// it for a value that somebody will still add; but nobody adds anything to the hidden
// fields of a blueprint.
func (c *cueChecker) absentFields(field string) {
	for _, action := range c.given(field, "actions") {
		a := &cueAction{cueChecker: c, path: []string{field, "actions", action}}
		for _, p := range locate(c.files, a.path) {
			ast.Walk(p.value, func(n ast.Node) bool {
				if e, ok := n.(*ast.BinaryExpr); ok && asksPresence(e) {
					return false
				}
				e, ok := n.(ast.Expr)
				if names := chain(e); ok && len(names) > 1 {
					a.absent(e, len(names))
					return false
				}
				return true
			}, nil)
		}
	}
}

// absent looks for the first step of a selection that leads nowhere.
func (a *cueAction) absent(e ast.Expr, steps int) {
	at := a.pathOf(a.nodesAt(e.Pos()))
	if !slices.ContainsFunc(at, isHidden) && !slices.ContainsFunc(chain(e), isHidden) && !renamed(firstIdent(e)) {
		return // It cannot lead through a hidden field.
	}
	path := a.target(at, e)
	begin := len(path) - steps + 1
	if begin < 1 || !slices.ContainsFunc(path[:begin], isHidden) || slices.ContainsFunc(path, isDefinition) {
		return
	}
	for n := begin; n < len(path); n++ {
		around := a.lookup(path[:n]...)
		if !around.Exists() || around.Err() != nil || around.IncompleteKind() != cue.StructKind || around.LookupPath(cue.MakePath(cue.AnyString)).Exists() {
			return
		}
		if a.lookup(path[:n+1]...).Exists() {
			continue
		}
		names := fieldNames(around)
		f := Finding{Rule: ruleUnknownReference, Message: fmt.Sprintf("%s has no field %q", path[n-1], path[n])}
		a.addAt(lastPart(e, steps-len(path)+n+1), a.path, f.hint(path[n], "fields", names))
		return
	}
}

// renamed tells whether an identifier is a name for something else.
func renamed(id *ast.Ident) bool {
	if id == nil {
		return false
	}
	switch id.Node.(type) {
	case *ast.LetClause, *ast.Field, *ast.Alias:
		return true
	}
	return false
}

func isHidden(name string) bool { return name != "" && name[0] == '_' }

func isDefinition(name string) bool { return name != "" && name[0] == '#' }
