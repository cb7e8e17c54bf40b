package compat

import (
	"strconv"
	"strings"
)

// fields follows the dots of a path.
func (t *translator) fields(v term, names []string) (term, error) {
	for _, name := range names {
		var err error
		if v.typ == rootType {
			v, err = t.parameter(name)
		} else {
			v, err = t.field(v, name)
		}
		if err != nil {
			return term{}, err
		}
	}
	return v, nil
}

// phasesType marks .Phases: what stands under it depends on the phase.
var phasesType = &paramType{kind: mapParam}

// parameter is a name at the root.
func (t *translator) parameter(name string) (term, error) {
	switch name {
	case "Phases":
		return term{cue: "phases", typ: phasesType}, nil
	case "DeferPhase":
		if !t.scope.hasDefer {
			return term{}, kept("the action has no deferPhase")
		}
		return term{cue: "deferPhase", typ: phaseType(t.scope.deferFunc)}, nil
	}
	p, ok := rootType.fields[name]
	if !ok {
		return term{}, kept("there is no parameter .%s", name)
	}
	v := term{cue: p.cue, typ: p.typ}
	if name == "Object" {
		v.open = []string{}
	}
	return v, nil
}

// field is v.name.
func (t *translator) field(v term, name string) (term, error) {
	switch {
	case v.typ == conditionType:
		return term{}, kept("and and or give back one of several values")
	case v.typ == phasesType:
		return term{cue: cueSelect(v.cue, name), typ: phaseType(t.scope.phaseFuncs[name])}, nil
	case v.typ.kind == openParam || v.open != nil:
		return openField(v, name), nil
	case v.typ.kind == recordParam:
		f, ok := v.typ.fields[name]
		if !ok {
			return term{}, kept("%s has no field %s", v.cue, name)
		}
		return term{cue: cueSelect(v.cue, f.cue), typ: f.typ, maybe: v.maybe && f.typ.kind != mapParam}, nil
	case v.typ.kind == mapParam:
		to := term{cue: cueSelect(v.cue, name), typ: v.typ.elem}
		if f, ok := v.typ.fields[name]; ok {
			to.typ = f.typ
		}
		if to.typ.isText() && !t.nonEmpty[to.cue] {
			t.uses.strict[to.cue] = true
		}
		return to, nil
	}
	return term{}, kept("%s has no field %s", v.cue, name)
}

// openField goes on in the Kubernetes object.
func openField(v term, name string) term {
	to := term{cue: cueSelect(v.cue, name), typ: openType, maybe: v.maybe}
	if v.open != nil {
		to.open = append(v.open[:len(v.open):len(v.open)], name)
		if openIsText(to.open) {
			to.typ = textType
		}
	}
	return to
}

// index is the function of that name.
func index(t *translator, args []term) (term, error) {
	if len(args) == 0 {
		return term{}, kept("index without arguments")
	}
	v := args[0]
	for _, key := range args[1:] {
		var err error
		if v, err = t.indexOne(v, key); err != nil {
			return term{}, err
		}
	}
	return v, nil
}

func (t *translator) indexOne(v, key term) (term, error) {
	switch {
	case v.typ == rootType || v.typ.kind == recordParam:
		return term{}, kept("index into something that is not a list or map")
	case v.typ.kind == openParam && v.lit == nil:
		return t.indexOpen(v, key)
	case v.typ.kind == listParam && strings.Contains(key.cue, "len("):
		return term{}, kept("an index that counts a list: as long as its length is not known, CUE takes it for empty")
	case v.typ.kind == listParam && key.typ.kind == intParam:
		return term{cue: v.cue + "[" + key.cue + "]", typ: v.typ.elem, maybe: v.maybe}, nil
	case v.typ.kind == mapParam && key.typ.kind == textParam:
		return t.indexMap(v, key)
	}
	return term{}, kept("index of an unusual kind")
}

func (t *translator) indexOpen(v, key term) (term, error) {
	switch {
	case key.lit != nil && key.typ.kind == textParam:
		field := openField(v, *key.lit)
		field.indexed = true
		return field, nil
	case key.typ.kind == intParam, key.typ.kind == textParam:
		return term{cue: v.cue + "[" + key.cue + "]", typ: openType, maybe: v.maybe}, nil
	}
	return term{}, kept("index by a key of unknown type")
}

