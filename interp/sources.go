package interp

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cuelang.org/go/cue/build"

	"github.com/rescuecue/rescue/schema"
)

// A SourceFile is a file that a blueprint was made of.
type SourceFile struct {
	Path string // absolute
	Text []byte
}

// Sources are the files of a CUE blueprint: those of its package, of the packages of its
// module that it imports, and the module's own. root is the module's folder, or that
// of the file. There are none if the blueprint was YAML, or came from standard input.
//
// What comes from a registry is not among them: the module file names its version.
func (b *Blueprint) Sources() (root string, files []SourceFile, err error) {
	inst := b.root.BuildInstance()
	if inst == nil || b.Legacy != nil {
		return "", nil, nil
	}
	root = inst.Root
	if root == "" {
		root = inst.Dir
	}
	paths := []string{filepath.Join(root, "cue.mod", "module.cue")}
	collectFiles(inst, map[*build.Instance]bool{}, &paths)
	vendored := filepath.Join(root, "cue.mod", "pkg", filepath.FromSlash(schema.Module), "schema") + string(filepath.Separator)
	for _, path := range paths {
		if below, err := filepath.Rel(root, path); err != nil || !filepath.IsLocal(below) || strings.HasPrefix(path, vendored) {
			continue
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // Laid over the module, like the schema.
		}
		if err != nil {
			return "", nil, err
		}
		files = append(files, SourceFile{path, text})
	}
	return root, files, nil
}

// collectFiles adds the files of an instance and of all that it imports.
func collectFiles(inst *build.Instance, seen map[*build.Instance]bool, paths *[]string) {
	if seen[inst] {
		return
	}
	seen[inst] = true
	for _, f := range inst.BuildFiles {
		if filepath.IsAbs(f.Filename) {
			*paths = append(*paths, f.Filename)
		}
	}
	for _, imported := range inst.Imports {
		collectFiles(imported, seen, paths)
	}
}
