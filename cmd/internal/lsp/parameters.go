package lsp

import (
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/interp/vet"
)

// parameterSymbols are the definitions inside of a phase that is shared: what those who use
// it fill in.
func parameterSymbols(p *phase) []symbol {
	var symbols []symbol
	for _, part := range slices.Backward(p.parts) { // What declares it comes after those who fill it in.
		for _, n := range part.node.Children {
			if isParameter(n) && !slices.ContainsFunc(symbols, func(s symbol) bool { return s.name == n.Key }) {
				symbols = append(symbols, part.parameter(n))
			}
		}
	}
	slices.SortFunc(symbols, func(a, b symbol) int { return strings.Compare(a.name, b.name) })
	return symbols
}

func (p part) parameter(n *outline.Node) symbol {
	return symbol{
		name: n.Key, kind: kindProperty, what: "parameter of " + p.node.Key, typ: n.Text, doc: p.doc.comment(n),
		required: n.Kind == outline.Scalar && isOpen(n) && !strings.Contains(n.Text, "*"), node: n, file: p.doc,
	}
}

func isParameter(n *outline.Node) bool { return strings.HasPrefix(n.Key, "#") && !n.Hidden }

// isOpen tells a field that says what may stand there from one that says what does.
func isOpen(n *outline.Node) bool {
	switch n.Kind {
	case outline.Scalar:
		return !n.Literal && openText.MatchString(n.Text)
	case outline.List:
		return !slices.ContainsFunc(n.Children, func(item *outline.Node) bool { return !strings.HasPrefix(item.Text, "...") })
	}
	return true // More can be added to a struct.
}

// openText is a type, a bound or a choice.
var openText = regexp.MustCompile(`^(_|string|bytes|bool|u?int\d*|float\d*|number)$|^[<>=!&]|\|`)

// settled are the fields of a struct that a shared phase fills in: nobody needs to write
// them where the phase is used.
func (v *view) settled(container *outline.Node) []string {
	_, p := v.around(container)
	if p == nil || v.language != vet.CUE {
		return nil
	}
	path := container.Path()
	i := slices.IndexFunc(path, func(n *outline.Node) bool {
		return slices.ContainsFunc(p.parts, func(x part) bool { return x.node == n })
	})
	if i < 0 {
		return nil
	}
	parts := p.parts
	for _, n := range path[i+1:] {
		var below []part
		for _, x := range parts {
			below = append(below, v.fields(x, n.Key)...)
		}
		parts = below
	}
	var names []string
	for _, x := range parts {
		for _, n := range x.node.Children {
			if n.Key != "" && !n.Hidden && !isOpen(n) {
				names = append(names, n.Key)
			}
		}
	}
	return names
}

// packageSymbols are the packages that the document imports, with what they declare.
func (v *view) packageSymbols() []symbol {
	var symbols []symbol
	for name, path := range v.doc.imports() {
		symbols = append(symbols, symbol{
			name: name, kind: kindModule, what: "package " + path.Path,
			members: func() []symbol { return v.declaredSymbols(path) },
		})
	}
	slices.SortFunc(symbols, func(a, b symbol) int { return strings.Compare(a.name, b.name) })
	return symbols
}

// declaredSymbols are what a package offers to those that import it.
func (v *view) declaredSymbols(path ast.ImportPath) []symbol {
	var symbols []symbol
	for _, doc := range v.imported(v.doc, path) {
		for _, n := range doc.tree().Children {
			if n.Key == "" || n.Hidden || strings.HasPrefix(n.Key, "_") || slices.ContainsFunc(symbols, func(s symbol) bool { return s.name == n.Key }) {
				continue
			}
			s := symbol{name: n.Key, kind: kindVariable, what: "of package " + path.Path, doc: doc.comment(n), node: n, file: doc}
			if f := v.text(part{node: n, doc: doc}, "func"); f != "" {
				s.kind, s.what = kindFunction, "phase of package "+path.Path+", calls "+f
			}
			symbols = append(symbols, s)
		}
	}
	return symbols
}
