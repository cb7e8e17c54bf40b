package vet

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// checkInputs finds inputs that do not exist where CUE says nothing: a comparison with
// `_|_` takes them for absent.
func (a *cueAction) checkInputs() {
	input := sub(a.path, "input")
	if !a.lookup(input...).Exists() {
		return
	}
	fields := a.closedFields()
	for _, p := range locate(a.files, a.path) {
		walkChains(p.value, func(n ast.Node, names []string) {
			if names[0] != "input" {
				return
			}
			at := input
			for i, name := range names[1:] {
				known := fields(at)
				switch {
				case name == "artifactsIn" || len(known) == 0:
					return
				case !slices.Contains(known, name):
					a.addAt(lastPart(n, i+2), a.pathOf(a.nodesAt(n.Pos())), a.selectionFinding(name, at))
					return
				}
				at = sub(at, name)
			}
		})
	}
}

// closedFields returns a function that lists the fields of what stands at a path, if
// it can have no others. It remembers them: the same inputs are read again and again.
func (a *cueAction) closedFields() func(path []string) []string {
	known := map[string][]string{}
	return func(path []string) []string {
		key := strings.Join(path, "\x00")
		names, ok := known[key]
		if !ok {
			if v := a.lookup(path...); !takesAny(v) {
				names = fieldNames(v)
			}
			known[key] = names
		}
		return names
	}
}

// takesAny tells whether a value is no struct whose fields are all known.
func takesAny(v cue.Value) bool {
	return v.IncompleteKind() != cue.StructKind || v.LookupPath(cue.MakePath(cue.AnyString)).Exists() || v.Allows(cue.Str(noField))
}

// noField is a name that no definition of the schema has.
const noField = "no field has this name"
