package compat

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// tmplValue is a value in a template's action.
type tmplValue struct {
	text string
	typ  *paramType
	// call says that it needs parentheses where it is an argument.
	call bool
	// not is the opposite of a condition.
	not string
}

func (o tmplValue) arg() string {
	if o.call {
		return "(" + o.text + ")"
	}
	return o.text
}

// dotName is what a template can read behind a dot.
var dotName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// paramPath writes a path. Steps by index are gathered, so that one call of index
// does for several.
type paramPath struct {
	text string
	keys []string
	typ  *paramType
}

func (p *paramPath) dot(name string, typ *paramType) {
	if len(p.keys) > 0 {
		p.text, p.keys = "("+p.indexed()+")", nil
	}
	p.text += "." + name
	p.typ = typ
}

func (p *paramPath) index(key string, typ *paramType) {
	p.keys = append(p.keys, key)
	p.typ = typ
}

func (p *paramPath) indexed() string { return "index " + p.text + " " + strings.Join(p.keys, " ") }

func (p *paramPath) operand() tmplValue {
	if len(p.keys) > 0 {
		return tmplValue{text: p.indexed(), typ: p.typ, call: true}
	}
	return tmplValue{text: p.text, typ: p.typ}
}

// param writes a parameter with what its value is printed as: the data of a
// Secret as text.
func (t *templateMaker) param(e ParamExpr) (tmplValue, error) {
	if last := len(e.Path) - 1; last >= 1 && e.Var == "" && e.Path[0].Name == "input" && e.Path[1].Name == "profile" && e.Path[last].Name == "json" {
		return tmplValue{text: "toJson " + t.root() + ".Profile", typ: textType, call: true}, nil
	}
	p, err := t.path(e)
	if err != nil {
		return tmplValue{}, err
	}
	o := p.operand()
	if o.typ.kind == bytesParam {
		o = tmplValue{text: o.text + " | toString", typ: textType, call: true}
	}
	if e.Default != nil && *e.Default != "" {
		t.notef("a missing %s is %q; Kanister does not tell an empty one from it", paramName(e), *e.Default)
		o = tmplValue{text: o.text + " | default " + goString(*e.Default), typ: textType, call: true}
	}
	return o, nil
}

// root is how the parameters are reached: in a loop the dot is another.
func (t *templateMaker) root() string {
	if t.loops > 0 {
		return "$"
	}
	return ""
}

func (t *templateMaker) path(e ParamExpr) (*paramPath, error) {
	p, steps, err := t.start(e)
	if err != nil {
		return nil, err
	}
	for i, s := range steps {
		byIndex := e.Default != nil && i == len(steps)-1
		if err := t.step(p, s, byIndex); err != nil {
			return nil, fmt.Errorf("%s: %w", paramName(e), err)
		}
	}
	return p, nil
}

// start is the first part of a path: a variable, or a name at the root.
func (t *templateMaker) start(e ParamExpr) (*paramPath, []ParamStep, error) {
	if e.Var != "" {
		v, ok := t.vars[e.Var]
		if !ok {
			return nil, nil, fmt.Errorf("the variable %s is not known here", e.Var)
		}
		return &paramPath{text: v.text, typ: v.typ}, e.Path, nil
	}
	p := &paramPath{text: t.root(), typ: rootType}
	switch first := e.Path[0].Name; first {
	case "phases":
		if t.beforePhases {
			return nil, nil, fmt.Errorf("%s is read in objects, which Kanister reads before the first phase runs, when there are no outputs yet", paramName(e))
		}
		p.dot("Phases", phasesType)
		return p, e.Path[1:], nil
	case "deferPhase":
		function := ""
		if t.writer.action.Defer != nil {
			function = t.writer.action.Defer.Func
		}
		p.dot("DeferPhase", phaseType(function))
		return p, e.Path[1:], nil
	}
	if len(e.Path) < 2 {
		return nil, nil, fmt.Errorf("all inputs together have no place in a template")
	}
	for name, f := range rootType.fields {
		if f.cue == "input."+e.Path[1].Name {
			p.dot(name, f.typ)
			return p, e.Path[2:], nil
		}
	}
	return nil, nil, fmt.Errorf("%s is no parameter of Kanister's", paramName(e))
}

// step goes one step on. byIndex reads a key that may be missing.
func (t *templateMaker) step(p *paramPath, s ParamStep, byIndex bool) error {
	if s.Index != nil {
		return t.indexStep(p, s.Index)
	}
	switch {
	case p.typ == phasesType:
		p.key(s.Name, false, phaseType(t.phaseFunc(s.Name)))
		return nil
	case p.typ.kind == recordParam:
		for name, f := range p.typ.fields {
			if f.cue == s.Name {
				p.dot(name, f.typ)
				return nil
			}
		}
		return fmt.Errorf("there is nothing of the name %s among Kanister's parameters", s.Name)
	case p.typ.kind == mapParam:
		elem := p.typ.elem
		if f, ok := p.typ.fields[s.Name]; ok {
			elem = f.typ
		}
		p.key(s.Name, byIndex, elem)
		return nil
	case p.typ.kind == openParam:
		p.key(s.Name, byIndex, openType)
		return nil
	}
	return fmt.Errorf("there is no %s in it", s.Name)
}

// key reads a key of a map: by a dot, for which it must be there, or by index.
func (p *paramPath) key(name string, byIndex bool, typ *paramType) {
	if dotName.MatchString(name) && !byIndex {
		p.dot(name, typ)
		return
	}
	p.index(goString(name), typ)
}

func (t *templateMaker) indexStep(p *paramPath, index Expr) error {
	o, err := t.operand(index)
	if err != nil {
		return err
	}
	switch {
	case p.typ.kind == listParam, p.typ.kind == mapParam && p.typ.elem != nil:
		p.index(o.arg(), p.typ.elem)
	case p.typ.kind == openParam:
		p.index(o.arg(), openType)
	default:
		return fmt.Errorf("[%s] reads something that is no list or map", o.text)
	}
	return nil
}

func (t *templateMaker) phaseFunc(name string) string {
	for _, p := range t.writer.action.Phases {
		if p.Name == name {
			return p.Func
		}
	}
	return ""
}

// paramName is the parameter as CUE has it, for messages.
func paramName(e ParamExpr) string {
	name := e.Var
	for _, s := range e.Path {
		switch {
		case s.Index != nil:
			name += "[…]"
		case name == "":
			name = s.Name
		default:
			name = cueSelect(name, s.Name)
		}
	}
	return name
}

// goString is a constant text in a template, with as few escapes as can be.
func goString(text string) string {
	if strings.ContainsAny(text, `"\`) && !strings.Contains(text, "`") && printable(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

func printable(text string) bool {
	for _, r := range text {
		if !strconv.IsPrint(r) || r == '\uFFFD' {
			return false
		}
	}
	return true
}
