package compat

import (
	"strings"
	"text/template/parse"
)

// conditional translates an if, or a with whose body sees the value as its dot.
func (t *translator) conditional(b *parse.BranchNode, with bool) (*piece, error) {
	outer := t.enter()
	defer t.leave(outer)
	if len(b.Pipe.Decl) > 0 {
		return nil, kept("a variable is declared in a condition")
	}
	v, err := t.pipe(b.Pipe)
	if err != nil {
		return nil, err
	}
	cond, err := t.truth(v)
	if err != nil {
		return nil, err
	}
	t.nonEmpty[v.cue] = true
	if with {
		t.dot = &v
	}
	then, err := t.block(b.List)
	if err != nil {
		return nil, err
	}
	t.leave(outer)
	otherwise, err := t.block(b.ElseList)
	if err != nil {
		return nil, err
	}
	return &piece{expr: choose(cond, then, otherwise), kind: textParam, name: nodeName(b.Pipe)}, nil
}

// block translates the body of a branch to a text.
func (t *translator) block(l *parse.ListNode) (term, error) {
	outer := t.enter()
	defer t.leave(outer)
	pieces, err := t.list(l)
	if err != nil {
		return term{}, err
	}
	v, err := t.text(pieces)
	if len(pieces) == 0 || len(pieces) == 1 && pieces[0].expr == "" {
		v.lit = new(string)
	}
	return v, err
}

// enter and leave keep what a block declares inside of it.
func (t *translator) enter() translator {
	outer := *t
	t.vars, t.nonEmpty = copyMap(t.vars), copyMap(t.nonEmpty)
	return outer
}

func (t *translator) leave(outer translator) {
	t.vars, t.nonEmpty, t.dot, t.loops = copyMap(outer.vars), copyMap(outer.nonEmpty), outer.dot, outer.loops
}

func copyMap[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// choose is a conditional expression. The second branch has a condition of its
// own where it could fail by itself.
func choose(c condition, then, otherwise term) string {
	second := otherwise.cue
	if otherwise.lit == nil {
		second = "if " + c.not + " {" + second + "}"
	}
	if !strings.Contains(then.cue+second, "\n") {
		return "[if " + c.cue + " {" + then.cue + "}, " + second + "][0]"
	}
	if otherwise.lit == nil {
		second = "if " + c.not + " {\n\t" + indentLines(otherwise.cue, 1) + "\n}"
	}
	return "[\n\tif " + c.cue + " {\n\t\t" + indentLines(then.cue, 2) + "\n\t},\n\t" + indentLines(second, 1) + ",\n][0]"
}
