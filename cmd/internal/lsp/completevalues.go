package lsp

import (
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/schema"
)

// values are what the field at a node can be, or an item of it.
func (c *cursor) values(n *outline.Node) []symbol {
	if n.Key == "" && n.Parent != nil {
		n = n.Parent
	}
	switch {
	case n.Key == "func":
		return functionSymbols()
	case n.Key == "kind" && c.isAction(n.Parent):
		return valueSymbols("StatefulSet", "Deployment", "DeploymentConfig", "PVC", "Namespace", "Object")
	case n.Key == "artifactsFrom" && c.action != nil:
		return c.otherActions()
	case n.Key == "after" && c.action != nil:
		return slices.DeleteFunc(phaseSymbols(c.action.phases, nativeParts), func(s symbol) bool { return c.phase != nil && s.name == c.phase.name })
	}
	s, ok := c.view.shape(n)
	if !ok {
		return nil
	}
	if s.typ == "bool" {
		return valueSymbols("true", "false")
	}
	return valueSymbols(s.values...)
}

func (c *cursor) isAction(n *outline.Node) bool {
	return n != nil && n.Parent != nil && isActions(n.Parent)
}

func (c *cursor) otherActions() []symbol {
	var names []string
	for _, a := range c.view.actions {
		if a.name != c.action.name {
			names = append(names, a.name)
		}
	}
	return valueSymbols(names...)
}

func valueSymbols(values ...string) []symbol {
	var symbols []symbol
	for _, v := range values {
		symbols = append(symbols, symbol{name: v, kind: kindValue})
	}
	return symbols
}

// functionSymbols are all functions, those last that are deprecated.
func functionSymbols() []symbol {
	var symbols, old []symbol
	for _, name := range schema.FunctionNames() {
		f, _ := schema.Function(name)
		s := symbol{name: name, kind: kindFunction, typ: "function", doc: f.Doc, note: strings.Join(functionNotes(f), " ")}
		if f.Deprecated != "" || f.Removed != "" {
			old = append(old, s)
		} else {
			symbols = append(symbols, s)
		}
	}
	return append(symbols, old...)
}
