package interp

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// LoadNamed loads the blueprint called name, as an ActionSet asks for it, from the
// place that path says: like Load, but of several blueprints there it takes the one
// of that name, and a single one of another name is an error.
func LoadNamed(path string, stdin io.Reader, name string) (*Blueprint, error) {
	return Loader{}.LoadNamed(path, stdin, name)
}

// LoadNamed does so with the loader's schema.
func (l Loader) LoadNamed(path string, stdin io.Reader, name string) (*Blueprint, error) {
	src, err := sourceOf(path, stdin)
	if err != nil {
		return nil, err
	}
	if src != nil && !strings.HasSuffix(path, ".cue") && !LooksLikeCUE(src) {
		return l.loadYAML(path, src, name)
	}
	file, field := path, ""
	if path != "-" {
		file, field = SplitField(path)
	}
	info, err := os.Stat(file)
	all, err := l.LoadAll(file, field, err == nil && info.IsDir(), src)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, b := range all {
		if b.Name() == name {
			return b, nil
		}
		names = append(names, b.Name())
	}
	return nil, fmt.Errorf("%s: no blueprint %q; those here: %s", path, name, strings.Join(names, ", "))
}

// sourceOf reads a file, or standard input. It is nil for a CUE package, which the
// loader reads by itself.
func sourceOf(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		return readLimited(stdin, "standard input")
	}
	file, _ := SplitField(path)
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || strings.HasSuffix(file, ".cue") {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, file)
}
