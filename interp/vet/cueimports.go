package vet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// imports finds imports that nothing uses, and definitions that an imported package does
// not have. CUE takes the latter for values that are not known yet.
func (c *cueChecker) imports() {
	for _, f := range c.files {
		used := map[*ast.ImportSpec]bool{}
		ast.Walk(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if spec, ok := n.Node.(*ast.ImportSpec); ok {
					used[spec] = true
				}
			case *ast.SelectorExpr:
				c.importedName(n)
			}
			return true
		}, nil)
		for _, spec := range slices.Collect(f.ImportSpecs()) {
			if !used[spec] && !calledOtherwise(f, spec) {
				c.unusedImport(f, spec)
			}
		}
	}
}

// calledOtherwise tells whether the file has the package's own name where it should have
// the one that the import gives it: that is what is wrong then.
func calledOtherwise(f *ast.File, spec *ast.ImportSpec) bool {
	return spec.Name != nil && slices.ContainsFunc(f.Unresolved, func(id *ast.Ident) bool { return id.Name == ownName(spec) })
}

// ownName is the name of a package, as its path has it.
func ownName(spec *ast.ImportSpec) string {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	if _, name, ok := strings.Cut(path, ":"); ok {
		return name
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}

// calledHere is the name that a file gives to a package, if it is not its own; or "".
func (c *cueChecker) calledHere(id *ast.Ident) string {
	for _, f := range c.files {
		if f.Filename != id.Pos().Filename() {
			continue
		}
		for spec := range f.ImportSpecs() {
			if spec.Name != nil && ownName(spec) == id.Name {
				return spec.Name.Name
			}
		}
	}
	return ""
}

func (c *cueChecker) unusedImport(f *ast.File, spec *ast.ImportSpec) {
	c.addAt(spec.Path, nil, Finding{
		Rule:       ruleUnusedImport,
		Message:    fmt.Sprintf("%s is imported and not used, which CUE refuses", spec.Path.Value),
		Suggestion: "remove the import",
	})
	removeImport(f, spec)
}

// removeImport lets the evaluation go on.
func removeImport(f *ast.File, spec *ast.ImportSpec) {
	for _, d := range f.Decls {
		if d, ok := d.(*ast.ImportDecl); ok {
			d.Specs = slices.DeleteFunc(d.Specs, func(s *ast.ImportSpec) bool { return s == spec })
		}
	}
	f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
		imports, ok := d.(*ast.ImportDecl)
		return ok && len(imports.Specs) == 0
	})
}

// importedName finds what a package does not have, and goes on with what was meant.
func (c *cueChecker) importedName(e *ast.SelectorExpr) {
	spec := importOf(e.X)
	if spec == nil {
		return
	}
	name, _, err := ast.LabelName(e.Sel)
	names := c.namesOf(spec)
	if err != nil || len(names) == 0 || slices.Contains(names, name) {
		return
	}
	path, _ := strconv.Unquote(spec.Path.Value)
	f := Finding{Rule: ruleUnknownReference, Message: fmt.Sprintf("package %s has no %s", path, name)}
	c.addAt(e.Sel, c.pathOf(c.nodesAt(e.Sel.Pos())), f.hint(name, "names", names))
	if near := c.findings[len(c.findings)-1].Replacement; near != "" {
		e.Sel = &ast.Ident{NamePos: e.Sel.Pos(), Name: near}
		return
	}
	replace(c.files, e)
}

// importOf is the import that an expression names, or nil.
func importOf(e ast.Expr) *ast.ImportSpec {
	if id, ok := e.(*ast.Ident); ok {
		if spec, ok := id.Node.(*ast.ImportSpec); ok {
			return spec
		}
	}
	return nil
}

// namesOf lists what a package offers: the schema, or one of the user's. It is empty for
// packages that are out of sight.
func (c *cueChecker) namesOf(spec *ast.ImportSpec) []string {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return nil
	}
	if path == schema.Module+"/schema" {
		return c.unit.schema().Definitions()
	}
	var names []string
	for _, d := range c.packageDecls(spec) {
		f, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		name, _, err := ast.LabelName(unaliased(f.Label))
		if err != nil {
			return nil // A name that is computed can be any.
		}
		if !strings.HasPrefix(name, "_") {
			names = append(names, name)
		}
	}
	return names
}

// unaliased is the label without the alias that it may have.
func unaliased(label ast.Label) ast.Label {
	if alias, ok := label.(*ast.Alias); ok {
		if inner, ok := alias.Expr.(ast.Label); ok {
			return inner
		}
	}
	return label
}

// noFunction turns CUE's complaint about a function that none of its own packages has
// into words.
func (c *cueChecker) noFunction(m mistake) bool {
	if !strings.HasPrefix(m.text, "cannot call non-function ") {
		return false
	}
	call := c.callAt(m.positions)
	if call == nil {
		return false
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || importOf(fun.X) == nil {
		return false
	}
	spec := importOf(fun.X)
	path, _ := strconv.Unquote(spec.Path.Value)
	name, _, _ := ast.LabelName(fun.Sel)
	c.addAt(fun.Sel, m.path, Finding{
		Rule:       ruleUnknownReference,
		Message:    fmt.Sprintf("package %s has no function %s", path, name),
		Suggestion: "https://pkg.go.dev/cuelang.org/go/pkg/" + path + " lists its functions",
	})
	return replace(c.files, call)
}

// callAt is the innermost call around the first of the positions that lies in one of the
// user's files.
func (c *cueChecker) callAt(positions []token.Pos) *ast.CallExpr {
	for _, pos := range positions {
		nodes := c.nodesAt(pos)
		for i := len(nodes) - 1; i >= 0; i-- {
			if call, ok := nodes[i].(*ast.CallExpr); ok {
				return call
			}
		}
	}
	return nil
}
