package vet

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// errNoMatch says that a pattern names nothing.
var errNoMatch = errors.New("no file matches this pattern")

// isPattern tells a pattern, in which ** stands for any number of folders, from a name.
// A file that has such a name goes first.
func isPattern(path string) bool {
	if !strings.ContainsAny(path, "*?[{") {
		return false
	}
	_, err := os.Stat(path)
	return err != nil
}

// pattern checks what matches, and passes over files that hold no blueprint, as in a
// folder: a pattern does not say that they do.
func (c *Collector) pattern(pattern string) {
	// The error is about the pattern: what cannot be read, the search passes over.
	matches, err := doublestar.FilepathGlob(pattern, doublestar.WithNoFollow())
	if err != nil {
		c.fail(pattern, err)
		return
	}
	base, _ := doublestar.SplitPattern(filepath.ToSlash(pattern))
	matches = slices.DeleteFunc(matches, func(path string) bool { return belowSkipped(base, path) })
	if len(matches) == 0 {
		c.fail(pattern, errNoMatch)
		return
	}
	slices.Sort(matches)
	for _, path := range matches {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue // Its files match, or were not asked for.
		}
		c.sift(path)
	}
}

// belowSkipped tells whether a match lies in a folder that no search enters, unless the
// pattern names it.
func belowSkipped(base, path string) bool {
	rel, err := filepath.Rel(filepath.FromSlash(base), path)
	if err != nil {
		return false
	}
	folders := strings.Split(filepath.ToSlash(filepath.Dir(rel)), "/")
	return slices.ContainsFunc(folders, func(name string) bool { return name != "." && name != ".." && skipped(name) })
}

// sift takes a file if it holds a blueprint: of CUE the whole package, because its
// files make sense together only.
func (c *Collector) sift(path string) {
	packages := map[string][]File{}
	if strings.ToLower(filepath.Ext(path)) != ".cue" {
		c.found(path, packages)
		return
	}
	data, ok := c.read(path)
	if !ok {
		return
	}
	siblings, err := filepath.Glob(filepath.Join(escapeMeta(filepath.Dir(path)), "*.cue"))
	if err != nil || packageClause(data) == "" {
		siblings = []string{path}
	}
	for _, sibling := range siblings {
		c.found(sibling, packages)
	}
	for _, files := range packages {
		if slices.ContainsFunc(files, func(f File) bool { return f.Name == filepath.Clean(path) || f.Name == path }) {
			c.addPackage(files)
		}
	}
}

// escapeMeta keeps a folder's name from being read as a pattern.
func escapeMeta(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}
