package interp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
)

// A tree binds expressions where they stand: the known values are filled into the whole
// blueprint, which CUE evaluates then. So what comes out is right whatever an author
// writes, but it costs as much as the action is large. It is for those expressions that
// CUE cannot write on their own, or writes wrongly: see Plan.verify.
type tree struct {
	markers *markers
	// root is the blueprint with its inputs.
	root cue.Value
	// last is the tree that was filled last: phases that read the same share it.
	last filledTree
}

// A filledTree is the blueprint with some values known.
type filledTree struct {
	key    string
	root   cue.Value
	places map[filledLine]Ref
}

// bind evaluates the expression at its place. With what is known it can turn out to read
// more, which is filled in then. The value is there also with an error, as far as it goes.
func (t *tree) bind(e *expression, lookup Lookup) (cue.Value, error) {
	known, missing := map[Ref]json.RawMessage{}, map[Ref]error{}
	for more := t.markers.single(e.reads()); ; {
		for _, ref := range more {
			text, err := literal(ref, lookup)
			if err != nil {
				missing[ref] = err
				continue
			}
			known[ref] = text
		}
		filled, err := t.with(known)
		if err != nil {
			return cue.Value{}, err
		}
		v := filled.root.LookupPath(e.value.Path())
		err = v.Validate(cue.Concrete(true), cue.Final())
		if err == nil {
			return v, nil
		}
		more = more[:0:0]
		for _, ref := range allCauses(err, filled.places) {
			if missing[ref] != nil {
				return v, missing[ref]
			}
			if known[ref] == nil {
				more = append(more, ref)
			}
		}
		if len(more) == 0 {
			return v, e.explain(err)
		}
	}
}

// with is the tree with these values, and markers for all others.
func (t *tree) with(known map[Ref]json.RawMessage) (filledTree, error) {
	if key := valuesKey(known); key != t.last.key || !t.last.root.Exists() {
		fill, places, err := t.markers.fill(func(mk marker) string {
			if text, ok := known[mk.ref]; ok {
				return string(text)
			}
			return unresolved(mk.name, mk.kind)
		}, func([]marker) string { return "" })
		if err != nil {
			return filledTree{}, err
		}
		t.last = filledTree{key, t.root.FillPath(t.markers.action, fill), places}
	}
	return t.last, nil
}

// valuesKey is the same for the same values.
func valuesKey(known map[Ref]json.RawMessage) string {
	var lines []string
	for ref, text := range known {
		lines = append(lines, fmt.Sprintf("%#v=%s\n", ref, text))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// allCauses are what an evaluation lacks, by all of its errors.
func allCauses(err error, places map[filledLine]Ref) []Ref {
	found := map[Ref]bool{}
	var refs []Ref
	for _, one := range cueerrors.Errors(err) {
		for _, ref := range causes(one, places) {
			if !found[ref] {
				found[ref] = true
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// single names each output of a phase where a Ref stands for all of them, and leaves out
// what has no marker: it is in the tree already.
func (m *markers) single(refs []Ref) []Ref {
	wanted := map[Ref]bool{}
	for _, ref := range refs {
		wanted[ref] = true
	}
	found := map[Ref]bool{}
	for _, mk := range m.list {
		whole := Ref{Phase: mk.ref.Phase, Kind: mk.ref.Kind}
		if wanted[mk.ref] || mk.ref.Kind == OutputRef && wanted[whole] {
			found[mk.ref] = true
		}
	}
	return slices.Collect(maps.Keys(found))
}
