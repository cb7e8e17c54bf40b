package vet

import (
	"sort"
	"strings"
	"text/template/parse"
)

// A trial is a template with a word in the place of each value, and the way back
// from its offsets to those of the template.
type trial struct {
	strings.Builder
	// pieces say which offset of the template a part of the text comes from.
	pieces []trialPiece
}

type trialPiece struct {
	at, source int
	// fixed tells that the whole piece stands for the one place.
	fixed bool
}

// renderTrial writes a template as it could come out: with what stands in the ifs,
// or with what stands in their elses; the body of a range once.
func renderTrial(root *parse.ListNode, otherwise bool) *trial {
	t := &trial{}
	t.list(root, otherwise)
	return t
}

func (t *trial) list(l *parse.ListNode, otherwise bool) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		t.node(n, otherwise)
	}
}

func (t *trial) node(n parse.Node, otherwise bool) {
	switch n := n.(type) {
	case *parse.TextNode:
		t.piece(string(n.Text), int(n.Pos), false)
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			t.piece("x", int(n.Pos), true)
		}
	case *parse.IfNode:
		t.branch(&n.BranchNode, otherwise)
	case *parse.WithNode:
		t.branch(&n.BranchNode, otherwise)
	case *parse.RangeNode:
		t.list(n.List, otherwise)
	}
}

func (t *trial) branch(b *parse.BranchNode, otherwise bool) {
	if otherwise {
		t.list(b.ElseList, otherwise)
		return
	}
	t.list(b.List, otherwise)
}

func (t *trial) piece(text string, source int, fixed bool) {
	t.pieces = append(t.pieces, trialPiece{t.Len(), source, fixed})
	t.WriteString(text)
}

// source is the offset in the template of an offset in the text.
func (t *trial) source(offset int) int {
	i := sort.Search(len(t.pieces), func(i int) bool { return t.pieces[i].at > offset }) - 1
	if i < 0 {
		return 0
	}
	p := t.pieces[i]
	if p.fixed {
		return p.source
	}
	return p.source + offset - p.at
}
