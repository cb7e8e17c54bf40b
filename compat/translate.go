package compat

import (
	"fmt"
	"strings"
	"text/template/parse"
)

// A translator turns templates into CUE that renders the same text. What it
// cannot turn exactly is an error that says why; the template is kept then.
type translator struct {
	scope *actionScope
	// vars are the template's variables, dot what its dot stands for inside of a
	// range or with.
	vars map[string]term
	dot  *term
	// nonEmpty are the paths that an enclosing if has found not to be empty.
	nonEmpty map[string]bool
	loops    int
	uses     *usage
}

// usage is what translated templates need round them.
type usage struct {
	imports map[string]bool
	// strict are the paths whose value must exist: a missing one is an error.
	strict map[string]bool
	// options and data are keys that are read as empty when they are missing. data
	// is by the path of the struct that holds them.
	options map[string]bool
	// countsOptions says that it matters how many options there are.
	countsOptions bool
	data          map[string]map[string]bool
	// kept are nodes that stay templates.
	kept []keptNode
	// lets are texts of several lines that stand before the arguments.
	lets []*cueField
}

// keptNode is a part of a string that stays a template, in a hidden field.
type keptNode struct {
	label, text string
	// offset in the string.
	offset int
	reason string
}

func newUsage() *usage {
	return &usage{
		imports: map[string]bool{}, strict: map[string]bool{},
		options: map[string]bool{}, data: map[string]map[string]bool{},
	}
}

// add takes over what another usage needs, but for its lets and kept nodes, which
// have been written.
func (u *usage) add(other *usage) {
	for _, set := range []struct{ to, from map[string]bool }{
		{u.imports, other.imports}, {u.strict, other.strict}, {u.options, other.options},
	} {
		for k := range set.from {
			set.to[k] = true
		}
	}
	for path, keys := range other.data {
		for k := range keys {
			u.addData(path, k)
		}
	}
}

// clone copies all of it.
func (u *usage) clone() *usage {
	c := newUsage()
	c.add(u)
	c.kept, c.lets, c.countsOptions = append(c.kept, u.kept...), append(c.lets, u.lets...), u.countsOptions
	return c
}

func (u *usage) addData(path, key string) {
	if u.data[path] == nil {
		u.data[path] = map[string]bool{}
	}
	u.data[path][key] = true
}

// term is the value of a template's expression, as CUE.
type term struct {
	cue string
	typ *paramType
	// inner is set when cue is "\(inner)".
	inner string
	// lit holds the text of a constant that the template spells out.
	lit *string
	// not is the opposite of a boolean, where it is as short.
	not string
	// open is the path in the Kubernetes object, while it is one of plain names.
	open []string
	// maybe says that the value may be missing without an error in the template.
	maybe bool
	// indexed says that index has read it from the Kubernetes object: where it is
	// missing, a condition is false and a default steps in, but CUE has no value.
	indexed bool
}

// errKept is the reason why a template stays one.
type errKept struct{ reason string }

func (e errKept) Error() string { return e.reason }

func kept(format string, args ...any) error { return errKept{fmt.Sprintf(format, args...)} }

// translate turns a string of a blueprint into CUE. The uses are those of this
// string alone. With wantInt the CUE is an integer.
func (s *actionScope) translate(text string, wantInt bool) (string, *usage, error) {
	tree, err := parseTemplate(text)
	if err != nil {
		return "", nil, kept("the template does not parse: %v", err)
	}
	t := &translator{scope: s, vars: map[string]term{}, nonEmpty: map[string]bool{}, uses: newUsage()}
	pieces, err := t.whole(tree.Root)
	if err != nil {
		return "", nil, err
	}
	if wantInt && len(pieces) == 1 && pieces[0].expr != "" && pieces[0].kind == intParam {
		return pieces[0].expr, t.uses, nil
	}
	v, err := t.text(pieces)
	if err != nil {
		return "", nil, err
	}
	if wantInt {
		t.uses.imports["strconv"] = true
		v.cue = "strconv.Atoi(" + v.cue + ")"
	}
	return v.cue, t.uses, nil
}

