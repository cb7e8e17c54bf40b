package graph

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/interp"
)

// odd is a plan with names that mean something in the languages of graphs.
func odd() *Document {
	return &Document{
		Blueprint: `b"\`, Action: "backup", Phases: []Phase{
			{Name: `a"]; end`, Func: "KubeExec"},
			{Name: "b\nc", Func: "KubeTask", Waits: []Wait{{Phase: `a"]; end`, Why: []interp.Reason{interp.ByOrder, interp.ByReading}, Reads: []string{`x|"y`, ""}}}},
			{Name: "deferPhase", Func: "Wait", Waits: []Wait{
				{Phase: `a"]; end`, Why: []interp.Reason{interp.ByOrder}}, {Phase: "b\nc", Why: []interp.Reason{interp.ByOrder}},
			}},
			{Name: "last", Func: "Wait", Undecided: true, Waits: []Wait{{Phase: `a"]; end`, Why: []interp.Reason{interp.ByAfter}}}},
		},
		DeferPhase: &Phase{Name: "deferPhase", Func: "<b>Kube</b>"},
	}
}

func TestDOT(t *testing.T) {
	want := `digraph plan {
  rankdir=LR;
  node [shape=box];
  subgraph cluster_0 {
    label="backup of b\"\\";
    "0/a\"]; end" [label="a\"]; end\nKubeExec"];
    "0/b\nc" [label="b\nc\nKubeTask"];
    "0/deferPhase" [label="deferPhase\nWait"];
    "0/last" [label="last\nWait", style=dashed];
    "defer 0/deferPhase" [label="deferPhase\n<b>Kube</b>", style=rounded];
    "0/a\"]; end" -> "0/b\nc" [label="x|\"y, all outputs"];
    "0/b\nc" -> "0/deferPhase" [style=dotted];
    "0/a\"]; end" -> "0/last";
  }
}
`
	compare(t, "dot", want)
}

func TestMermaid(t *testing.T) {
	want := `flowchart LR
  subgraph a0["backup of b#34;#92;"]
    a0p0["a#34;#93;#59; end<br>KubeExec"]
    a0p1["b#10;c<br>KubeTask"]
    a0p2["deferPhase<br>Wait"]
    a0p3["last<br>Wait"]
    a0p4(["deferPhase<br>#60;b#62;Kube#60;/b#62;"])
    a0p0 -->|"x#124;#34;y, all outputs"| a0p1
    a0p1 -.-> a0p2
    a0p0 --> a0p3
  end
`
	compare(t, "mermaid", want)
}

func compare(t *testing.T, format, want string) {
	t.Helper()
	var b bytes.Buffer
	if err := Formats()[format](&b, []*Document{odd()}); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// TestEdgesOfManyPhases: what follows from other waits is not drawn.
func TestEdgesOfManyPhases(t *testing.T) {
	d := &Document{}
	const n = 500
	for i := range n {
		p := Phase{Name: strings.Repeat("x", i+1)}
		for j := range i {
			p.Waits = append(p.Waits, Wait{Phase: d.Phases[j].Name, Why: []interp.Reason{interp.ByOrder}})
		}
		d.Phases = append(d.Phases, p)
	}
	if got := len(d.edges()); got != n-1 {
		t.Errorf("%d edges, want %d", got, n-1)
	}
}
