package blueprinttest

import (
	"errors"
	"path/filepath"

	"cuelang.org/go/cue"
)

var (
	errNoBlueprint = errors.New("the test names no blueprint: write `of: PACKAGE.blueprint`, or `file: PATH` for YAML")
	errNoReference = errors.New("`of` must name a blueprint of a package, as in `of: PACKAGE.blueprint`")
)

// blueprintPath is where the blueprint of a test can be loaded from, as interp.Load
// takes it. It is loaded anew, as a run would load it: without the tests.
func (t *Test) blueprintPath() (string, error) {
	if of := t.value.LookupPath(cue.ParsePath("of")); of.Exists() {
		return referred(of)
	}
	file := t.value.LookupPath(cue.ParsePath("file"))
	if !file.Exists() {
		return "", errNoBlueprint
	}
	path, err := file.String()
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(position(file).Filename()), path)
	}
	return relative(path), nil
}

// referred finds the package and the field that a value is a reference to.
func referred(v cue.Value) (string, error) {
	parts := []cue.Value{v}
	if op, operands := v.Expr(); op == cue.AndOp {
		parts = operands
	}
	for _, part := range parts {
		root, path := part.ReferencePath()
		if len(path.Selectors()) != 1 || !root.Exists() {
			continue
		}
		if inst := root.BuildInstance(); inst != nil && inst.Dir != "" {
			return relative(inst.Dir) + ":" + path.Selectors()[0].Unquoted(), nil
		}
	}
	return "", errNoReference
}
