package vet

import (
	"strings"
	"text/template/parse"
	"unicode"
	"unicode/utf8"

	"github.com/rescuecue/rescue/compat"
)

// templateForms writes a template as it can come out: with what stands in the ifs,
// and, if there is an if, with what stands in their elses; the body of a range once.
func templateForms(text string, use *compat.TemplateUse) []*trial {
	first := &templateTrial{trial: &trial{}, text: text, use: use}
	first.list(use.Tree.Root)
	if !first.branches {
		return []*trial{first.trial}
	}
	second := &templateTrial{trial: &trial{}, text: text, use: use, otherwise: true}
	second.list(use.Tree.Root)
	return []*trial{first.trial, second.trial}
}

type templateTrial struct {
	*trial
	text string
	use  *compat.TemplateUse
	// otherwise takes the elses; branches says that there are any ifs.
	otherwise, branches bool
}

func (t *templateTrial) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		t.node(n)
	}
}

func (t *templateTrial) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.TextNode:
		t.literally(string(n.Text), int(n.Pos))
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			t.fill(t.value(int(n.Pos)))
		}
	case *parse.IfNode:
		t.branch(&n.BranchNode)
	case *parse.WithNode:
		t.branch(&n.BranchNode)
	case *parse.RangeNode:
		t.list(n.List)
	}
}

func (t *templateTrial) branch(b *parse.BranchNode) {
	t.branches = true
	if t.otherwise {
		t.list(b.ElseList)
		return
	}
	t.list(b.List)
}

// value is what the template's action at pos puts into the text.
func (t *templateTrial) value(pos int) *filledValue {
	v := &filledValue{start: max(0, strings.LastIndex(t.text[:pos], "{{")), end: len(t.text)}
	if i := strings.Index(t.text[pos:], "}}"); i >= 0 {
		v.end = pos + i + 2
	}
	for _, r := range t.use.Refs {
		if r.Offset >= v.start && r.Offset < v.end {
			v.refs, v.names = append(v.refs, refOf(r.Names())), append(v.names, r.String())
		}
	}
	for _, call := range t.use.Funcs {
		if call.Offset >= v.start && call.Offset < v.end {
			v.calls = append(v.calls, call.Name)
		}
	}
	return v
}

// refOf respells a path of Kanister's parameters. The names that people choose, of
// phases, Secrets and keys, stay as they are.
func refOf(names []string) ref {
	r := append(ref(nil), names...)
	lower := func(i int) {
		if i < len(r) {
			r[i] = lowerCamel(r[i])
		}
	}
	lower(0)
	switch own := r.inPhase(); {
	case r.of("phases") || r.of("deferPhase"):
		lower(len(r) - len(own))
		lower(len(r) - len(own) + 2)
	case r.of("secrets"), r.of("configMaps"), r.of("artifactsIn"):
		lower(2)
	case r.of("profile"):
		for i := range min(len(r), 4) {
			lower(i)
		}
	}
	return r
}

// lowerCamel is a name as CUE spells it: StatefulSet, PVC and ID are statefulSet, pvc
// and id.
func lowerCamel(name string) string {
	if strings.ToUpper(name) == name {
		return strings.ToLower(name)
	}
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(first)) + name[size:]
}
