package blueprinttest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxFileSize is the largest CUE file that is looked at, in bytes.
const maxFileSize = 16 << 20

// A Place is a CUE package that has tests.
type Place struct {
	// Dir is its folder, as the user named it.
	Dir string
	// Name of the package; empty for a file without a package clause.
	Name string
	// Only limits the tests to those of one file; empty for all.
	Only string
	// file is the file of a package that has no name.
	file string
}

// Find looks for tests: a path is a CUE file, or a folder that is searched with all
// folders in it. The error has one entry for each path that could not be read.
func Find(paths []string) ([]Place, error) {
	var found []Place
	var errs []error
	for _, path := range paths {
		places, err := find(path)
		if err != nil {
			errs = append(errs, err)
		}
		found = append(found, places...)
	}
	return compact(found), errors.Join(errs...)
}

// compact drops what was found twice, in the order found.
func compact(all []Place) []Place {
	var kept []Place
	for _, p := range all {
		if !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	return kept
}

func find(path string) ([]Place, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, plain(path, err)
	}
	if info.IsDir() {
		return search(path)
	}
	if filepath.Ext(path) != ".cue" {
		return nil, fmt.Errorf("%s: tests are CUE files; a test of a YAML blueprint names it with `file`", path)
	}
	p, ok, err := look(path)
	if err != nil || !ok {
		return nil, err
	}
	p.Only = path
	return []Place{p}, nil
}

// search finds the packages below a folder.
func search(root string) ([]Place, error) {
	var found []Place
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return plain(path, err)
		case d.IsDir() && path != root && skipped(d.Name()):
			return filepath.SkipDir
		case !d.Type().IsRegular() || filepath.Ext(path) != ".cue":
			return nil
		}
		p, ok, err := look(path)
		if ok {
			found = append(found, p)
		}
		return err
	})
	return compact(found), err
}

// skipped folders hold nothing of the user's own.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || name == "cue.mod" || name == "node_modules"
}

// plain is an error of the file system without the name of the system call.
func plain(path string, err error) error {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

var packageLine = regexp.MustCompile(`(?m)^package\s+([\pL_$#][\pL\pN_$]*)`)

// look says whether a file has tests, by its text.
func look(path string) (Place, bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Place{}, false, plain(path, err)
	}
	if info.Size() > maxFileSize {
		return Place{}, false, fmt.Errorf("%s: larger than %d MiB; a test is not that large", path, maxFileSize>>20)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return Place{}, false, plain(path, err)
	}
	if !bytes.Contains(src, []byte(".#Test")) {
		return Place{}, false, nil
	}
	p := Place{Dir: filepath.Dir(path)}
	if m := packageLine.FindSubmatch(src); m != nil {
		p.Name = string(m[1])
	} else {
		p.file = path
	}
	return p, true, nil
}
