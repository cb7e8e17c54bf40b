package vet

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/schema"
)

// UnitOf returns the unit that a file belongs to: the file, or in CUE all files of its
// package in its folder. open has what an editor holds of files, by absolute path; the
// others are read from disk. ok is false if the file has nothing to do with blueprints,
// cannot be read, or is left out by the configuration.
func UnitOf(path string, language Language, open map[string][]byte) (u Unit, ok bool) {
	data, err := held(path, open)
	if err != nil || len(data) > MaxFileSize || FindConfig(path).Excludes(path) {
		return Unit{}, false
	}
	file := File{Name: path, Data: data}
	if language == YAML {
		ours := looksLikeLegacy(data)
		// The kind may be misspelt, or not be there yet.
		return Unit{Language: YAML, Files: []File{file}, Library: ours}, ours || bytes.Contains(data, legacyGroup)
	}
	u = Unit{Language: CUE, Files: append([]File{file}, siblings(path, packageClause(data), open)...), Library: true}
	u.Unsaved = unsaved(u, open)
	return u, slices.ContainsFunc(u.Files, func(f File) bool { return bytes.Contains(f.Data, []byte(schema.Module+"/schema")) })
}

// PackageFiles returns the files of a package in a folder, as an editor holds them in open
// or as they are on disk. A package whose name is "" has none.
func PackageFiles(dir, pkg string, open map[string][]byte) []File {
	return siblings(filepath.Join(dir, "_"), pkg, open) // A file that is not there: no sibling is left out.
}

func held(path string, open map[string][]byte) ([]byte, error) {
	if data, ok := open[path]; ok {
		return data, nil
	}
	return os.ReadFile(path)
}

// siblings reads the other files of a package. One that cannot be read is left out: an
// editor shows what it can.
func siblings(path, pkg string, open map[string][]byte) []File {
	if pkg == "" {
		return nil
	}
	var files []File
	for _, other := range cueFiles(filepath.Dir(path), open) {
		if other == path || apart(other) && !strings.HasSuffix(path, "_test.cue") {
			continue
		}
		data, err := held(other, open)
		if err == nil && len(data) <= MaxFileSize && packageClause(data) == pkg {
			files = append(files, File{Name: other, Data: data})
		}
	}
	return files
}

// apart tells the files that are no part of a package by default.
func apart(path string) bool {
	return strings.HasSuffix(path, "_tool.cue") || strings.HasSuffix(path, "_test.cue")
}

// cueFiles lists the CUE files of a folder, those that were never saved included.
func cueFiles(dir string, open map[string][]byte) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		entries = nil
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && filepath.Ext(e.Name()) == ".cue" {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	for path := range open {
		if filepath.Dir(path) == dir && filepath.Ext(path) == ".cue" {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// unsaved are the open CUE files that the unit does not have itself.
func unsaved(u Unit, open map[string][]byte) map[string][]byte {
	others := map[string][]byte{}
	for path, data := range open {
		mine := slices.ContainsFunc(u.Files, func(f File) bool { return f.Name == path })
		if !mine && filepath.Ext(path) == ".cue" {
			others[path] = data
		}
	}
	return others
}
