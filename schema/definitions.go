package schema

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
)

// Definitions lists what a blueprint can select from the imported schema, such as
// #Blueprint, in alphabetical order.
func (s *Set) Definitions() []string {
	var names []string
	for _, f := range s.topFields() {
		if name, _, err := ast.LabelName(f.Label); err == nil && !strings.HasPrefix(name, "_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// FieldNames lists the fields of a definition such as #Phase that have a fixed name, in
// the order written.
func (s *Set) FieldNames(definition string) []string {
	var names []string
	for _, f := range s.topFields() {
		if name, _, _ := ast.LabelName(f.Label); name == definition {
			names = append(names, fieldNames(f.Value)...)
		}
	}
	return names
}

// topFields are the fields of the schema's files.
func (s *Set) topFields() []*ast.Field {
	inst, err := s.parsed()
	if err != nil {
		return nil // Whoever evaluates the schema is told.
	}
	var fields []*ast.Field
	for _, f := range inst.Files {
		for _, d := range f.Decls {
			if field, ok := d.(*ast.Field); ok {
				fields = append(fields, field)
			}
		}
	}
	return fields
}

// fieldNames lists the fields of a struct, those under a condition included.
func fieldNames(e ast.Expr) []string {
	s, ok := e.(*ast.StructLit)
	if !ok {
		return nil
	}
	var names []string
	for _, d := range s.Elts {
		switch d := d.(type) {
		case *ast.Field:
			name, _, err := ast.LabelName(d.Label)
			if err == nil && !strings.HasPrefix(name, "_") && !slices.Contains(names, name) {
				names = append(names, name)
			}
		case *ast.Comprehension:
			for _, name := range fieldNames(d.Value) {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}
