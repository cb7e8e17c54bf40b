package lsp

import (
	"slices"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
)

// shape says what belongs to a node, by its place in the blueprint.
func (v *view) shape(n *outline.Node) (symbol, bool) {
	path := n.Path()
	from, s, ok := v.anchor(path)
	if !ok {
		return symbol{}, false
	}
	for i := from + 1; i < len(path); i++ {
		if path[i].Key == "" {
			elem := s.elem
			s = symbol{members: elem, typ: s.typ}
			if elem == nil {
				return symbol{}, false
			}
			continue
		}
		if s, ok = find(v.membersAt(s, path[i-1]), path[i].Key); !ok {
			return symbol{}, false
		}
	}
	return s, true
}

// membersAt are the members of what stands at a node. Those of a phase's arguments are
// those of the function that the phase calls.
func (v *view) membersAt(s symbol, n *outline.Node) []symbol {
	members := s.children()
	if !isPhase(n) {
		return members
	}
	_, p := v.around(n)
	if f, known := schema.Function(p.function); known {
		if i := slices.IndexFunc(members, func(s symbol) bool { return s.name == "args" }); i >= 0 {
			members[i].members = func() []symbol { return argumentSymbols(f) }
			members[i].what = "arguments of " + f.Name
		}
	}
	return append(parameterSymbols(p), members...)
}

// anchor finds the outermost node of the path whose form is known.
func (v *view) anchor(path []*outline.Node) (int, symbol, bool) {
	fields, what := schema.Fields, "field of a blueprint"
	if v.language == vet.YAML {
		if len(path) < 2 {
			return 0, symbol{}, false
		}
		return 1, symbol{members: func() []symbol { return fieldSymbols(what, schema.LegacyFields(legacyKind(path[1]))) }}, true
	}
	for i, n := range path {
		if n.Key != "" && n.Get("actions") != nil {
			return i, symbol{members: func() []symbol { return fieldSymbols(what, fields("#Blueprint")) }}, true
		}
		if i > 0 && isPhase(n) {
			return i, symbol{members: func() []symbol { return fieldSymbols("field of a phase", fields("#Phase")) }}, true
		}
	}
	return 0, symbol{}, false
}

// legacyKind is the definition of a YAML document.
func legacyKind(doc *outline.Node) string {
	switch kind := doc.GetText("kind"); kind {
	case "ActionSet", "Profile", "RepositoryServer":
		return "#" + kind
	}
	return "#Blueprint"
}
