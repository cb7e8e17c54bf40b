package lsp

import (
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
)

// A symbol is something that has a name in a blueprint: a field, an argument, an
// output, an input, a phase.
type symbol struct {
	name string
	kind completionKind
	// what it is, as in "argument of KubeTask".
	what string
	typ  string
	doc  string
	// example is CUE.
	example string
	// required says that it must be given; note is what else there is to say.
	required bool
	note     string
	// members are what it has; elem is what an item of it has.
	members func() []symbol
	elem    func() []symbol
	// values are what it can be, if these are few.
	values []string
	// node is where it is defined, in file; nil if that is not in a blueprint.
	node *outline.Node
	file *document
}

func (s symbol) children() []symbol {
	if s.members == nil {
		return nil
	}
	return s.members()
}

// find returns the member of that name; a member without a name stands for any.
func find(symbols []symbol, name string) (symbol, bool) {
	for _, match := range []string{name, ""} {
		if i := slices.IndexFunc(symbols, func(s symbol) bool { return s.name == match }); i >= 0 {
			return symbols[i], true
		}
	}
	return symbol{}, false
}

// follow goes along names from some symbols.
func follow(symbols []symbol, names []string) (symbol, bool) {
	var s symbol
	for i, name := range names {
		var ok bool
		if s, ok = find(symbols, name); !ok {
			return symbol{}, false
		}
		if i < len(names)-1 {
			symbols = s.children()
		}
	}
	return s, len(names) > 0
}

// fieldSymbols makes symbols of fields of the language.
func fieldSymbols(what string, fields []schema.Field) []symbol {
	var symbols []symbol
	for _, f := range fields {
		s := symbol{name: f.Name, kind: kindField, what: what, typ: f.Type, doc: joined(f.Doc), example: f.Example, values: enumeration(f.Type)}
		s.members = func() []symbol { return fieldSymbols(what, f.Fields()) }
		s.elem = func() []symbol {
			e, ok := f.Elem()
			if !ok {
				return nil
			}
			return fieldSymbols(what, e.Fields())
		}
		symbols = append(symbols, s)
	}
	return symbols
}

// argumentSymbols are the arguments of a function.
func argumentSymbols(f schema.Func) []symbol {
	var symbols []symbol
	for _, a := range f.Args {
		if _, alias := f.Aliases[a.Name]; alias {
			continue
		}
		s := symbol{
			name: a.Name, kind: kindProperty, what: "argument of " + f.Name, typ: vet.TypeText(a), doc: joined(a.Doc),
			required: slices.Contains(f.Required, a.Name), note: choiceNote(f, a.Name), values: enumeration(a.Type),
		}
		if a.Default != "" {
			s.note = strings.TrimSpace(s.note + " By default it is " + a.Default + ".")
		}
		if strings.HasPrefix(a.Type, "#") {
			s.members = func() []symbol { return fieldSymbols(a.Name, schema.Fields(a.Type)) }
		}
		symbols = append(symbols, s)
	}
	return symbols
}

// choiceNote says of what an argument is one of several to choose from.
func choiceNote(f schema.Func, arg string) string {
	for _, group := range f.ExactlyOne {
		if slices.Contains(group, arg) {
			return "Exactly one of " + strings.Join(group, ", ") + " must be given."
		}
	}
	return ""
}

// enumeration lists the texts that a type allows, if it is nothing but texts.
func enumeration(typ string) []string {
	var values []string
	for part := range strings.SplitSeq(typ, " | ") {
		text := strings.TrimPrefix(strings.TrimSpace(part), "*")
		if len(text) < 3 || text[0] != '"' || text[len(text)-1] != '"' {
			if text == `""` || strings.HasPrefix(text, "=~") || strings.HasPrefix(text, "error(") {
				continue
			}
			return nil
		}
		values = append(values, text[1:len(text)-1])
	}
	return values
}

// outputSymbols are what a phase leaves: what its function always does, and what is
// declared or written by its scripts.
func outputSymbols(p *phase) []symbol {
	var symbols []symbol
	f, _ := schema.Function(p.function)
	for _, o := range f.Outputs {
		s := symbol{name: o.Name, kind: kindProperty, what: "output of " + f.Name, typ: vet.TypeText(o), doc: joined(o.Doc)}
		if o.Optional {
			s.note = "It is not always there."
		}
		symbols = append(symbols, s)
	}
	for _, o := range p.outputs {
		symbols = append(symbols, symbol{
			name: o.node.Key, kind: kindProperty, what: "output of phase " + p.name, typ: o.node.Text, doc: o.doc.comment(o.node), node: o.node, file: o.doc,
		})
	}
	for _, key := range p.written {
		symbols = append(symbols, symbol{
			name: key, kind: kindProperty, what: "output of phase " + p.name, typ: "string",
			doc: "Written by the script, with kando.", node: p.place().node, file: p.place().doc,
		})
	}
	return symbols
}

// joined puts a comment into one line.
func joined(doc string) string { return strings.Join(strings.Fields(doc), " ") }
