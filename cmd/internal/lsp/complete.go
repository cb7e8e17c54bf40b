package lsp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/cmd/internal/lsp/rpc"
	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/vet"
)

// completion offers what can stand at the cursor.
func (s *Server) completion(p positionParams) (any, *rpc.Error) {
	c, doc := s.cursor(p)
	if c == nil {
		return nil, rpc.Errorf(rpc.CodeInvalidParams, "%s is not open", p.TextDocument.URI)
	}
	items := []completionItem{}
	for i, o := range c.offers() {
		items = append(items, o.item(doc, c.word, i))
	}
	return completionList{Items: items}, nil
}

// An offer is a symbol and what to write for it.
type offer struct {
	symbol
	insert string
}

func (o offer) item(doc *document, word outline.Span, order int) completionItem {
	item := completionItem{
		Label: o.name, Kind: o.kind, Detail: o.detail(), SortText: fmt.Sprintf("%04d", order),
		TextEdit: &textEdit{Range: doc.span(word), NewText: o.insert},
	}
	if o.doc != "" || o.note != "" {
		item.Documentation = &markup{"markdown", o.markdown()}
	}
	return item
}

func (s symbol) detail() string {
	detail := s.typ
	if s.required {
		detail += ", required"
	}
	return strings.TrimPrefix(detail, ", ")
}

// offers are in the order in which to show them.
func (c *cursor) offers() []offer {
	if c.inIgnore() {
		return plain(ruleSymbols())
	}
	if inside, ok := c.template(); ok {
		return c.inTemplate(inside)
	}
	if c.view.language == vet.YAML {
		return c.inYAML()
	}
	return c.inCUE()
}

// inIgnore says whether the place is in a comment that ignores rules, before its reason.
func (c *cursor) inIgnore() bool {
	_, rest, found := strings.Cut(c.before(), "rescue:ignore")
	return found && !strings.Contains(rest, "--")
}

func ruleSymbols() []symbol {
	var symbols []symbol
	for _, r := range vet.Rules() {
		symbols = append(symbols, symbol{name: r.Name, kind: kindValue, typ: string(r.Severity), doc: r.Summary})
	}
	return symbols
}

// inTemplate offers parameters after a dot, and functions elsewhere.
func (c *cursor) inTemplate(inside string) []offer {
	if names, ok := c.names(); ok {
		return c.along(names)
	}
	before := strings.TrimRight(inside[:len(inside)-len(c.typed())], " ")
	if before != "" && !strings.HasSuffix(before, "|") && !strings.HasSuffix(before, "(") && before != "-" {
		return nil
	}
	var offers []offer
	for _, name := range append(slices.Clone(builtins), compat.TemplateFuncs()...) {
		if !compat.UnsafeTemplateFunc(name) {
			offers = append(offers, offer{symbol{name: name, kind: kindFunction, typ: "function of templates"}, name})
		}
	}
	return offers
}

// builtins are what Go's templates have themselves.
var builtins = []string{"if", "else", "end", "range", "with", "index", "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "printf", "print", "slice", "html", "js", "urlquery"}

// along offers the members of what the names before the last one lead to.
func (c *cursor) along(names []string) []offer {
	symbols := c.view.scope(c.action, c.phase)
	if len(names) > 1 {
		s, ok := follow(symbols, names[:len(names)-1])
		if !ok {
			return nil
		}
		symbols = s.children()
	}
	return plain(symbols)
}

// plain offers symbols by their names.
func plain(symbols []symbol) []offer {
	var offers []offer
	for _, s := range symbols {
		if s.name != "" {
			offers = append(offers, offer{s, s.name})
		}
	}
	return offers
}

// keysOf offers the fields that a map can have and has not yet, those first that it must
// have.
func (c *cursor) keysOf(container *outline.Node, v *view) []offer {
	if container == nil {
		return nil
	}
	given := append(container.Keys(), v.settled(container)...)
	colon := ": "
	if strings.HasPrefix(c.doc.text[c.word.End:], ":") {
		colon = ""
	}
	var offers []offer
	for _, s := range v.membersAt(shapeOf(v, container), container) {
		if s.name != "" && (!slices.Contains(given, s.name) || s.name == c.text()) && !c.filled(container, s) {
			offers = append(offers, offer{s, s.name + colon})
		}
	}
	slices.SortStableFunc(offers, func(a, b offer) int { return rank(a) - rank(b) })
	return offers
}

func shapeOf(v *view, n *outline.Node) symbol {
	s, _ := v.shape(n)
	return s
}

func rank(o offer) int {
	if o.required {
		return 0
	}
	return 1
}

// filled tells the fields that CUE fills in and nobody writes: the name of a phase.
func (c *cursor) filled(container *outline.Node, s symbol) bool {
	return c.view.language == vet.CUE && s.name == "name" && container.Parent != nil && (isPhase(container) || isActions(container.Parent))
}

// quoted offers texts, in the quotes that are open or none.
func quoted(symbols []symbol, quote, closing string) []offer {
	offers := plain(symbols)
	for i, o := range offers {
		if quote != "" && closing != quote {
			offers[i].insert = o.insert + quote
		}
	}
	return offers
}

// closing is the character behind the word.
func (c *cursor) closing() string {
	if c.word.End < len(c.doc.text) {
		return c.doc.text[c.word.End : c.word.End+1]
	}
	return ""
}
