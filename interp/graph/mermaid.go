package graph

import (
	"fmt"
	"io"
	"strings"
)

// WriteMermaid draws the plans as a flow chart of Mermaid, which GitHub and many others
// show in Markdown.
func WriteMermaid(w io.Writer, docs []*Document) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, d := range docs {
		fmt.Fprintf(&b, "  subgraph a%d[\"%s\"]\n", i, mermaidText(d.Action+" of "+d.Blueprint))
		ids := map[string]string{}
		for n, p := range d.All() {
			id := fmt.Sprintf("a%dp%d", i, n)
			open, end := `["`, `"]`
			if p == d.DeferPhase {
				open, end = `(["`, `"])`
			} else {
				ids[p.Name] = id
			}
			fmt.Fprintf(&b, "    %s%s%s<br>%s%s\n", id, open, mermaidText(p.Name), mermaidText(p.Func), end)
		}
		for _, e := range d.edges() {
			fmt.Fprintf(&b, "    %s %s %s\n", ids[e.from], mermaidArrow(e), ids[e.to])
		}
		b.WriteString("  end\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func mermaidArrow(e edge) string {
	switch {
	case e.label != "":
		return `-->|"` + mermaidText(e.label) + `"|`
	case e.isOrder():
		return "-.->"
	}
	return "-->"
}

// mermaidText writes all but letters, digits and a few harmless signs by their numbers:
// Mermaid has no escapes within quotes, and reads HTML and Markdown there.
func mermaidText(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune(" -_.,:/()", c), c > 127:
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, "#%d;", c)
		}
	}
	return b.String()
}
