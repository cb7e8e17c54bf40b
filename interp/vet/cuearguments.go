package vet

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// misspeltArguments finds arguments that a function does not have, where a phase names
// both in one place. CUE finds them too, but not those whose value is only known at the
// run; and what else is wrong is easier to tell once they have the name that was meant.
func (c *cueChecker) misspeltArguments() {
	for _, f := range c.files {
		var phases []*ast.StructLit
		ast.Walk(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.StructLit); ok {
				phases = append(phases, s)
			}
			return true
		}, nil)
		for _, s := range phases {
			if function, known := c.unit.schema().Function(literalField(s, "func")); known {
				c.argumentsOf(s, function)
			}
		}
	}
}

// literalField is the text of a field that is written as a literal, or "".
func literalField(s *ast.StructLit, name string) string {
	for _, f := range fieldsNamed(s, name) {
		if lit, ok := f.Value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			return strings.Trim(lit.Value, `"`)
		}
	}
	return ""
}

// fieldsNamed lists the fields of that name that stand in the struct itself.
func fieldsNamed(s *ast.StructLit, name string) []*ast.Field {
	var fields []*ast.Field
	for _, d := range s.Elts {
		if f, ok := d.(*ast.Field); ok && matchLabel(f.Label, name) == labelExact {
			fields = append(fields, f)
		}
	}
	return fields
}

func (c *cueChecker) argumentsOf(phase *ast.StructLit, function schema.Func) {
	for _, args := range fieldsNamed(phase, "args") {
		s, ok := args.Value.(*ast.StructLit)
		if !ok {
			continue
		}
		for _, d := range append([]ast.Decl(nil), s.Elts...) {
			f, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			if name, _, err := ast.LabelName(f.Label); err == nil && !hidden(name) {
				c.argument(f, s, function, name)
			}
		}
	}
}

// hidden tells the names that are the author's own affair.
func hidden(name string) bool { return strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#") }

func (c *cueChecker) argument(f *ast.Field, args *ast.StructLit, function schema.Func, name string) {
	if _, known := function.Arg(name); known {
		return
	}
	finding := argumentFinding(function, name, fieldNamesOf(args))
	c.addAt(f.Label, c.pathOf(c.nodesAt(f.Label.Pos())), finding)
	if meant := finding.Replacement; meant != "" && len(fieldsNamed(args, meant)) == 0 {
		label := ast.NewString(meant)
		label.ValuePos = f.Label.Pos()
		f.Label = label
		return
	}
	removeField(c.files, f)
}
