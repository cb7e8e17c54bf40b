package schema

import (
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/parser"
)

// Instance returns the embedded schema package alone, parsed and ready to be built
// or imported by another instance.
func Instance() (*build.Instance, error) { return Embedded().Instance() }

// Instance returns the schema package with the functions of the set.
func (s *Set) Instance() (*build.Instance, error) {
	inst := build.NewContext().NewInstance("schema", nil)
	inst.ImportPath = Module + "/schema"
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := parser.ParseFile(Module+"/schema/"+name, files[name], parser.ParseComments)
		if err == nil {
			err = inst.AddSyntax(f)
		}
		if err != nil {
			return nil, err
		}
	}
	return inst, inst.Complete()
}

// files has the sources of the package by file name.
func (s *Set) files() (map[string][]byte, error) {
	files := map[string][]byte{}
	names, err := fs.Glob(FS, "*.cue")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if files[name], err = FS.ReadFile(name); err != nil {
			return nil, err
		}
	}
	maps.Copy(files, s.extra)
	return files, nil
}

// Owns says whether a file name, as CUE's positions have it, is one of the schema's.
func Owns(filename string) bool {
	dir, name := path.Split(filepath.ToSlash(filename))
	if strings.HasSuffix(dir, "/cue.mod/pkg/"+Module+"/schema/") {
		return true // files that With has added, too
	}
	if strings.HasSuffix(dir, "/schema/kanister/") {
		name = "kanister/" + name
	} else if !strings.HasSuffix(dir, "/schema/") {
		return false
	}
	_, err := fs.Stat(FS, name)
	return err == nil
}
