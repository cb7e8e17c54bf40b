package compat

// ParseParams reads template parameters from JSON, in the shape in which Kanister's
// templates see them: names in any case, the data of Secrets in base64, the
// Profile as `toJson .Profile` shows it. Whole numbers in Object, PodOverride and
// the outputs of phases are int64. The error is an Errors or *Error, whose File is
// empty.
func ParseParams(src []byte) (*Params, error) {
	root, err := parseJSON("", src)
	if err != nil {
		return nil, err
	}
	if root.Kind != Map {
		return nil, root.Errorf("template parameters must be a JSON object, found %s", root.Kind)
	}
	p := &Params{}
	b := &binder{anyCase: true}
	if err := b.bindTo(root, p); err != nil {
		return nil, err
	}
	return p, nil
}
