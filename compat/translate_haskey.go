package compat

import "slices"

// hasKey looks into the Kubernetes object, or its metadata, which are always there: of
// anything else that is missing the template fails, and CUE takes the key for missing, too.
func hasKey(_ *translator, args []term) (term, error) {
	if len(args) != 2 || args[0].maybe || args[0].indexed || args[1].lit == nil || args[1].typ.kind != textParam {
		return term{}, kept("hasKey of something that may be missing, or with a key that is not a constant")
	}
	object := args[0].open
	if object == nil || len(object) > 0 && !slices.Equal(object, []string{"metadata"}) {
		return term{}, kept("hasKey of something else than the object and its metadata, which may be missing")
	}
	path := cueSelect(args[0].cue, *args[1].lit)
	return term{cue: path + " != _|_", not: path + " == _|_", typ: boolType}, nil
}
