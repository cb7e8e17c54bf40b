package schema

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"cuelang.org/go/cue/load"
	"cuelang.org/go/mod/modfile"
)

// ModuleOverlay makes the embedded schema importable from the CUE module that dir
// belongs to, whatever that module says about it: the schema of this program is the
// one that its functions were written for. A folder that belongs to no module
// becomes one. No network or registry is needed for it.
func ModuleOverlay(dir string) (map[string]load.Source, error) { return Embedded().ModuleOverlay(dir) }

// ModuleOverlay does so with the functions of the set.
func (s *Set) ModuleOverlay(dir string) (map[string]load.Source, error) {
	root, src, err := findModule(dir)
	if err != nil {
		return nil, err
	}
	if root == "" {
		overlay, err := s.Overlay(dir)
		if err == nil {
			overlay[moduleFile(dir)] = load.FromString("module: \"blueprint.local\"\nlanguage: version: \"" + localLanguage + "\"\n")
		}
		return overlay, err
	}
	file, err := modfile.ParseNonStrict(src, moduleFile(root))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(file.QualifiedModule(), Module+"@") {
		// The schema's own module has it, but for what With has added.
		overlay := map[string]load.Source{}
		for name, src := range s.extra {
			overlay[filepath.Join(root, "schema", name)] = load.FromBytes(src)
		}
		return overlay, nil
	}
	overlay, err := s.Overlay(root)
	if err != nil {
		return nil, err
	}
	return overlay, hideDependency(overlay, root, file)
}

// localLanguage is the version of CUE for files that belong to no module.
const localLanguage = "v0.17.0"

// A CUEModule is the module that a folder belongs to.
type CUEModule struct {
	// Root is the folder that has cue.mod; "" if the folder belongs to no module.
	Root string
	// Path is that of the module without its major version.
	Path string
	// Language is the version of CUE that the module asks for. A folder that belongs to
	// no module has the newest.
	Language string
	// Own says that it is the module of the schema itself, whose files on disk go before
	// the embedded ones.
	Own bool
}

// Folder returns the folder of a package of the module, relative to its root. It reports
// false for a package of another module, and for an import path with a version or the name
// of a package.
func (m CUEModule) Folder(importPath string) (string, bool) {
	rel, ok := strings.CutPrefix(importPath, m.Path+"/")
	return filepath.FromSlash(rel), ok && m.Path != "" && !strings.ContainsAny(rel, "@:") && filepath.IsLocal(rel)
}

// Module finds the module of a folder.
func (s *Set) Module(dir string) (CUEModule, error) {
	root, src, err := findModule(dir)
	if err != nil || root == "" {
		return CUEModule{Language: localLanguage}, err
	}
	m, err := s.modules.of(src, moduleFile(root))
	m.Root = root
	return m, err
}

// moduleTexts remembers what the texts of module files say: CUE evaluates such a file, and
// a thousand packages may have the same one.
type moduleTexts struct{ known sync.Map }

func (ms *moduleTexts) of(src []byte, name string) (CUEModule, error) {
	if m, ok := ms.known.Load(string(src)); ok {
		return m.(CUEModule), nil
	}
	file, err := modfile.ParseNonStrict(src, name)
	if err != nil {
		return CUEModule{}, err
	}
	path, _, _ := strings.Cut(file.QualifiedModule(), "@")
	m := CUEModule{Path: path, Own: strings.HasPrefix(file.QualifiedModule(), Module+"@")}
	if file.Language != nil {
		m.Language = file.Language.Version
	}
	ms.known.Store(string(src), m)
	return m, nil
}

// hideDependency takes a published schema out of what the module depends on: it
// would be a second one beside the embedded.
func hideDependency(overlay map[string]load.Source, root string, file *modfile.File) error {
	found := false
	for path := range file.Deps {
		if path == Module || strings.HasPrefix(path, Module+"@") {
			delete(file.Deps, path)
			found = true
		}
	}
	if !found {
		return nil
	}
	src, err := modfile.Format(file)
	if err != nil {
		return err
	}
	overlay[moduleFile(root)] = load.FromBytes(src)
	return nil
}

func moduleFile(root string) string { return filepath.Join(root, "cue.mod", "module.cue") }

// findModule looks for cue.mod/module.cue in dir and above, and returns its text.
// That there is none is no error.
func findModule(dir string) (root string, src []byte, err error) {
	for {
		src, err = os.ReadFile(moduleFile(dir))
		if err == nil {
			return dir, src, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return "", nil, err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil, nil
		}
		dir = parent
	}
}
