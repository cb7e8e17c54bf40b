package compat

import "strings"

// list is a list of texts.
func list(_ *translator, args []term) (term, error) {
	items := make([]string, len(args))
	for i, a := range args {
		if a.typ.kind != textParam || a.maybe {
			return term{}, kept("a list of something else than texts")
		}
		items[i] = a.cue
	}
	return term{cue: "[" + strings.Join(items, ", ") + "]", typ: listOf(textType)}, nil
}

// splitList takes the separator first.
func splitList(t *translator, args []term) (term, error) {
	v, err := textFunc("strings", "strings.Split(%2, %1)")(t, args)
	v.typ = listOf(textType)
	return v, err
}

// has takes the list last.
func has(t *translator, args []term) (term, error) {
	if len(args) != 2 || args[1].typ.kind != listParam || args[1].typ.elem.kind != textParam || args[0].typ.kind != textParam || args[0].maybe {
		return term{}, kept("has of something else than a text and a list of texts")
	}
	t.uses.imports["list"] = true
	cue := "list.Contains(" + args[1].cue + ", " + args[0].cue + ")"
	return term{cue: cue, not: "!" + cue, typ: boolType}, nil
}
