package vet

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/parser"

	"github.com/rescuecue/rescue/schema"
)

// An ownLoader loads the packages of the user's module that a unit imports. It knows the
// plain ones, which are the files of one folder, and leaves the others, and what is wrong,
// to CUE's loader.
type ownLoader struct {
	module  schema.CUEModule
	unsaved map[string][]byte
	context *build.Context
	// loading are the packages that are being read: to import one of them is a cycle.
	loading map[string]bool
	// failed says that a package of the module was not loaded.
	failed bool
}

// load returns nil for a package of another module, and for one that it cannot load.
func (l *ownLoader) load(importPath string) *build.Instance {
	folder, own := l.module.Folder(importPath)
	if !own {
		return nil
	}
	inst := l.context.NewInstance(filepath.Join(l.module.Root, folder), nil)
	if l.loading[importPath] || !l.fill(inst, importPath, folder) {
		l.failed = true
		return nil
	}
	return inst
}

// fill reports false for a package that is not plain.
func (l *ownLoader) fill(inst *build.Instance, importPath, folder string) bool {
	l.loading[importPath] = true
	defer delete(l.loading, importPath)
	files, err := l.files(folder)
	return err == nil && len(files) > 0 && addAll(inst, files)
}

// errNotPlain says that a package is for CUE's loader.
var errNotPlain = errors.New("not a plain package")

// files parses the files of the package in the folder of its name.
func (l *ownLoader) files(folder string) ([]*ast.File, error) {
	if err := l.vendored(folder); err != nil {
		return nil, err
	}
	name := filepath.Base(folder)
	files, err := l.parse(filepath.Join(l.module.Root, folder), name, parser.ParseComments)
	for above := filepath.Dir(folder); err == nil; above = filepath.Dir(above) {
		var inherited []*ast.File
		inherited, err = l.parse(filepath.Join(l.module.Root, above), name, parser.PackageClauseOnly)
		if err == nil && len(inherited) > 0 {
			err = errNotPlain // CUE adds the files of the same package in the folders above.
		}
		if above == "." {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if !l.plain(f) {
			return nil, errNotPlain
		}
	}
	return files, nil
}

// vendored fails if the package, or a part of it, comes from elsewhere.
func (l *ownLoader) vendored(folder string) error {
	for at := folder; at != "."; at = filepath.Dir(at) {
		if exists(filepath.Join(l.module.Root, at, "cue.mod")) {
			return errNotPlain // a module of its own
		}
	}
	for _, kind := range []string{"gen", "pkg", "usr"} {
		if exists(filepath.Join(l.module.Root, "cue.mod", kind, filepath.FromSlash(l.module.Path), folder)) {
			return errNotPlain
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// parse parses the files of that package in dir, in the order of their names.
func (l *ownLoader) parse(dir, name string, mode parser.Mode) ([]*ast.File, error) {
	paths, err := l.paths(dir)
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, path := range paths {
		data, open := l.unsaved[path]
		if !open {
			if data, err = os.ReadFile(path); err != nil {
				return nil, err
			}
		}
		f, err := parser.ParseFile(path, data, mode, parser.Version(l.module.Language))
		if err != nil {
			return nil, err
		}
		if f.PackageName() == name {
			files = append(files, f)
		}
	}
	return files, nil
}

// paths lists the files in dir that count for an import, saved or not.
func (l *ownLoader) paths(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if imported(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	for path := range l.unsaved {
		if filepath.Dir(path) == dir && imported(filepath.Base(path)) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// imported tells whether CUE looks at a file of that name in a package that is imported.
func imported(name string) bool {
	base, cue := strings.CutSuffix(name, ".cue")
	return cue && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "_") &&
		!strings.HasSuffix(base, "_test") && !strings.HasSuffix(base, "_tool")
}

// plain tells whether a file has no attributes for the loader, such as @if, and imports no
// packages but those that are always there and those of its module.
func (l *ownLoader) plain(file *ast.File) bool {
	return !hasAttributes(file) && eachImport(file, func(path string) bool {
		_, own := l.module.Folder(path)
		return own || alwaysThere(path)
	})
}
