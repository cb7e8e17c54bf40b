package vet

import "mvdan.cc/sh/v3/syntax"

// shellContext is how a script quotes a value that is put into it.
type shellContext int

const (
	unquoted shellContext = iota
	doubleQuoted
	singleQuoted
	hereDocument
)

// eachValue visits the values that are put into the script where the shell reads
// them, with the quotes that stand round them.
func (s *script) eachValue(visit func(v *filledValue, in shellContext)) {
	seen := map[int]bool{}
	for _, form := range s.forms {
		if form.file == nil {
			continue
		}
		w := &valueWalker{form: form, documents: map[syntax.Node]shellContext{}}
		w.visit = func(v *filledValue, in shellContext) {
			if !seen[v.start] {
				seen[v.start] = true
				visit(v, v.quotedBy(in))
			}
		}
		syntax.Walk(form.file, w.node)
	}
}

// quotedBy takes the template's own quoting into account.
func (v *filledValue) quotedBy(in shellContext) shellContext {
	for _, call := range v.calls {
		switch {
		case in == unquoted && (call == "quote" || call == "strconv.Quote"):
			return doubleQuoted
		case in == unquoted && call == "squote":
			return singleQuoted
		}
	}
	return in
}

type valueWalker struct {
	form  scriptForm
	visit func(*filledValue, shellContext)
	// stack has the context of each node that has been entered.
	stack []shellContext
	// documents are the words that are the text of here documents.
	documents map[syntax.Node]shellContext
}

func (w *valueWalker) node(n syntax.Node) bool {
	if n == nil {
		w.stack = w.stack[:len(w.stack)-1]
		return true
	}
	in := unquoted
	if len(w.stack) > 0 {
		in = w.stack[len(w.stack)-1]
	}
	switch n := n.(type) {
	case *syntax.Redirect:
		if n.Hdoc != nil {
			w.documents[n.Hdoc] = documentContext(n.Word)
		}
	case *syntax.Word:
		if context, ok := w.documents[n]; ok {
			in = context
		}
	case *syntax.DblQuoted:
		in = doubleQuoted
	case *syntax.CmdSubst, *syntax.ProcSubst:
		in = unquoted
	case *syntax.SglQuoted:
		w.report(n, singleQuoted)
	case *syntax.Lit:
		w.report(n, in)
	}
	w.stack = append(w.stack, in)
	return true
}

// report visits the values within a node.
func (w *valueWalker) report(n syntax.Node, in shellContext) {
	from, to := int(n.Pos().Offset()), int(n.End().Offset())
	for _, p := range w.form.pieces {
		if p.value != nil && p.at >= from && p.at < to {
			w.visit(p.value, in)
		}
	}
}

// documentContext tells what the shell does in a here document: with quotes in its
// first line, nothing.
func documentContext(delimiter *syntax.Word) shellContext {
	for _, part := range delimiter.Parts {
		switch part.(type) {
		case *syntax.SglQuoted, *syntax.DblQuoted:
			return singleQuoted
		}
	}
	return hereDocument
}
