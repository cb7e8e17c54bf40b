package lsp

import (
	"reflect"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
)

// scope lists the names that an expression can begin with: in a template of a legacy
// blueprint, those after the first dot.
func (v *view) scope(a *action, p *phase) []symbol {
	if a == nil {
		a = &action{}
	}
	if v.language == vet.YAML {
		return v.parameters(a)
	}
	symbols := []symbol{v.input(a), {
		name: "phases", kind: kindModule, what: "the phases of the action",
		members: func() []symbol { return phaseSymbols(a.phases, nativeParts) },
	}}
	symbols = append(symbols, phaseSymbols(a.phases, nativeParts)...)
	if p != nil {
		for _, part := range nativeParts(p) {
			if part.name == "secrets" || part.name == "configMaps" {
				symbols = append(symbols, part)
			}
		}
	}
	return append(symbols, v.packageSymbols()...)
}

// phaseSymbols are the phases, each with its parts.
func phaseSymbols(phases []*phase, parts func(*phase) []symbol) []symbol {
	var symbols []symbol
	for _, p := range phases {
		if p.name == "" {
			continue
		}
		symbols = append(symbols, symbol{
			name: p.name, kind: kindFunction, what: "phase, calls " + p.function, node: p.place().node, file: p.place().doc,
			members: func() []symbol { return parts(p) },
		})
	}
	return symbols
}

// nativeParts are what CUE can read of a phase.
func nativeParts(p *phase) []symbol {
	parts := fieldSymbols("field of phase "+p.name, schema.Fields("#Phase"))
	for i := range parts {
		switch s := &parts[i]; s.name {
		case "output":
			s.members = func() []symbol { return outputSymbols(p) }
		case "args":
			f, _ := schema.Function(p.function)
			s.members = func() []symbol { return argumentSymbols(f) }
		case "secrets":
			s.members = func() []symbol { return objectSymbols(p, false, "#Secret") }
		case "configMaps":
			s.members = func() []symbol { return objectSymbols(p, true, "#ConfigMap") }
		}
	}
	return parts
}

// objectSymbols are the Secrets, or the ConfigMaps, that a phase declares.
func objectSymbols(p *phase, configMaps bool, definition string) []symbol {
	var symbols []symbol
	for _, o := range p.objects {
		n := o.node
		if (n.GetText("kind") == "ConfigMap") != configMaps {
			continue
		}
		symbols = append(symbols, symbol{
			name: n.Key, kind: kindVariable, what: strings.TrimPrefix(definition, "#") + " of phase " + p.name, node: n, file: o.doc,
			members: func() []symbol { return fieldSymbols("field of "+n.Key, schema.Fields(definition)) },
		})
	}
	return symbols
}

// input is what an action is given.
func (v *view) input(a *action) symbol {
	kind := a.kind
	if kind == "" {
		kind = "Any"
	}
	return symbol{
		name: "input", kind: kindModule, what: "the inputs of an action on: " + kind,
		doc: "What is known when the action starts. `input: _` in the action brings it into scope.",
		members: func() []symbol {
			inputs, _ := find(fieldSymbols("input", schema.Fields("#Inputs")), kind)
			fields := inputs.children()
			for i := range fields {
				if from := v.action(a.artifactsFrom); fields[i].name == "artifactsIn" && from != nil {
					fields[i].members = func() []symbol { return artifactSymbols(from.artifacts, "keyValue", "kopiaSnapshot") }
				}
			}
			return fields
		},
	}
}

// artifactSymbols are artifacts, with the names that their two parts have.
func artifactSymbols(artifacts []*artifact, keyValue, snapshot string) []symbol {
	var symbols []symbol
	for _, x := range artifacts {
		symbols = append(symbols, symbol{
			name: x.name, kind: kindVariable, what: "artifact", node: x.place.node, file: x.place.doc,
			members: func() []symbol { return artifactParts(x, keyValue, snapshot) },
		})
	}
	return symbols
}

