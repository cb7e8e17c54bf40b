package lsp

import (
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
)

// inCUE offers texts inside of quotes, names of fields where a field can begin, and
// what an expression can read.
func (c *cursor) inCUE() []offer {
	if c.inString() {
		return quoted(c.values(c.node), c.openQuote(), c.closing())
	}
	if c.beginsField() {
		if offers := c.keysOf(c.container(), c.view); offers != nil || c.node.Kind != outline.List {
			return offers
		}
	}
	if names, ok := c.names(); ok && len(names) > 1 {
		return c.along(names)
	}
	var offers []offer
	for _, s := range c.values(c.node) {
		if s.name != "true" && s.name != "false" {
			offers = append(offers, offer{s, `"` + s.name + `"`})
		}
	}
	return append(offers, plain(c.view.scope(c.action, c.phase))...)
}

// openQuote is the quote right before the word, if there is one.
func (c *cursor) openQuote() string {
	before := c.doc.text[:c.word.Start]
	if strings.HasSuffix(before, `"`) || strings.HasSuffix(before, "'") {
		return before[len(before)-1:]
	}
	return ""
}

// beginsField says whether nothing stands before the word that a value could follow.
func (c *cursor) beginsField() bool {
	before := c.before()
	head := strings.TrimRight(before[:max(0, len(before)-len(c.typed()))], " \t")
	return head == "" || strings.HasSuffix(head, "{") || strings.HasSuffix(head, ",")
}

// container is the struct that a field at the cursor would belong to.
func (c *cursor) container() *outline.Node {
	n := c.node
	if n.Key != "" && n.KeySpan.Contains(c.offset) || n.Kind == outline.Scalar {
		n = n.Parent
	}
	return n
}
