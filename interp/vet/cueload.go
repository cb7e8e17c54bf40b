package vet

import (
	"os"
	"path/filepath"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// A cuePackage is the CUE of one unit, parsed once and evaluated as often as there
// are mistakes that hide others.
type cuePackage struct {
	inst *build.Instance
	// scope is where the package is evaluated; without one, in a context of its own.
	scope *schema.Scope
	// set is what the scope is borrowed from.
	set *schema.Set
	// sources of the user's files by their absolute path.
	sources map[string]*source
	unsaved map[string][]byte
}

// loadPackage reads the unit's files as one package, with the embedded schema in
// reach of its import. The error has one entry for each mistake.
func loadPackage(u Unit) (*cuePackage, errors.Error) {
	p := newPackage(u)
	dir := filepath.Dir(u.Files[0].path())
	var err errors.Error
	if !p.loadAlone(u, dir) {
		err = p.loadByCUE(u, dir)
	}
	if p.inst != nil {
		p.addImports(p.inst, filepath.Dir(u.Files[0].Name), dir, map[*build.Instance]bool{})
	}
	return p, err
}

func newPackage(u Unit) *cuePackage {
	p := &cuePackage{sources: map[string]*source{}, set: u.schema(), unsaved: u.Unsaved}
	for _, f := range u.Files {
		p.sources[cuePath(f)] = newSource(f.Name, f.Data)
	}
	return p
}

// loadByCUE reads the files with CUE's own loader.
func (p *cuePackage) loadByCUE(u Unit, dir string) errors.Error {
	overlay, err := u.schema().ModuleOverlay(dir)
	if err != nil {
		return errors.Promote(err, u.Files[0].Name)
	}
	for path, data := range u.Unsaved {
		overlay[path] = load.FromBytes(data)
	}
	var args []string
	for _, f := range u.Files {
		path := cuePath(f)
		overlay[path] = load.FromBytes(f.Data)
		args = append(args, path)
	}
	p.inst = load.Instances(args, &load.Config{Dir: dir, Overlay: overlay})[0]
	return p.inst.Err
}

// value evaluates the package as it is now.
func (p *cuePackage) value() cue.Value {
	if p.scope != nil {
		return p.scope.Build(p.inst)
	}
	return cuecontext.New().BuildInstance(schema.Again(p.inst))
}

// close ends the use of the package. Its value stays good.
func (p *cuePackage) close() {
	if p.scope != nil {
		p.set.Return(p.scope)
		p.scope = nil
	}
}

// cuePath is where CUE finds the file: by its rules a CUE file is named so.
func cuePath(f File) string {
	if path := f.path(); filepath.Ext(path) == ".cue" {
		return path
	}
	return f.path() + ".cue"
}

// addImports makes the user's own packages known, which the unit imports: a
// mistake in one of them is reported there.
func (p *cuePackage) addImports(inst *build.Instance, name, dir string, seen map[*build.Instance]bool) {
	for _, imp := range inst.Imports {
		if seen[imp] || strings.HasPrefix(imp.ImportPath, schema.Module+"/schema") {
			continue
		}
		seen[imp] = true
		for _, f := range imp.Files {
			p.addFile(f.Filename, name, dir)
		}
		p.addImports(imp, name, dir, seen)
	}
}

// addFile reads a file of an imported package. One that cannot be read is left
// out: then its mistakes are reported where it is imported.
func (p *cuePackage) addFile(path, name, dir string) {
	if p.sources[path] != nil {
		return
	}
	data, open := p.unsaved[path]
	if !open {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			return
		}
	}
	shown := path
	if rel, err := filepath.Rel(dir, path); err == nil {
		shown = filepath.Join(name, rel)
	}
	p.sources[path] = newSource(shown, data)
}

// imported lists the packages that the unit imports, and those that they import.
func (p *cuePackage) imported() []*build.Instance {
	var all []*build.Instance
	seen := map[*build.Instance]bool{}
	var add func(*build.Instance)
	add = func(inst *build.Instance) {
		for _, imp := range inst.Imports {
			if !seen[imp] {
				seen[imp] = true
				all = append(all, imp)
				add(imp)
			}
		}
	}
	add(p.inst)
	return all
}

// files lists the syntax trees of the user's files, those of the unit first.
func (p *cuePackage) files() []*ast.File {
	files := append([]*ast.File(nil), p.inst.Files...)
	for _, imp := range p.imported() {
		for _, f := range imp.Files {
			if p.sources[f.Filename] != nil {
				files = append(files, f)
			}
		}
	}
	return files
}

// source returns the user's file that pos lies in, or nil.
func (p *cuePackage) source(pos token.Pos) *source {
	return p.sources[pos.Filename()]
}
