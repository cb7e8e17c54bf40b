package vet

import (
	"os"
	"path/filepath"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// A cuePackage is the CUE of one unit, parsed once and evaluated as often as there
// are mistakes that hide others.
type cuePackage struct {
	inst *build.Instance
	// sources of the user's files by their absolute path.
	sources map[string]*source
}

// loadPackage reads the unit's files as one package, with the embedded schema in
// reach of its import. The error has one entry for each mistake.
func loadPackage(u Unit) (*cuePackage, errors.Error) {
	p := &cuePackage{sources: map[string]*source{}}
	dir := filepath.Dir(u.Files[0].path())
	overlay, err := schema.ModuleOverlay(dir)
	if err != nil {
		return p, errors.Promote(err, u.Files[0].Name)
	}
	var args []string
	for _, f := range u.Files {
		path := cuePath(f)
		overlay[path] = load.FromBytes(f.Data)
		p.sources[path] = newSource(f.Name, f.Data)
		args = append(args, path)
	}
	p.inst = load.Instances(args, &load.Config{Dir: dir, Overlay: overlay})[0]
	p.addImports(p.inst, filepath.Dir(u.Files[0].Name), dir, map[*build.Instance]bool{})
	return p, p.inst.Err
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
	data, err := os.ReadFile(path)
	if err != nil || p.sources[path] != nil {
		return
	}
	shown := path
	if rel, err := filepath.Rel(dir, path); err == nil {
		shown = filepath.Join(name, rel)
	}
	p.sources[path] = newSource(shown, data)
}

// files lists the syntax trees of the user's files, those of the unit first.
func (p *cuePackage) files() []*ast.File {
	files := append([]*ast.File(nil), p.inst.Files...)
	seen := map[*build.Instance]bool{}
	var add func(*build.Instance)
	add = func(inst *build.Instance) {
		for _, imp := range inst.Imports {
			if seen[imp] {
				continue
			}
			seen[imp] = true
			for _, f := range imp.Files {
				if p.sources[f.Filename] != nil {
					files = append(files, f)
				}
			}
			add(imp)
		}
	}
	add(p.inst)
	return files
}

// source returns the user's file that pos lies in, or nil.
func (p *cuePackage) source(pos token.Pos) *source {
	return p.sources[pos.Filename()]
}
