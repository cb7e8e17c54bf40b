package graph

import (
	"fmt"
	"io"
	"strings"
)

// WriteDOT draws the plans in the language of Graphviz, each in a frame of its own.
func WriteDOT(w io.Writer, docs []*Document) error {
	var b strings.Builder
	b.WriteString("digraph plan {\n  rankdir=LR;\n  node [shape=box];\n")
	for i, d := range docs {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s;\n", i, dotText(d.Action+" of "+d.Blueprint))
		for _, p := range d.All() {
			style := ""
			if p.Undecided {
				style = ", style=dashed"
			}
			if p == d.DeferPhase {
				style = ", style=rounded"
			}
			fmt.Fprintf(&b, "    %s [label=%s%s];\n", dotNode(i, d, p), dotText(p.Name+"\n"+p.Func), style)
		}
		for _, e := range d.edges() {
			fmt.Fprintf(&b, "    %s -> %s%s;\n", dotText(nodeName(i, e.from)), dotText(nodeName(i, e.to)), dotEdge(e))
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// deferNode begins the name of the defer phase, which may be that of a phase too.
const deferNode = "defer "

func dotNode(i int, d *Document, p *Phase) string {
	if p == d.DeferPhase {
		return dotText(deferNode + nodeName(i, p.Name))
	}
	return dotText(nodeName(i, p.Name))
}

// nodeName tells phases of the same name in several actions apart.
func nodeName(action int, phase string) string { return fmt.Sprintf("%d/%s", action, phase) }

func dotEdge(e edge) string {
	switch {
	case e.label != "":
		return " [label=" + dotText(e.label) + "]"
	case e.isOrder():
		return " [style=dotted]"
	}
	return ""
}

// dotText is a string of the language: only quotes, backslashes and line breaks mean
// something in it.
func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", `\n`).Replace(s) + `"`
}
