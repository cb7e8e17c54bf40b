package vet

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/parser"

	"github.com/rescuecue/rescue/schema"
)

// loadAlone reads a unit that imports nothing but the schema, CUE's own packages and plain
// ones of its module, as most do: such a package needs no search for modules, and is
// evaluated beside a schema that is evaluated already. It reports false where CUE's loader
// has to look, or has to say what is wrong.
func (p *cuePackage) loadAlone(u Unit, dir string) bool {
	module, err := u.schema().Module(dir)
	if err != nil || module.Own || !plainLanguage(module.Language) {
		return false
	}
	own := &ownLoader{module: module, unsaved: u.Unsaved, loading: map[string]bool{}}
	files := own.parseUnit(u)
	if files == nil {
		return false
	}
	scope, err := u.schema().Borrow()
	if err != nil {
		return false
	}
	own.context = scope.Packages(own.load)
	inst := own.context.NewInstance(dir, nil)
	if !addAll(inst, files) || own.failed {
		u.schema().Return(scope)
		return false
	}
	p.inst, p.scope = inst, scope
	return true
}

// parseUnit returns nil if the unit needs CUE's loader.
func (l *ownLoader) parseUnit(u Unit) []*ast.File {
	var files []*ast.File
	for _, f := range u.Files {
		file, err := parser.ParseFile(cuePath(f), f.Data, parser.ParseComments, parser.Version(l.module.Language))
		if err != nil || !l.plain(file) {
			return nil
		}
		files = append(files, file)
	}
	return files
}

func addAll(inst *build.Instance, files []*ast.File) bool {
	for _, f := range files {
		if f.PackageName() != files[0].PackageName() || inst.AddSyntax(f) != nil {
			return false
		}
	}
	return inst.Complete() == nil && inst.ResolutionErr == nil
}

// plainLanguage tells the versions of CUE whose files this one reads alike.
func plainLanguage(version string) bool {
	return slices.ContainsFunc([]string{"v0.15.", "v0.16.", "v0.17."}, func(known string) bool {
		return strings.HasPrefix(version, known)
	})
}

// hasAttributes tells whether a file has attributes for the loader, such as @if.
func hasAttributes(file *ast.File) bool {
	return slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
		_, ok := d.(*ast.Attribute)
		return ok
	})
}

// eachImport tells whether all paths that a file imports are good.
func eachImport(file *ast.File, good func(path string) bool) bool {
	for spec := range file.ImportSpecs() {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !good(path) {
			return false
		}
	}
	return true
}

// alwaysThere tells whether an import leads to the schema or to one of CUE's own packages.
func alwaysThere(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return path == schema.Module+"/schema" || !strings.Contains(first, ".")
}