// indexMap reads a key that may be missing: text is then empty.
func (t *translator) indexMap(v, key term) (term, error) {
	switch {
	case v.maybe:
		return term{}, kept("index into %s, which may be missing", v.cue)
	case v.typ == phasesType || v.typ.fields != nil:
		if key.lit == nil {
			return term{}, kept("a phase or output whose name is computed")
		}
		return t.field(v, *key.lit)
	case !v.typ.elem.isText():
		return t.indexRecord(v, key)
	case key.lit == nil:
		// The key stands in the CUE twice, so it should be short.
		return term{cue: "({(" + key.cue + `): *"" | string} & ` + v.cue + ")[" + key.cue + "]", typ: v.typ.elem}, nil
	}
	return t.indexText(v, *key.lit), nil
}

// indexRecord reads an element that is a record or map. Without it, what a
// template finds in it is empty, which CUE has no short form for.
func (t *translator) indexRecord(v, key term) (term, error) {
	cue := v.cue + "[" + key.cue + "]"
	if key.lit != nil {
		cue = cueSelect(v.cue, *key.lit)
	}
	return term{cue: cue, typ: v.typ.elem, maybe: true}, nil
}

// indexText reads a key of a map of texts. Where the map is declared in the
// blueprint, the key is declared there with "" as its default; elsewhere the
// default stands in the expression, so that a missing map is still an error.
func (t *translator) indexText(v term, key string) term {
	path := cueSelect(v.cue, key)
	to := term{cue: path, typ: v.typ.elem}
	switch {
	case t.nonEmpty[path]:
	case t.scope.strict[path]:
		to.cue = inlineDefault(v.cue, key)
	case v.cue == "input.options" && !t.scope.countsOptions:
		t.uses.options[key] = true
	case t.scope.declared[v.cue]:
		t.uses.addData(v.cue, key)
	default:
		to.cue = inlineDefault(v.cue, key)
	}
	return to
}

func inlineDefault(base, key string) string {
	return cueSelect("({"+cueLabel(key)+`: *"" | string} & `+base+")", key)
}

// condition is a boolean expression and its opposite.
type condition struct{ cue, not string }

func (c condition) operand() string {
	if c.not == "!("+c.cue+")" {
		return "(" + c.cue + ")"
	}
	return c.cue
}

func composite(cue string) condition { return condition{cue, "!(" + cue + ")"} }

// truth is what a template's if makes of a value.
func (t *translator) truth(v term) (condition, error) {
	if v.maybe || v.indexed {
		return condition{}, kept("a condition on %s, which may be missing", v.cue)
	}
	if v.typ == conditionType {
		return composite(v.cue), nil
	}
	switch v.typ.kind {
	case textParam, bytesParam:
		return condition{v.cue + ` != ""`, v.cue + ` == ""`}, nil
	case intParam:
		return condition{v.cue + " != 0", v.cue + " == 0"}, nil
	case boolParam:
		switch {
		case v.not != "":
			return condition{v.cue, v.not}, nil
		case plainPath(v.cue):
			return condition{v.cue, "!" + v.cue}, nil
		}
		return composite(v.cue), nil
	case listParam:
		return condition{"len(" + v.cue + ") > 0", "len(" + v.cue + ") == 0"}, nil
	case mapParam:
		if v.cue == "input.options" {
			t.uses.countsOptions = true
			return condition{"len(input.options) > 0", "len(input.options) == 0"}, nil
		}
	case recordParam:
		// Only what the schema has as optional can be missing in CUE.
		if v.typ.pointer && v.cue != "input.profile" {
			return condition{v.cue + " != _|_", v.cue + " == _|_"}, nil
		}
	}
	return condition{}, kept("a condition on a value whose type is not known")
}

func plainPath(cue string) bool {
	for _, r := range cue {
		if r != '.' && r != '_' && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') {
			return false
		}
	}
	_, err := strconv.Atoi(cue)
	return err != nil
}
