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

// loadAlone reads a unit that imports nothing but the schema and CUE's own packages,
// as most do: such a package needs no search for modules, and is evaluated beside a
// schema that is evaluated already. It reports false where CUE's loader has to look,
// or has to say what is wrong.
func (p *cuePackage) loadAlone(u Unit, dir string) bool {
	files := parseAlone(u, dir)
	if files == nil {
		return false
	}
	scope, err := u.schema().Borrow()
	if err != nil {
		return false
	}
	inst := scope.Instance(dir)
	if !addAll(inst, files) {
		u.schema().Return(scope)
		return false
	}
	for _, f := range u.Files {
		p.sources[cuePath(f)] = newSource(f.Name, f.Data)
	}
	p.inst, p.scope = inst, scope
	return true
}

// parseAlone returns nil if the unit needs CUE's loader.
func parseAlone(u Unit, dir string) []*ast.File {
	version, own, err := u.schema().Language(dir)
	if err != nil || own || !plainLanguage(version) {
		return nil
	}
	var files []*ast.File
	for _, f := range u.Files {
		file, err := parser.ParseFile(cuePath(f), f.Data, parser.ParseComments, parser.Version(version))
		if err != nil || !standsAlone(file) {
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

// standsAlone tells whether a file has no attributes for the loader, such as @if, and
// imports no package but those that are always there.
func standsAlone(file *ast.File) bool {
	for _, d := range file.Decls {
		if _, ok := d.(*ast.Attribute); ok {
			return false
		}
	}
	for spec := range file.ImportSpecs() {
		path, err := strconv.Unquote(spec.Path.Value)
		first, _, _ := strings.Cut(path, "/")
		if err != nil || path != schema.Module+"/schema" && strings.Contains(first, ".") {
			return false
		}
	}
	return true
}
