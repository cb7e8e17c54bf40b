package vet

import (
	"fmt"
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
	parts := a.inputParts(input)
	for _, p := range locate(a.files, a.path) {
		walkChains(p.value, func(n ast.Node, names []string) {
			if names[0] == "input" {
				a.checkInput(n, names, parts)
			}
		})
	}
}

// checkInput follows a selection as far as it is known what there is.
func (a *cueAction) checkInput(n ast.Node, names []string, parts func([]string) inputPart) {
	for i, name := range names[1:] {
		part := parts(names[1 : i+1])
		f := Finding{Rule: ruleUnknownInput}
		switch {
		case name == "artifactsIn" || !part.known:
			return
		case part.scalar != "":
			f.Message = fmt.Sprintf("%s is a %s, of which there is no part %q", strings.Join(names[:i+1], "."), part.scalar, name)
		case part.fields == nil || slices.Contains(part.fields, name):
			continue
		case i == 0:
			f = a.selectionFinding(name, sub(a.path, "input"))
		default:
			f.Message = fmt.Sprintf("%s has no field %q", names[i], name)
			f = f.hint(name, "fields", part.fields)
		}
		a.addAt(lastPart(n, i+2), a.pathOf(a.nodesAt(n.Pos())), f)
		return
	}
}

// An inputPart is what stands at a place of the inputs.
type inputPart struct {
	known bool
	// scalar is the kind of a value that has no parts.
	scalar string
	// fields are all that there can be; nil if there can be others.
	fields []string
}

// inputParts returns a function that finds what stands below the inputs. It remembers: the
// same inputs are read again and again.
func (a *cueAction) inputParts(input []string) func(path []string) inputPart {
	known := map[string]inputPart{}
	return func(path []string) inputPart {
		key := strings.Join(path, "\x00")
		part, ok := known[key]
		if !ok {
			v := a.lookup(input...)
			for _, name := range path {
				v = partOf(v, name)
			}
			part = partAt(v)
			known[key] = part
		}
		return part
	}
}

func partAt(v cue.Value) inputPart {
	kind := v.IncompleteKind()
	switch {
	case !v.Exists() || kind == cue.BottomKind:
		return inputPart{}
	case kind&(cue.StructKind|cue.ListKind) == 0:
		return inputPart{known: true, scalar: kindText(kind)}
	case takesAny(v):
		return inputPart{known: true}
	}
	return inputPart{known: true, fields: fieldNames(v)}
}

// takesAny tells whether a value is no struct whose fields are all known.
func takesAny(v cue.Value) bool {
	return v.IncompleteKind() != cue.StructKind || v.LookupPath(cue.MakePath(cue.AnyString)).Exists() || v.Allows(cue.Str(noField))
}

// noField is a name that no definition of the schema has.
const noField = "no field has this name"
