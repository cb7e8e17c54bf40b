package lsp

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
)

// inYAML offers values after a colon, and names of fields at the beginning of a line.
func (c *cursor) inYAML() []offer {
	before := c.before()
	head := before[:len(before)-len(c.typed())]
	if m := yamlValue.FindStringSubmatch(head); m != nil {
		return quoted(c.values(c.node), m[1], c.closing())
	}
	if yamlKeyHead.MatchString(head) {
		container, v := c.yamlContainer()
		return c.keysOf(container, v)
	}
	return nil
}

var (
	// yamlValue is a line up to a value; perhaps its quote has been typed.
	yamlValue   = regexp.MustCompile(`^[\s-]*[\w"'.-]+:\s+(["']?)$`)
	yamlKeyHead = regexp.MustCompile(`^\s*(- +)*$`)
)

// yamlContainer is the map that a name at the cursor would belong to: what it would be if
// the name had its colon.
func (c *cursor) yamlContainer() (*outline.Node, *view) {
	name := ""
	if c.text() == "" {
		name = "x"
	}
	text := c.doc.text[:c.word.End] + name + ":" + c.doc.text[c.word.End:]
	if strings.HasPrefix(c.doc.text[c.word.End:], ":") {
		text = c.doc.text
	}
	doc := newDocument(c.doc.uri, c.doc.path, c.doc.language, 0, text)
	n := doc.tree().At(c.word.Start)
	if n.Key == "" || n.Parent == nil || n.KeySpan.Start != c.word.Start {
		return nil, nil
	}
	without := *n.Parent
	without.Children = slices.DeleteFunc(slices.Clone(without.Children), func(x *outline.Node) bool { return x == n })
	return &without, newView(doc, nil)
}
