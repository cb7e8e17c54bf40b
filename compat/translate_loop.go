package compat

import (
	"fmt"
	"strings"
	"text/template/parse"
)

// loop translates a range.
func (t *translator) loop(n *parse.RangeNode) (*piece, error) {
	outer := t.enter()
	defer t.leave(outer)
	over, err := t.pipe(n.Pipe)
	if err != nil {
		return nil, err
	}
	if n.ElseList != nil || n.Pipe.IsAssign {
		return nil, kept("a range with else, or that assigns")
	}
	key, item, err := t.entries(over)
	if err != nil {
		return nil, err
	}
	t.loops++
	names := t.loopVariables(n.Pipe.Decl, over, key, item)
	body, err := t.block(n.List)
	if err != nil {
		return nil, err
	}
	t.uses.imports["strings"] = true
	join := fmt.Sprintf("strings.Join([for %s in %s {%s}], \"\")", names, over.cue, body.cue)
	return &piece{expr: join, kind: textParam, name: nodeName(n.Pipe)}, nil
}

// entries are the types of what a range over the value gives. What stands in the
// Kubernetes object may be a list or a map: both go round a template as they go round
// CUE, since the keys of parameters are sorted.
func (t *translator) entries(over term) (key, item term, err error) {
	switch {
	case over.maybe:
	case over.typ.kind == listParam:
		return term{typ: intType}, term{typ: over.typ.elem}, nil
	case over.typ.kind == openParam && over.lit == nil:
		item = term{typ: openType}
		if over.open != nil && openIsText(append(over.open[:len(over.open):len(over.open)], "*")) {
			item.typ = textType
		}
		return term{typ: openType}, item, nil
	case over.cue == "input.options":
		t.uses.countsOptions = true // None may be declared that was not given.
		return term{typ: textType}, term{typ: textType}, nil
	}
	return term{}, term{}, kept("a range over something that is not known to be a list")
}

// loopVariables declares the dot and the variables of a range, and writes them as a
// comprehension does.
func (t *translator) loopVariables(decl []*parse.VariableNode, over, key, item term) string {
	item.cue = "item"
	if strings.HasSuffix(over.cue, ".pods") {
		item.cue = "pod"
	}
	if len(decl) > 0 {
		item.cue = t.loopName(decl[len(decl)-1], item.cue)
	}
	if t.loops > 1 {
		item.cue = fmt.Sprintf("%s%d", item.cue, t.loops)
	}
	t.dot = &item
	if len(decl) > 0 {
		t.vars[decl[len(decl)-1].Ident[0]] = item
	}
	if len(decl) < 2 {
		return item.cue
	}
	key.cue = t.loopName(decl[0], "key")
	if t.loops > 1 || key.cue == item.cue {
		key.cue = fmt.Sprintf("key%d", t.loops)
	}
	t.vars[decl[0].Ident[0]] = key
	return key.cue + ", " + item.cue
}

// loopName is the name that the template gives to a variable, if CUE can have it.
func (t *translator) loopName(decl *parse.VariableNode, otherwise string) string {
	name := strings.TrimPrefix(decl.Ident[0], "$")
	if first := name[:min(1, len(name))]; first == strings.ToUpper(first) || cueLabel(name) != name {
		return otherwise
	}
	return name
}
