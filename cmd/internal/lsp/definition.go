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
		return p.place().node, p.place().doc
	}
	if c.node.Key == "artifactsFrom" {
		if a := c.view.action(c.node.Text); a != nil {
			return a.place.node, a.place.doc
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
	for _, a := range newViewOf(doc, s.around(doc)).actions {
		symbol := doc.symbol(a.name, a.kind, symbolNamespace, a.place)
		for _, p := range a.phases {
			symbol.Children = append(symbol.Children, doc.symbol(p.name, p.function, symbolFunction, p.place()))
		}
		if d := a.deferPhase; d != nil {
			symbol.Children = append(symbol.Children, doc.symbol("deferPhase", d.function, symbolEvent, d.place()))
		}
		for _, x := range a.artifacts {
			symbol.Children = append(symbol.Children, doc.symbol(x.name, "artifact", symbolVariable, x.place))
		}
		symbols = append(symbols, symbol)
	}
	return symbols, nil
}

// symbol makes an entry; the protocol wants a name in each. What stands elsewhere is where
// the document names it.
func (d *document) symbol(name, detail string, kind int, p part) documentSymbol {
	if name == "" {
		name = "(no name)"
	}
	whole, span := p.node.Span(), p.node.KeySpan
	switch {
	case p.by != (outline.Span{}):
		whole, span = p.by, p.by
	case p.node.Key == "":
		span = outline.Span{Start: p.node.Value.Start, End: p.node.Value.Start}
	}
	return documentSymbol{Name: name, Detail: detail, Kind: kind, Range: d.span(whole), SelectionRange: d.span(span)}
}