// text makes one text of pieces.
func (t *translator) text(pieces []piece) (term, error) {
	if len(pieces) == 1 && pieces[0].expr != "" && pieces[0].kind == textParam {
		return term{cue: pieces[0].expr, typ: textType}, nil
	}
	pieces, err := t.hoist(pieces)
	if err != nil {
		return term{}, err
	}
	return term{cue: cueString(pieces), typ: textType}, nil
}

// hoist moves expressions of several lines out of the string they stand in.
func (t *translator) hoist(pieces []piece) ([]piece, error) {
	moved := make([]piece, len(pieces))
	for i, p := range pieces {
		if strings.Contains(p.expr, "\n") {
			if t.loops > 0 {
				return nil, kept("text of several lines in a loop")
			}
			if !t.scope.canLet {
				return nil, kept("text of several lines that depends on a condition")
			}
			name := t.scope.unique(p.name + "Text")
			t.uses.lets = append(t.uses.lets, &cueField{label: name, let: true, expr: p.expr})
			p.expr = name
		}
		moved[i] = p
	}
	return moved, nil
}

// whole translates a string from its root. A node that has no counterpart in CUE,
// and that stands by itself, becomes a template of its own, so that the rest can
// be CUE.
func (t *translator) whole(root *parse.ListNode) ([]piece, error) {
	native := false
	var reason error
	pieces, err := t.each(root, func(n parse.Node) (*piece, error) {
		before := t.uses.clone()
		p, err := t.node(n)
		if err != nil && isolated(n) {
			// What it needed so far must not stay: CUE refuses unused lets and imports.
			t.uses, reason = before, err
			return t.keep(n, err), nil
		}
		native = native || n.Type() != parse.NodeText
		return p, err
	})
	if err == nil && !native && reason != nil {
		err = reason
	}
	return pieces, err
}

// keep makes a template of one node.
func (t *translator) keep(n parse.Node, reason error) *piece {
	label := t.scope.hiddenLabel(nodeName(n))
	t.uses.kept = append(t.uses.kept, keptNode{label: label, text: n.String(), offset: int(n.Position()), reason: reason.Error()})
	return &piece{expr: label, kind: textParam}
}

// list translates nodes into pieces.
func (t *translator) list(l *parse.ListNode) ([]piece, error) { return t.each(l, t.node) }

// each translates nodes, and makes one of texts that touch.
func (t *translator) each(l *parse.ListNode, translate func(parse.Node) (*piece, error)) ([]piece, error) {
	var pieces []piece
	if l == nil {
		return nil, nil
	}
	for _, n := range l.Nodes {
		p, err := translate(n)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		if last := len(pieces) - 1; p.expr == "" && last >= 0 && pieces[last].expr == "" {
			pieces[last].text += p.text
			continue
		}
		pieces = append(pieces, *p)
	}
	return pieces, nil
}

// node returns nil for what prints nothing.
func (t *translator) node(n parse.Node) (*piece, error) {
	switch n := n.(type) {
	case *parse.TextNode:
		return &piece{text: string(n.Text)}, nil
	case *parse.CommentNode:
		return nil, nil
	case *parse.ActionNode:
		return t.action(n)
	case *parse.IfNode:
		return t.conditional(&n.BranchNode, false)
	case *parse.WithNode:
		return t.conditional(&n.BranchNode, true)
	case *parse.RangeNode:
		return t.loop(n)
	}
	return nil, kept("%s has no counterpart in CUE", n)
}

func (t *translator) action(n *parse.ActionNode) (*piece, error) {
	v, err := t.pipe(n.Pipe)
	if err != nil {
		return nil, err
	}
	if len(n.Pipe.Decl) == 0 {
		return t.printed(v)
	}
	if n.Pipe.IsAssign || len(n.Pipe.Decl) != 1 {
		return nil, kept("a variable is assigned a second time")
	}
	t.vars[n.Pipe.Decl[0].Ident[0]] = v
	return nil, nil
}

