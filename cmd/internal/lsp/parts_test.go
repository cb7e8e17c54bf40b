package lsp

import (
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue/ast"

	"github.com/rescuecue/rescue/interp/vet"
)

// TestNamesInCircles follows names that lead back to where they came from. No server
// takes part, because CUE needs long to evaluate such definitions.
func TestNamesInCircles(t *testing.T) {
	shared := newDocument("file:///lib/l.cue", "/lib/l.cue", vet.CUE, 0,
		"package lib\n\n#A: #B & {func: \"KubeTask\", output: a: string}\n#B: #A.again & #A\n#C: phases: #C.phases & #C & {p: #A}\n")
	text := "package shop\n\nimport \"example.org/lib\"\n\nb: actions: x: lib.#C & {phases: q: {func: \"KubeTask\", args: image: phases.p.output.¦}}\n"
	before, after, _ := strings.Cut(text, "¦")
	doc := newDocument("file:///shop/b.cue", "/shop/b.cue", vet.CUE, 0, before+after)
	near := &neighbours{imported: func(string, ast.ImportPath) []*document { return []*document{shared} }}
	offers := newCursor(doc, near, len(before)).offers()
	if len(offers) != 1 || offers[0].name != "a" {
		t.Errorf("offered are %+v", offers)
	}
}

// TestLongChains ends, and soon, however far names lead.
func TestLongChains(t *testing.T) {
	var b strings.Builder
	b.WriteString("b: actions: x: phases: p: _0\n")
	for i := range 20000 {
		fmt.Fprintf(&b, "_%d: _%d & _%d\n", i, i+1, i+2)
	}
	doc := newDocument("file:///shop/b.cue", "/shop/b.cue", vet.CUE, 0, b.String())
	p := newView(doc, nil).action("x").phase("p")
	if n := len(p.parts); n < 2 || n > maxParts+1 {
		t.Errorf("the phase has %d parts", n)
	}
}
