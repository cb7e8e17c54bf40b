package lsp

import (
	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/cmd/internal/lsp/rpc"
)

// definition leads to the phase, output, artifact or action that a name means.
func (s *Server) definition(p positionParams) (any, *rpc.Error) {
	c, _ := s.cursor(p)
	if c == nil {
		return nil, rpc.Errorf(rpc.CodeInvalidParams, "%s is not open", p.TextDocument.URI)
	}
	node, doc := c.defined()
	if node == nil || doc == nil {
		return []location{}, nil
	}
	span := node.KeySpan
	if name := node.Get("name"); node.Key == "" && name != nil {
		span = name.Value
	}
	return []location{{doc.uri, doc.span(span)}}, nil
}

func (c *cursor) defined() (*outline.Node, *document) {
	if names, ok := c.names(); ok {
		s, _ := c.symbol(names)
		return s.node, s.file
	}
	if p := c.namedPhase(c.text()); p != nil {
		return p.node, p.doc
	}
	if c.node.Key == "artifactsFrom" {
		if a := c.view.action(c.node.Text); a != nil {
			return a.node, a.doc
		}
	}
	return nil, nil
}

// documentSymbols is the outline of a document: its actions with their phases and
// artifacts.
func (s *Server) documentSymbols(p documentParams) (any, *rpc.Error) {
	doc, problem := s.open(p.TextDocument.URI)
	if problem != nil {
		return nil, problem
	}
	symbols := []documentSymbol{}
	for _, a := range newView(doc, nil).actions {
		symbol := doc.symbol(a.name, a.kind, symbolNamespace, a.node)
		for _, p := range a.phases {
			symbol.Children = append(symbol.Children, doc.symbol(p.name, p.function, symbolFunction, p.node))
		}
		if d := a.deferPhase; d != nil {
			symbol.Children = append(symbol.Children, doc.symbol("deferPhase", d.function, symbolEvent, d.node))
		}
		for _, x := range a.artifacts {
			symbol.Children = append(symbol.Children, doc.symbol(x.name, "artifact", symbolVariable, x.node))
		}
		symbols = append(symbols, symbol)
	}
	return symbols, nil
}

// symbol makes an entry; the protocol wants a name in each.
func (d *document) symbol(name, detail string, kind int, n *outline.Node) documentSymbol {
	if name == "" {
		name = "(no name)"
	}
	span := n.KeySpan
	if n.Key == "" {
		span = outline.Span{Start: n.Value.Start, End: n.Value.Start}
	}
	return documentSymbol{Name: name, Detail: detail, Kind: kind, Range: d.span(n.Span()), SelectionRange: d.span(span)}
}
