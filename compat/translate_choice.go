package compat

// fallback is default: the value, unless that is empty.
func fallback(t *translator, args []term) (term, error) {
	if len(args) != 2 {
		return term{}, kept("default without a value")
	}
	return t.orElse(args[1], args[0])
}

// coalesce of two is default, the other way round. A longer one evaluates all of them,
// and fails if one is missing, where CUE stops at the first that is not empty.
func coalesce(t *translator, args []term) (term, error) {
	if len(args) != 2 {
		return term{}, kept("coalesce of %d values", len(args))
	}
	return t.orElse(args[0], args[1])
}

// orElse takes only a constant in the place of an empty text: anything else could fail in
// the template also where it is not needed.
func (t *translator) orElse(v, otherwise term) (term, error) {
	switch {
	case otherwise.lit == nil || otherwise.typ.kind != textParam:
		return term{}, kept("a default that is not a constant text")
	case v.typ.kind != textParam:
		return term{}, kept("a default for something that is not known to be text")
	}
	c, err := t.truth(v)
	if err != nil {
		return term{}, err
	}
	return term{cue: choose(c, v, otherwise), typ: textType}, nil
}

// ternary chooses one of two constants by a boolean, which comes last.
func ternary(t *translator, args []term) (term, error) {
	if len(args) != 3 || args[2].typ.kind != boolParam {
		return term{}, kept("ternary of something else than two texts and a boolean")
	}
	for _, a := range args[:2] {
		if a.lit == nil || a.typ.kind != textParam {
			return term{}, kept("ternary of something else than two constant texts")
		}
	}
	c, err := t.truth(args[2])
	if err != nil {
		return term{}, err
	}
	return term{cue: choose(c, args[0], args[1]), typ: textType}, nil
}
