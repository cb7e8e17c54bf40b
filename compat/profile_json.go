package compat

import "errors"

// ParseProfile reads a Profile as `toJson .Profile` writes it, names in any case.
// Errors never show values.
func ParseProfile(src []byte) (*Profile, error) {
	root, err := parseJSON("", src)
	if err != nil {
		return nil, err
	}
	switch {
	case root.Kind == Null:
		return nil, errors.New("the profile is null: the action runs without a profile")
	case root.Kind != Map:
		return nil, root.Errorf("a profile must be a JSON object, found %s", root.Kind)
	}
	p, b := &Profile{}, &binder{anyCase: true}
	if err := b.bindTo(root, p); err != nil {
		return nil, err
	}
	return p, nil
}
