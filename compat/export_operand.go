package compat

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// operand writes an expression that stands in an action.
func (t *templateMaker) operand(e Expr) (tmplValue, error) {
	switch e := e.(type) {
	case TextExpr:
		return tmplValue{text: goString(string(e)), typ: textType}, nil
	case NumberExpr:
		return tmplValue{text: string(e), typ: intType}, nil
	case BoolExpr:
		return tmplValue{text: fmt.Sprint(bool(e)), typ: boolType}, nil
	case ParamExpr:
		return t.param(e)
	case JoinExpr:
		return t.printf(e)
	case ListExpr:
		return t.list(e)
	case CallExpr:
		return t.call(e)
	case ChoiceExpr:
		return t.ternary(e)
	case OpExpr:
		if parts, ok := t.concatenation(e); ok {
			return t.printf(parts)
		}
		if isCondition(e) {
			return t.condition(e)
		}
		return t.arithmetic(e)
	case ExistsExpr:
		return t.condition(e)
	case TemplateExpr:
		return tmplValue{}, errors.New("a @gotmpl template can be printed, but not be passed to a function")
	case LoopExpr:
		return tmplValue{}, errors.New("a list made by a loop: a template can only print one, with strings.Join")
	}
	return tmplValue{}, fmt.Errorf("an expression (%T) that a template has no words for", e)
}

// printf makes one text of parts.
func (t *templateMaker) printf(parts []Expr) (tmplValue, error) {
	parts = flatten(parts)
	if len(parts) == 0 {
		return tmplValue{text: `""`, typ: textType}, nil
	}
	var format strings.Builder
	var args []string
	for _, part := range parts {
		if text, ok := part.(TextExpr); ok {
			format.WriteString(strings.ReplaceAll(string(text), "%", "%%"))
			continue
		}
		o, err := t.operand(part)
		if err != nil {
			return tmplValue{}, err
		}
		if err := printsAlike(o); err != nil {
			return tmplValue{}, err
		}
		if len(parts) == 1 {
			return asText(o), nil
		}
		verb := "%v"
		if o.typ.kind == textParam {
			verb = "%s"
		}
		format.WriteString(verb)
		args = append(args, o.arg())
	}
	if len(args) == 0 {
		return t.operand(parts[0])
	}
	return tmplValue{text: "printf " + goString(format.String()) + " " + strings.Join(args, " "), typ: textType, call: true}, nil
}

// asText makes text of what may be something else.
func asText(o tmplValue) tmplValue {
	if o.typ.kind == textParam {
		return o
	}
	return tmplValue{text: "toString " + o.arg(), typ: textType, call: true}
}

func (t *templateMaker) list(items ListExpr) (tmplValue, error) {
	args := []string{"list"}
	for _, e := range items {
		o, err := t.operand(e)
		if err != nil {
			return tmplValue{}, err
		}
		args = append(args, o.arg())
	}
	return tmplValue{text: strings.Join(args, " "), typ: listOf(openType), call: true}, nil
}

// ternary is a choice within an action. Both branches are evaluated then, so that
// neither may be able to fail.
func (t *templateMaker) ternary(e ChoiceExpr) (tmplValue, error) {
	if isBoolean(e) {
		return t.condition(e)
	}
	if v, ok := orElse(e); ok {
		return t.fallback(v, e[1].Then)
	}
	if len(e) != 2 || !harmless(e[0].Then) || !harmless(e[1].Then) {
		return tmplValue{}, errors.New("a choice in the midst of an expression: make it the whole text, or one of its parts")
	}
	c, err := t.condition(e[0].If)
	if err != nil {
		return tmplValue{}, err
	}
	if e[1].If != nil {
		other, err := t.condition(e[1].If)
		if err != nil || other.text != c.not {
			return tmplValue{}, errors.New("a choice in the midst of an expression that need not have a branch for all cases")
		}
	}
	yes, _ := t.operand(e[0].Then)
	no, _ := t.operand(e[1].Then)
	return tmplValue{text: "ternary " + yes.arg() + " " + no.arg() + " (not (not " + c.arg() + "))", typ: yes.typ, call: true}, nil
}

// orElse recognises `[if X != "" {X}, "constant"][0]`, and returns X.
func orElse(e ChoiceExpr) (Expr, bool) {
	if len(e) != 2 || e[1].If != nil || !harmless(e[1].Then) {
		return nil, false
	}
	test, ok := e[0].If.(OpExpr)
	return e[0].Then, ok && reflect.DeepEqual(test, OpExpr{Op: "!=", Args: []Expr{e[0].Then, TextExpr("")}})
}

// fallback is default. Only a text can have been compared with an empty one.
func (t *templateMaker) fallback(v, otherwise Expr) (tmplValue, error) {
	o, err := t.operand(v)
	if err != nil {
		return tmplValue{}, err
	}
	d, err := t.operand(otherwise)
	return tmplValue{text: "default " + d.arg() + " " + o.arg(), typ: textType, call: true}, err
}

func harmless(e Expr) bool { _, ok := constant(e); return ok }

// isBoolean says whether all branches are conditions.
func isBoolean(e ChoiceExpr) bool {
	for _, b := range e {
		switch then := b.Then.(type) {
		case BoolExpr, ExistsExpr:
		case OpExpr:
			if !isCondition(then) {
				return false
			}
		case ChoiceExpr:
			if !isBoolean(then) {
				return false
			}
		case CallExpr:
			if f, ok := exportFuncs[then.Func]; !ok || f.typ != boolType {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// concatenation recognises texts that are added.
func (t *templateMaker) concatenation(e OpExpr) ([]Expr, bool) {
	if e.Op != "+" || len(e.Args) != 2 {
		return nil, false
	}
	for _, x := range e.Args {
		if t.isText(x) {
			return e.Args, true
		}
	}
	return nil, false
}

func (t *templateMaker) isText(e Expr) bool {
	switch e := e.(type) {
	case TextExpr, JoinExpr, TemplateExpr:
		return true
	case OpExpr:
		_, ok := t.concatenation(e)
		return ok
	case ChoiceExpr:
		return len(e) > 0 && t.isText(e[0].Then)
	case ParamExpr:
		// A probe: what it notes and fails on is said when it is written.
		probe := *t
		probe.writer = &exportWriter{action: t.writer.action}
		o, err := probe.param(e)
		return err == nil && o.typ.kind == textParam
	case CallExpr:
		f, ok := exportFuncs[e.Func]
		return ok && f.typ == textType || e.Func == "strings.Join"
	}
	return false
}

var arithmeticFuncs = map[string]string{"+": "add", "-": "sub", "*": "mul"}

// arithmetic knows integers: sprig's functions cut off fractions.
func (t *templateMaker) arithmetic(e OpExpr) (tmplValue, error) {
	name := arithmeticFuncs[e.Op]
	if name == "" || len(e.Args) != 2 {
		return tmplValue{}, fmt.Errorf("the operator %s has no counterpart in a template", e.Op)
	}
	text := name
	for _, x := range e.Args {
		o, err := t.operand(x)
		if err != nil {
			return tmplValue{}, err
		}
		if o.typ.kind != intParam && o.typ.kind != openParam || strings.ContainsAny(o.text, ".e") && o.typ == intType && isNumber(x) {
			return tmplValue{}, fmt.Errorf("%s: templates calculate with integers only", o.text)
		}
		text += " " + o.arg()
	}
	return tmplValue{text: text, typ: intType, call: true}, nil
}

func isNumber(e Expr) bool { _, ok := e.(NumberExpr); return ok }
