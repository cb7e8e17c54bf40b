package lsp

import (
	"regexp"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/interp/vet"
)

// A cursor is a place in a document, and what stands there.
type cursor struct {
	view   *view
	doc    *document
	offset int
	node   *outline.Node
	action *action
	phase  *phase
	// word is the name, or text in quotes, around the place.
	word outline.Span
}

func (s *Server) cursor(p positionParams) (*cursor, *document) {
	doc, problem := s.open(p.TextDocument.URI)
	if problem != nil {
		return nil, nil
	}
	return newCursor(doc, s.around(doc), doc.offset(p.Position)), doc
}

func newCursor(doc *document, near *neighbours, offset int) *cursor {
	c := &cursor{view: newView(doc, near), doc: doc, offset: offset, node: doc.tree().At(offset)}
	c.action, c.phase = c.view.around(c.node)
	c.word = outline.Span{
		Start: offset - len(wordBefore.FindString(doc.text[:offset])),
		End:   offset + len(wordAfter.FindString(doc.text[offset:])),
	}
	return c
}

var (
	wordBefore = regexp.MustCompile(`[\pL\pN_#$-]*$`)
	wordAfter  = regexp.MustCompile(`^[\pL\pN_#$-]*`)
)

// typed is the part of the word before the place.
func (c *cursor) typed() string { return c.doc.text[c.word.Start:c.offset] }

// text is the whole word.
func (c *cursor) text() string { return c.doc.text[c.word.Start:c.word.End] }

// before is the line up to the place.
func (c *cursor) before() string {
	start := strings.LastIndexByte(c.doc.text[:c.offset], '\n') + 1
	return c.doc.text[start:c.offset]
}

// inKey says whether the place is in the name of a field.
func (c *cursor) inKey() bool { return c.node.Key != "" && c.node.KeySpan.Contains(c.offset) }

// template returns the text from the last {{ before the place, if that is still open there.
func (c *cursor) template() (string, bool) {
	if c.view.language != vet.YAML {
		return "", false
	}
	text := c.doc.text[min(c.node.Span().Start, c.offset):c.offset]
	if i := strings.LastIndex(text, "{{"); i >= 0 && !strings.Contains(text[i:], "}}") {
		return text[i+2:], true
	}
	return "", false
}

// names returns the dotted names that lead to the word, which is the last of them; ok is
// false where no expression can stand.
func (c *cursor) names() (names []string, ok bool) {
	if inside, template := c.template(); template {
		return dotted(parameterPath.FindString(inside), c.word.End-c.offset, c.doc.text[c.offset:])
	}
	if c.view.language != vet.CUE || c.inKey() || c.inString() {
		return nil, false
	}
	return dotted(cuePath.FindString(c.before()), c.word.End-c.offset, c.doc.text[c.offset:])
}

var (
	cuePath       = regexp.MustCompile(`[\pL_#$][\pL\pN_#$]*(?:\[[^\[\]\n]*\])*(?:\.(?:[\pL_#$][\pL\pN_#$]*|"[^"\n]*")(?:\[[^\[\]\n]*\])*)*\.?$`)
	parameterPath = regexp.MustCompile(`\$?(?:\.[\pL_][\pL\pN_]*)+$|\$?(?:\.[\pL_][\pL\pN_]*)*\.$`)
	indexes       = regexp.MustCompile(`\[[^\[\]\n]*\]`)
)

// dotted splits a path whose last name goes on for some bytes.
func dotted(path string, more int, rest string) ([]string, bool) {
	if path == "" {
		return nil, false
	}
	path = indexes.ReplaceAllString(path+rest[:more], "")
	names := strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."), ".")
	for i, n := range names {
		names[i] = strings.Trim(n, `"`)
	}
	return names, true
}

// inString says whether the place is in a text of CUE, outside of interpolations.
func (c *cursor) inString() bool {
	tok, ok := outline.StringAt(c.doc.text, c.offset)
	return ok && !outline.InInterpolation(c.doc.text[tok.Start:c.offset])
}

// symbol is what the names lead to.
func (c *cursor) symbol(names []string) (symbol, bool) {
	return follow(c.view.scope(c.action, c.phase), names)
}