// printed is what a value looks like in the text.
func (t *translator) printed(v term) (*piece, error) {
	if v.maybe {
		return nil, kept("%s may be missing, and then prints as nothing", v.cue)
	}
	if v.lit != nil {
		return &piece{text: *v.lit}, nil
	}
	switch v.typ.kind {
	case textParam:
		switch {
		case v.inner != "":
			return &piece{expr: v.inner, kind: openParam}, nil
		}
		return &piece{expr: v.cue, kind: textParam}, nil
	case intParam, boolParam, openParam:
		return &piece{expr: v.cue, kind: v.typ.kind}, nil
	case bytesParam:
		return nil, kept("Secret data without toString prints as a list of numbers")
	}
	return nil, kept("a whole list or map prints in Go's own way")
}

// asText is the CUE of a value as text, for the functions that take text.
func (t *translator) asText(v term) (string, error) {
	p, err := t.printed(v)
	if err != nil {
		return "", err
	}
	switch {
	case v.typ.kind == textParam:
		return v.cue, nil
	case v.lit != nil:
		return cueLine([]piece{{text: *v.lit}}), nil
	}
	return cueLine([]piece{{expr: p.expr}}), nil
}

// pipe evaluates a pipeline.
func (t *translator) pipe(p *parse.PipeNode) (term, error) {
	var v term
	var last []term
	for _, cmd := range p.Cmds {
		var err error
		if v, err = t.command(cmd, last); err != nil {
			return term{}, err
		}
		last = []term{v}
	}
	return v, nil
}

// command evaluates one command; last is the value piped in, if there is one.
func (t *translator) command(cmd *parse.CommandNode, last []term) (term, error) {
	id, ok := cmd.Args[0].(*parse.IdentifierNode)
	if !ok {
		if len(cmd.Args) > 1 || len(last) > 0 {
			return term{}, kept("%s is called like a function", cmd.Args[0])
		}
		return t.operand(cmd.Args[0])
	}
	f := templateFuncs[id.Ident]
	if f == nil {
		return term{}, kept("the function %s has no exact counterpart in CUE", id.Ident)
	}
	args := make([]term, 0, len(cmd.Args))
	for _, n := range cmd.Args[1:] {
		v, err := t.operand(n)
		if err != nil {
			return term{}, err
		}
		args = append(args, v)
	}
	return f(t, append(args, last...))
}

func (t *translator) operand(n parse.Node) (term, error) {
	switch n := n.(type) {
	case *parse.FieldNode:
		return t.fields(t.base(), n.Ident)
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			return t.fields(term{typ: rootType}, n.Ident[1:])
		}
		v, ok := t.vars[n.Ident[0]]
		if !ok {
			return term{}, kept("the variable %s is not known here", n.Ident[0])
		}
		return t.fields(v, n.Ident[1:])
	case *parse.ChainNode:
		v, err := t.operand(n.Node)
		if err != nil {
			return term{}, err
		}
		return t.fields(v, n.Field)
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			return term{}, kept("a variable is declared within a pipeline")
		}
		return t.pipe(n)
	}
	return t.constant(n)
}

func (t *translator) constant(n parse.Node) (term, error) {
	switch n := n.(type) {
	case *parse.DotNode:
		return t.base(), nil
	case *parse.StringNode:
		return textTerm(n.Text), nil
	case *parse.NumberNode:
		if n.IsInt {
			text := fmt.Sprint(n.Int64)
			return term{cue: text, typ: intType, lit: &text}, nil
		}
	case *parse.BoolNode:
		text := fmt.Sprint(n.True)
		return term{cue: text, typ: boolType, lit: &text}, nil
	case *parse.IdentifierNode:
		if f := templateFuncs[n.Ident]; f != nil {
			return f(t, nil)
		}
	}
	return term{}, kept("%s has no counterpart in CUE", n)
}

func textTerm(text string) term {
	return term{cue: cueLine([]piece{{text: text}}), typ: textType, lit: &text}
}

func (t *translator) base() term {
	if t.dot != nil {
		return *t.dot
	}
	return term{typ: rootType}
}
