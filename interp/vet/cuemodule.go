package vet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cuelang.org/go/cue/load"
	"cuelang.org/go/mod/modfile"

	"github.com/rescuecue/rescue/schema"
)

// moduleOverlay puts the embedded schema into the module that dir belongs to,
// whatever that module says about it. A folder that belongs to none becomes one.
func moduleOverlay(dir string) (map[string]load.Source, error) {
	root, src, err := findModule(dir)
	if err != nil {
		return nil, err
	}
	if root == "" {
		overlay, err := schema.Overlay(dir)
		if err == nil {
			overlay[moduleFile(dir)] = load.FromString("module: \"blueprint.local\"\nlanguage: version: \"v0.17.0\"\n")
		}
		return overlay, err
	}
	file, err := modfile.ParseNonStrict(src, moduleFile(root))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(file.QualifiedModule(), schema.Module+"@") {
		// The schema's own module has it.
		return map[string]load.Source{}, nil
	}
	overlay, err := schema.Overlay(root)
	if err != nil {
		return nil, err
	}
	return overlay, hideDependency(overlay, root, file)
}

// hideDependency takes a published schema out of what the module depends on: it
// would be a second one beside the embedded.
func hideDependency(overlay map[string]load.Source, root string, file *modfile.File) error {
	found := false
	for path := range file.Deps {
		if path == schema.Module || strings.HasPrefix(path, schema.Module+"@") {
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
