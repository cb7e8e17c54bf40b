package lsp

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/mod/modfile"
	"cuelang.org/go/mod/module"

	"github.com/rescuecue/rescue/schema"
)

// packages finds the folders of packages that blueprints import: in their own module,
// vendored, or where the cue command keeps what it has fetched. It asks no network.
type packages struct {
	// modules are the module files that were read, by their text: CUE evaluates them.
	modules map[string]*modfile.File
}

// folder returns where the files of an imported package are, or "". The schema is none of
// those that it finds: that has descriptions of its own.
func (ps *packages) folder(dir string, path ast.ImportPath) string {
	if path.Path == schema.Module || strings.HasPrefix(path.Path, schema.Module+"/schema") {
		return ""
	}
	root, file := ps.module(dir)
	if root == "" {
		return ""
	}
	var folders []string
	if below, ok := within(path.Path, moduleName(file)); ok {
		folders = append(folders, filepath.Join(root, below))
	}
	for _, vendored := range []string{"pkg", "gen", "usr"} {
		folders = append(folders, filepath.Join(root, "cue.mod", vendored, filepath.FromSlash(path.Path)))
	}
	for _, folder := range append(folders, fetched(file, path)...) {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return folder
		}
	}
	return ""
}

// module is the root of the module that dir belongs to, and its file; without one, or with
// one that cannot be read, root is "".
func (ps *packages) module(dir string) (root string, file *modfile.File) {
	for {
		name := filepath.Join(dir, "cue.mod", "module.cue")
		text, err := os.ReadFile(name)
		if err == nil {
			if file = ps.parse(text, name); file == nil {
				return "", nil
			}
			return dir, file
		}
		parent := filepath.Dir(dir)
		if parent == dir || !errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		dir = parent
	}
}

// parse returns nil for what is no module file: the check of the document says why.
func (ps *packages) parse(text []byte, name string) *modfile.File {
	if file, ok := ps.modules[string(text)]; ok {
		return file
	}
	file, err := modfile.ParseNonStrict(text, name)
	if err != nil {
		file = nil
	}
	if ps.modules == nil {
		ps.modules = map[string]*modfile.File{}
	}
	ps.modules[string(text)] = file
	return file
}

// moduleName is the module's path without its major version.
func moduleName(file *modfile.File) string {
	name, _, _ := strings.Cut(file.QualifiedModule(), "@")
	return name
}

// within says what a package's path is below that of a module.
func within(path, module string) (below string, ok bool) {
	if module == "" {
		return "", false
	}
	rest, ok := strings.CutPrefix(path+"/", module+"/")
	return filepath.FromSlash(strings.TrimSuffix(rest, "/")), ok
}

// fetched are the folders that a package of another module has once it was fetched, in the
// versions that the module file names.
func fetched(file *modfile.File, path ast.ImportPath) []string {
	cache := os.Getenv("CUE_CACHE_DIR")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil // Then the cue command has none either.
		}
		cache = filepath.Join(user, "cue")
	}
	var folders []string
	for _, dep := range file.DepVersions() {
		below, ok := within(path.Path, dep.BasePath())
		escaped, err := module.EscapePath(dep.BasePath())
		if ok && err == nil {
			folders = append(folders, filepath.Join(cache, "mod", "extract", filepath.FromSlash(escaped)+"@"+dep.Version(), below))
		}
	}
	return folders
}
