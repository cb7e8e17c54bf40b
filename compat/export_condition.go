package compat

import (
	"errors"
	"fmt"
)

var comparisons = map[string]string{"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

// opposites of the comparisons that templates have.
var opposites = map[string]string{"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "le": "gt", "gt": "le"}

func isCondition(e OpExpr) bool {
	switch e.Op {
	case "&&", "||", "!", "=~", "!~":
		return true
	}
	return comparisons[e.Op] != ""
}

// condition writes what an if tests. Of its value only the truth counts.
func (t *templateMaker) condition(e Expr) (tmplValue, error) {
	switch e := e.(type) {
	case OpExpr:
		return t.operator(e)
	case ExistsExpr:
		return t.exists(e.Of)
	case ChoiceExpr:
		return t.boolChoice(e)
	case BoolExpr, ParamExpr, CallExpr:
		o, err := t.operand(e)
		if err == nil && o.typ.kind != boolParam && o.typ.kind != openParam {
			err = fmt.Errorf("%s is no condition", o.text)
		}
		return withOpposite(o), err
	}
	return tmplValue{}, errors.New("a condition that a template has no words for")
}

func (t *templateMaker) operator(e OpExpr) (tmplValue, error) {
	switch e.Op {
	case "&&", "||":
		return t.logical(e)
	case "!":
		o, err := t.condition(e.Args[0])
		return tmplValue{text: o.not, not: o.text, typ: boolType, call: true}, err
	case "=~", "!~":
		o, err := t.call(CallExpr{Func: "regexp.Match", Args: []Expr{e.Args[1], e.Args[0]}})
		o = withOpposite(o)
		if e.Op == "!~" {
			o.text, o.not = o.not, o.text
		}
		return o, err
	}
	if comparisons[e.Op] == "" {
		return tmplValue{}, fmt.Errorf("the operator %s is no condition in a template", e.Op)
	}
	return t.compare(e)
}

func withOpposite(o tmplValue) tmplValue {
	if o.not == "" {
		o.not = "not " + o.arg()
	}
	return o
}

// logical writes and and or, all operands of a chain in one call.
func (t *templateMaker) logical(e OpExpr) (tmplValue, error) {
	name := map[string]string{"&&": "and", "||": "or"}[e.Op]
	text := name
	for _, x := range chain(e, e.Op) {
		o, err := t.condition(x)
		if err != nil {
			return tmplValue{}, err
		}
		text += " " + o.arg()
	}
	return withOpposite(tmplValue{text: text, typ: conditionType, call: true}), nil
}

func chain(e Expr, op string) []Expr {
	o, ok := e.(OpExpr)
	if !ok || o.Op != op {
		return []Expr{e}
	}
	return append(chain(o.Args[0], op), chain(o.Args[1], op)...)
}

// compare writes a comparison, that with emptiness as a template would.
func (t *templateMaker) compare(e OpExpr) (tmplValue, error) {
	if o, ok, err := t.emptiness(e); ok || err != nil {
		return o, err
	}
	name := comparisons[e.Op]
	a, err := t.operand(e.Args[0])
	if err != nil {
		return tmplValue{}, err
	}
	b, err := t.operand(e.Args[1])
	if err != nil {
		return tmplValue{}, err
	}
	args := " " + a.arg() + " " + b.arg()
	return tmplValue{text: name + args, not: opposites[name] + args, typ: boolType, call: true}, nil
}

// emptiness recognises a text compared with "", and a length with 0.
func (t *templateMaker) emptiness(e OpExpr) (o tmplValue, ok bool, err error) {
	tested := e.Args[0]
	call, isCall := tested.(CallExpr)
	switch {
	case e.Args[1] == TextExpr("") && (e.Op == "==" || e.Op == "!="):
		if !t.isText(tested) || isTemplateExpr(tested) {
			return tmplValue{}, false, nil
		}
	case e.Args[1] == NumberExpr("0") && isCall && call.Func == "len" && (e.Op == "==" || e.Op == "!=" || e.Op == ">"):
		tested = call.Args[0]
	default:
		return tmplValue{}, false, nil
	}
	if o, err = t.operand(tested); err != nil {
		return tmplValue{}, false, err
	}
	o = tmplValue{text: o.text, not: "not " + o.arg(), typ: boolType, call: o.call}
	if e.Op == "==" {
		o.text, o.not, o.call = o.not, o.text, true
	}
	return o, true, nil
}

func isTemplateExpr(e Expr) bool { _, ok := e.(TemplateExpr); return ok }

// boolChoice is a choice whose branches are conditions themselves.
func (t *templateMaker) boolChoice(e ChoiceExpr) (tmplValue, error) {
	if len(e) != 2 || e[0].If == nil {
		return tmplValue{}, errors.New("a condition that is a choice of several")
	}
	c, err := t.condition(e[0].If)
	if err != nil {
		return tmplValue{}, err
	}
	if e[1].If != nil {
		other, err := t.condition(e[1].If)
		if err != nil || other.text != c.not {
			return tmplValue{}, errors.New("a condition that is a choice which need not have a branch for all cases")
		}
	}
	then, err := t.condition(e[0].Then)
	if err != nil {
		return tmplValue{}, err
	}
	otherwise, err := t.condition(e[1].Then)
	if err != nil {
		return tmplValue{}, err
	}
	var text string
	switch {
	case otherwise.text == "false":
		text = "and " + c.arg() + " " + then.arg()
	case then.text == "true":
		text = "or " + c.arg() + " " + otherwise.arg()
	default:
		text = "or (and " + c.arg() + " " + then.arg() + ") (and (" + c.not + ") " + otherwise.arg() + ")"
	}
	return withOpposite(tmplValue{text: text, typ: conditionType, call: true}), nil
}

// exists asks whether a parameter is there.
func (t *templateMaker) exists(e Expr) (tmplValue, error) {
	p, ok := e.(ParamExpr)
	if !ok || len(p.Path) == 0 {
		return tmplValue{}, errors.New("whether something is there that is no parameter")
	}
	last := p.Path[len(p.Path)-1]
	parent := p
	parent.Path = p.Path[:len(p.Path)-1]
	if parent.Var == "" && (len(parent.Path) == 0 || len(parent.Path) == 1 && parent.Path[0].Name == "input") {
		return t.isSet(p)
	}
	in, err := t.path(parent)
	if err != nil {
		return tmplValue{}, err
	}
	switch {
	case last.Index != nil:
	case in.typ.kind == recordParam:
		return t.isSet(p)
	case in.typ.kind == openParam:
		return t.openExists(parent, last.Name)
	case in.typ.kind == mapParam && in.typ.elem != nil:
		return t.keyExists(p, parent, in.typ.elem)
	}
	return tmplValue{}, fmt.Errorf("whether %s is there, which a template cannot ask", paramName(p))
}

// isSet asks for a pointer, or for a field that is empty when it is not set.
func (t *templateMaker) isSet(e ParamExpr) (tmplValue, error) {
	p, err := t.path(e)
	if err != nil {
		return tmplValue{}, err
	}
	return withOpposite(tmplValue{text: p.operand().text, typ: boolType, call: p.operand().call}), nil
}

// keyExists asks for a key of a map. Templates do not tell an empty text from one
// that is missing.
func (t *templateMaker) keyExists(e, parent ParamExpr, elem *paramType) (tmplValue, error) {
	byIndex := e
	byIndex.Default = new(string)
	p, err := t.path(byIndex)
	if err != nil {
		return tmplValue{}, err
	}
	o := p.operand()
	switch {
	case elem.isText():
		t.notef("Kanister takes an empty %s for one that is missing", paramName(e))
	case elem == artifactType:
		at := "(" + o.text + ")"
		o = tmplValue{text: "or " + at + ".KeyValue " + at + ".KopiaSnapshot", call: true}
	case elem == secretType, elem == configMapType:
		o = tmplValue{text: "(" + o.text + ").Data"}
	default:
		return tmplValue{}, fmt.Errorf("whether %s is in %s, which a template cannot ask", paramName(e), paramName(parent))
	}
	o.typ = boolType
	return withOpposite(o), nil
}

// openExists asks for a path in the Kubernetes object, one step after the other.
func (t *templateMaker) openExists(parent ParamExpr, name string) (tmplValue, error) {
	in, err := t.path(parent)
	if err != nil {
		return tmplValue{}, err
	}
	has := tmplValue{text: "hasKey " + in.operand().arg() + " " + goString(name), typ: boolType, call: true}
	steps := parent.Path
	if last := len(steps) - 1; last >= 1 && steps[last].Index == nil && (last > 1 || steps[0].Name != "input") {
		up := parent
		up.Path = steps[:last]
		if before, err := t.openExists(up, steps[last].Name); err == nil {
			return withOpposite(tmplValue{text: "and " + before.arg() + " " + has.arg(), typ: conditionType, call: true}), nil
		}
	}
	return withOpposite(has), nil
}
