package schema

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
)

// Source returns the language as one CUE file, with the functions of the set.
func (s *Set) Source() ([]byte, error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	return oneFile(files, "blueprint.cue")
}

// LegacySource returns the package that types Kanister's resources as one CUE file. It
// imports the language.
func LegacySource() ([]byte, error) {
	names, err := fs.Glob(FS, "kanister/*.cue")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[path.Base(name)], err = FS.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return oneFile(files, "kanister.cue")
}

// oneFile joins the files of a package. The comment on the package is that of first.
func oneFile(files map[string][]byte, first string) ([]byte, error) {
	head, err := parser.ParseFile(first, files[first], parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var imports, decls []ast.Decl
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := parser.ParseFile(name, files[name], parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for spec := range f.ImportSpecs() {
			if !seen[spec.Path.Value] {
				seen[spec.Path.Value] = true
				imports = append(imports, &ast.ImportDecl{Specs: []*ast.ImportSpec{ast.NewImport(spec.Name, unquoted(spec.Path.Value))}})
			}
		}
		decls = append(decls, body(f)...)
	}
	joined := &ast.File{Decls: slices.Concat(preamble(head), imports, decls)}
	src, err := format.Node(joined)
	if err != nil {
		return nil, fmt.Errorf("the schema cannot be written as one file: %w", err)
	}
	return src, nil
}

func unquoted(path string) string { return path[1 : len(path)-1] }

// preamble is the package clause with its comment.
func preamble(f *ast.File) []ast.Decl {
	for _, d := range f.Decls {
		if clause, ok := d.(*ast.Package); ok {
			return []ast.Decl{clause}
		}
	}
	return nil
}

// body is what comes after the imports.
func body(f *ast.File) []ast.Decl {
	return slices.DeleteFunc(slices.Clone(f.Decls), func(d ast.Decl) bool {
		switch d.(type) {
		case *ast.Package, *ast.ImportDecl:
			return true
		}
		return false
	})
}
