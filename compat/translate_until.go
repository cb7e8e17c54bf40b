package compat

import "regexp"

// until counts from 0. It counts down to a number below 0, which the length of a list is not.
func until(t *translator, args []term) (term, error) {
	if len(args) != 1 || args[0].maybe {
		return term{}, kept("until of something that may be missing")
	}
	if n := args[0]; !upwards.MatchString(n.cue) || n.typ.kind != intParam {
		return term{}, kept("until of something else than a constant or the length of a list, which may be below 0")
	}
	t.uses.imports["list"] = true
	return term{cue: "list.Range(0, " + args[0].cue + ", 1)", typ: listOf(intType)}, nil
}

// upwards matches what is never below 0: a constant, and the length of what a path leads to.
var upwards = regexp.MustCompile(`^(\d+|len\([\w.\[\]"]+\))$`)
