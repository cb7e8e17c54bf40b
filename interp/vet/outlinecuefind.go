package vet

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"

	"github.com/rescuecue/rescue/compat"
)

// find lists the places that give a value to a path, also in other packages of the
// user's.
func (a *cueOutliner) find(path []string) []place {
	l := locator{follow: a.definition}
	for _, f := range a.files {
		l.decls(f.Decls, path, true, 0)
	}
	return append(l.exact, l.computed...)
}

// findIn lists the places below an expression.
func (a *cueOutliner) findIn(e ast.Expr, path []string) []place {
	l := locator{follow: a.definition}
	if len(path) == 0 {
		_, value, rest := a.definition(e)
		if value == nil || len(rest) == 0 {
			return nil
		}
		e, path = value, rest
	}
	l.expr(e, path, true, 0)
	return append(l.exact, l.computed...)
}

// definition tells where what an expression selects from is defined: the value of a
// field, or the declarations of a package, and what is selected of it.
func (a *cueOutliner) definition(e ast.Expr) (decls []ast.Decl, value ast.Expr, rest []string) {
	names := chain(e)
	id := firstIdent(e)
	if names == nil || id == nil {
		return nil, nil, nil
	}
	switch n := id.Node.(type) {
	case *ast.ImportSpec:
		return a.packageDecls(n), nil, names[1:]
	case *ast.Field:
		return nil, n.Value, names[1:]
	case *ast.LetClause:
		return nil, n.Expr, names[1:]
	case *ast.Alias:
		return nil, n.Expr, names[1:]
	case ast.Expr:
		return nil, n, names[1:]
	}
	return nil, nil, nil
}

// firstIdent is the name that a selection begins with.
func firstIdent(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// packageDecls are the declarations of one of the user's packages.
func (c *cueChecker) packageDecls(spec *ast.ImportSpec) []ast.Decl {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return nil
	}
	path, _, _ = strings.Cut(path, ":")
	var decls []ast.Decl
	for _, imp := range c.pkg.imported() {
		if imported, _, _ := strings.Cut(imp.ImportPath, ":"); !samePackage(imported, path) {
			continue
		}
		for _, f := range imp.Files {
			if c.pkg.sources[f.Filename] != nil {
				decls = append(decls, f.Decls...)
			}
		}
	}
	return decls
}

// samePackage compares a package's path, which may have the module's major version in it,
// with that of an import, which need not.
func samePackage(pkg, path string) bool { return pkg == path || unversioned(pkg) == unversioned(path) }

// unversioned is example.com/shop/steps of example.com/shop@v0/steps.
func unversioned(path string) string {
	before, rest, found := strings.Cut(path, "@")
	if !found {
		return path
	}
	_, below, deeper := strings.Cut(rest, "/")
	if deeper {
		return before + "/" + below
	}
	return before
}

// reads lists everything that the action reads, in templates that it keeps too.
func (a *cueOutliner) reads() []ref {
	var all []ref
	for _, p := range a.find(a.path) {
		all = append(all, a.readsIn(p.value, "")...)
	}
	for _, name := range a.names {
		for _, p := range a.find(sub(a.path, "phases", name)) {
			all = append(all, a.readsIn(p.value, name)...)
		}
	}
	return all
}

// readsIn lists what is read in a part of the action: in the phase, if it is one's.
func (a *cueOutliner) readsIn(n ast.Node, phase string) []ref {
	var all []ref
	labels := map[ast.Node]bool{}
	ast.Walk(n, func(n ast.Node) bool {
		if labels[n] {
			_, computed := n.(*ast.Interpolation)
			return computed
		}
		switch n := n.(type) {
		case *ast.Field:
			labels[n.Label] = true
		case *ast.Attribute:
			if text, ok := templateOf(n); ok {
				if use, err := compat.TemplateRefs(text); err == nil {
					for _, r := range use.Refs {
						all = append(all, refOf(r.Names()))
					}
				}
			}
		case *ast.SelectorExpr, *ast.IndexExpr, *ast.Ident:
			if r := a.ref(n.(ast.Expr), phase); r != nil {
				all = append(all, r)
				return false
			}
		}
		return true
	}, nil)
	return all
}

// ref is what an expression in a phase reads of the parameters, or nil.
func (a *cueOutliner) ref(e ast.Expr, phase string) ref {
	names := chain(e)
	if names == nil {
		return nil
	}
	if let, ok := firstIdent(e).Node.(*ast.LetClause); ok {
		if base := chain(let.Expr); base != nil {
			names = append(base, names[1:]...)
		}
	}
	switch {
	case names[0] == "input":
		return ref(names[1:])
	case names[0] == "phases", names[0] == "deferPhase":
		return ref(names)
	case len(names) > 1 && (names[0] == "secrets" || names[0] == "configMaps"):
		return append(ref{"phases", phase}, names...)
	case len(names) > 1 && (names[1] == "output" || names[1] == "secrets" || names[1] == "configMaps"):
		return append(ref{"phases"}, names...)
	}
	return nil
}
