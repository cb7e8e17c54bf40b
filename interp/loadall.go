package interp

import (
	"fmt"

	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
)

// LoadAll loads all the blueprints of a CUE file, or of the package in a folder.
// src, if not nil, stands in for the file's content. With field it is just that one.
func LoadAll(path, field string, isDir bool, src []byte) ([]*Blueprint, error) {
	return Loader{}.LoadAll(path, field, isDir, src)
}

// LoadAll does so with the loader's schema.
func (l Loader) LoadAll(path, field string, isDir bool, src []byte) ([]*Blueprint, error) {
	inst, err := l.Instance(path, isDir, src)
	if err != nil {
		return nil, located(err)
	}
	if err := callChoices(inst); err != nil {
		return nil, located(err)
	}
	ctx := cuecontext.New()
	fields := []string{field}
	if field == "" {
		if fields, err = BlueprintFields(ctx.BuildInstance(inst)); err != nil {
			return nil, located(err)
		}
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("%s: %w: expected a field such as `blueprint: schema.#Blueprint & {…}`", path, ErrNoBlueprint)
	}
	var all []*Blueprint
	for _, f := range fields {
		b, err := fromInstance(ctx, inst, path, f)
		if err != nil {
			return nil, err
		}
		if hasCalls(inst) {
			b.again = func() (*build.Instance, error) { return l.Instance(path, isDir, src) }
		}
		all = append(all, b)
	}
	return all, nil
}
