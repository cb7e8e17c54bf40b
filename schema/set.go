package schema

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/cue/parser"
)

// A Set is the language with a number of functions: those of the embedded schema,
// and those added by With. It does not change, and any number of goroutines may
// use it.
type Set struct {
	// extra has the source of added files by file name.
	extra map[string][]byte
	// parsed is the package that scopes are made of.
	parsed func() (*build.Instance, error)
	// described is evaluated when somebody asks: many commands never do.
	described func() (*descriptions, error)
	scopes    scopePool
	modules   moduleTexts
}

// Embedded returns the set of the functions that Rescue brings along.
func Embedded() *Set { return embedded() }

var embedded = sync.OnceValue(func() *Set { return newSet(nil) })

// With returns a set that has the functions of a CUE file as well. The file is
// of package schema and holds entries of #Functions, as those of this folder do.
// name must end in .cue. The error says what is wrong with the file, or which
// function is there already.
func (s *Set) With(name string, src []byte) (*Set, error) {
	name = filepath.Base(name)
	if _, err := FS.ReadFile(name); err == nil || s.extra[name] != nil {
		return nil, fmt.Errorf("%s: the schema has a file of that name", name)
	}
	f, err := parser.ParseFile(name, src)
	if err != nil {
		return nil, err
	}
	for _, fn := range declared(f) {
		if slices.Contains(s.Names(), fn) {
			return nil, fmt.Errorf("%s: function %s is there already", name, fn)
		}
	}
	extra := maps.Clone(s.extra)
	if extra == nil {
		extra = map[string][]byte{}
	}
	extra[name] = src
	set := newSet(extra)
	return set, set.check()
}

// declared lists the functions that a file has entries for.
func declared(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		field, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		if label, _, _ := ast.LabelName(field.Label); label != "#Functions" {
			continue
		}
		if entries, ok := field.Value.(*ast.StructLit); ok {
			for _, e := range entries.Elts {
				if entry, ok := e.(*ast.Field); ok {
					name, _, _ := ast.LabelName(entry.Label)
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// Function returns the description of a function.
func (s *Set) Function(name string) (Func, bool) {
	f, ok, err := s.descriptions().function(name)
	if err != nil {
		panic(fmt.Sprintf("the embedded schema is broken: %v", err))
	}
	return f, ok
}

// Names lists all functions in alphabetical order.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.descriptions().entries)) }

// TypeDoc returns the comment on a definition that an Arg's Type names, such as
// #Quantity.
func (s *Set) TypeDoc(definition string) (string, bool) {
	doc, ok := s.descriptions().types()[definition]
	return doc, ok
}

// Overlay puts the schema into the module at root as if it were vendored there,
// so that a blueprint's import resolves without a network or a registry.
func (s *Set) Overlay(root string) (map[string]load.Source, error) {
	dir := filepath.Join(root, "cue.mod", "pkg", filepath.FromSlash(Module), "schema")
	files := map[string]load.Source{}
	err := fs.WalkDir(FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".cue") {
			return err
		}
		src, err := FS.ReadFile(path)
		files[filepath.Join(dir, filepath.FromSlash(path))] = load.FromBytes(src)
		return err
	})
	for name, src := range s.extra {
		files[filepath.Join(dir, name)] = load.FromBytes(src)
	}
	return files, err
}

func newSet(extra map[string][]byte) *Set {
	s := &Set{extra: extra}
	s.parsed = sync.OnceValues(s.Instance)
	s.described = sync.OnceValues(s.describe)
	return s
}