func artifactParts(x *artifact, keyValue, snapshot string) []symbol {
	var parts []symbol
	if len(x.keys) > 0 {
		parts = append(parts, symbol{name: keyValue, kind: kindField, what: "texts of artifact " + x.name, members: func() []symbol {
			var keys []symbol
			for _, key := range x.keys {
				keys = append(keys, symbol{name: key, kind: kindProperty, what: "text of artifact " + x.name, typ: "string", node: x.place.node, file: x.place.doc})
			}
			return keys
		}})
	}
	if x.snapshot {
		parts = append(parts, symbol{name: snapshot, kind: kindProperty, what: "snapshot of artifact " + x.name, typ: "string"})
	}
	return parts
}

// parameters are what templates of a legacy blueprint can read.
func (v *view) parameters(a *action) []symbol {
	docs := fieldSymbols("parameter", schema.Fields("#Inputs"))
	any, _ := find(docs, "Any")
	symbols := typeSymbols(reflect.TypeFor[compat.Params](), any.children())
	for i := range symbols {
		switch s := &symbols[i]; s.name {
		case "Phases":
			s.doc = "The phases that have run before."
			s.members = func() []symbol { return phaseSymbols(a.phases, legacyParts) }
		case "DeferPhase":
			s.doc = "The phase that runs at the end."
			s.members = nil
			if a.deferPhase != nil {
				s.members = func() []symbol { return legacyParts(a.deferPhase) }
			}
		case "ArtifactsIn":
			s.members = func() []symbol { return artifactSymbols(v.artifactsOfOthers(a), "KeyValue", "KopiaSnapshot") }
		}
	}
	return symbols
}

// artifactsOfOthers are what the other actions write.
func (v *view) artifactsOfOthers(a *action) []*artifact {
	var all []*artifact
	seen := map[string]bool{}
	for _, other := range v.actions {
		for _, x := range other.artifacts {
			if other.name != a.name && !seen[x.name] {
				seen[x.name] = true
				all = append(all, x)
			}
		}
	}
	return all
}

// legacyParts are what templates can read of a phase.
func legacyParts(p *phase) []symbol {
	parts := typeSymbols(reflect.TypeFor[compat.Phase](), nativeParts(p))
	for i := range parts {
		switch s := &parts[i]; s.name {
		case "Output":
			s.members = func() []symbol { return outputSymbols(p) }
		case "Secrets":
			s.members = func() []symbol { return legacyObjects(p, false, reflect.TypeFor[compat.Secret]()) }
		case "ConfigMaps":
			s.members = func() []symbol { return legacyObjects(p, true, reflect.TypeFor[compat.ConfigMap]()) }
		}
	}
	return parts
}

func legacyObjects(p *phase, configMaps bool, typ reflect.Type) []symbol {
	symbols := objectSymbols(p, configMaps, "#"+typ.Name())
	for i := range symbols {
		docs := symbols[i].children()
		symbols[i].members = func() []symbol { return typeSymbols(typ, docs) }
	}
	return symbols
}

// typeSymbols are the fields of a parameter, with the words that the language has for
// the input of that name.
func typeSymbols(typ reflect.Type, docs []symbol) []symbol {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() == reflect.Map {
		docs, _ := find(docs, "")
		return []symbol{{members: func() []symbol { return typeSymbols(typ.Elem(), docs.children()) }}}
	}
	if typ.Kind() != reflect.Struct {
		return nil
	}
	var symbols []symbol
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		s := symbol{name: f.Name, kind: kindField, what: "parameter"}
		for _, d := range docs {
			if strings.EqualFold(d.name, f.Name) {
				s.typ, s.doc = d.typ, d.doc
				s.members = func() []symbol { return typeSymbols(f.Type, d.children()) }
			}
		}
		if s.members == nil {
			s.members = func() []symbol { return typeSymbols(f.Type, nil) }
		}
		symbols = append(symbols, s)
	}
	return symbols
}
