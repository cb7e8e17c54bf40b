package compat

import (
	"fmt"
	"strings"
)

// exportFunc is the template's word for a function of CUE. In its pattern %1, %2 and
// so on are the arguments.
type exportFunc struct {
	pattern string
	args    int
	typ     *paramType
	// raw arguments are not made text first.
	raw bool
}

var exportFuncs = map[string]exportFunc{
	"base64.Decode":      {pattern: "b64dec %2", args: 2, typ: textType},
	"base64.Encode":      {pattern: "b64enc %2", args: 2, typ: textType},
	"len":                {pattern: "len %1", args: 1, typ: intType, raw: true},
	"list.Contains":      {pattern: "has %2 %1", args: 2, typ: boolType, raw: true},
	"regexp.Match":       {pattern: "regexMatch %1 %2", args: 2, typ: boolType},
	"regexp.ReplaceAll":  {pattern: "regexReplaceAll %1 %2 %3", args: 3, typ: textType},
	"strconv.Atoi":       {pattern: "atoi %1", args: 1, typ: intType},
	"strconv.FormatBool": {pattern: "toString %1", args: 1, typ: textType, raw: true},
	"strconv.ParseBool":  {pattern: `has %1 (list "1" "t" "T" "TRUE" "true" "True")`, args: 1, typ: boolType},
	"strconv.Quote":      {pattern: "quote %1", args: 1, typ: textType},
	"strings.Contains":   {pattern: "contains %2 %1", args: 2, typ: boolType},
	"strings.HasPrefix":  {pattern: "hasPrefix %2 %1", args: 2, typ: boolType},
	"strings.HasSuffix":  {pattern: "hasSuffix %2 %1", args: 2, typ: boolType},
	"strings.Join":       {pattern: "join %2 %1", args: 2, typ: textType, raw: true},
	"strings.Repeat":     {pattern: "repeat %2 %1", args: 2, typ: textType, raw: true},
	"strings.Split":      {pattern: "splitList %2 %1", args: 2, typ: listOf(textType)},
	"strings.ToLower":    {pattern: "lower %1", args: 1, typ: textType},
	"strings.ToUpper":    {pattern: "upper %1", args: 1, typ: textType},
	"strings.Trim":       {pattern: "trimAll %2 %1", args: 2, typ: textType},
	"strings.TrimPrefix": {pattern: "trimPrefix %2 %1", args: 2, typ: textType},
	"strings.TrimSpace":  {pattern: "trim %1", args: 1, typ: textType},
	"strings.TrimSuffix": {pattern: "trimSuffix %2 %1", args: 2, typ: textType},
}

// call writes a call of a function.
func (t *templateMaker) call(e CallExpr) (tmplValue, error) {
	switch e.Func {
	case "strings.Replace":
		return t.replace(e)
	case "time.FormatString":
		return t.formatTime(e)
	case "list.Range":
		return t.countUp(e)
	case "strconv.FormatInt", "strconv.FormatUint":
		return t.formatInt(e)
	}
	f, ok := exportFuncs[e.Func]
	if !ok {
		return tmplValue{}, fmt.Errorf("%s has no exact counterpart in Kanister's templates", e.Func)
	}
	if len(e.Args) != f.args {
		return tmplValue{}, fmt.Errorf("%s with %d arguments instead of %d", e.Func, len(e.Args), f.args)
	}
	return t.fillPattern(f, e.Args)
}

func (t *templateMaker) fillPattern(f exportFunc, args []Expr) (tmplValue, error) {
	var pairs []string
	for i, e := range args {
		name := fmt.Sprintf("%%%d", i+1)
		if !strings.Contains(f.pattern, name) {
			// The encoding of base64, for instance.
			continue
		}
		o, err := t.operand(e)
		if err != nil {
			return tmplValue{}, err
		}
		if !f.raw && o.typ.kind == openParam {
			o = asText(o)
		}
		pairs = append(pairs, name, o.arg())
	}
	return tmplValue{text: strings.NewReplacer(pairs...).Replace(f.pattern), typ: f.typ, call: true}, nil
}

// replace knows the replacing of all.
func (t *templateMaker) replace(e CallExpr) (tmplValue, error) {
	if len(e.Args) != 4 || e.Args[3] != NumberExpr("-1") {
		return tmplValue{}, fmt.Errorf("strings.Replace of some occurrences only: templates replace all of them (-1)")
	}
	return t.fillPattern(exportFunc{pattern: "replace %2 %3 %1", typ: textType}, e.Args[:3])
}

// formatTime knows the time at which the action started.
func (t *templateMaker) formatTime(e CallExpr) (tmplValue, error) {
	p, ok := e.Args[len(e.Args)-1].(ParamExpr)
	layout, known := e.Args[0].(TextExpr)
	if !ok || !known || len(e.Args) != 2 || paramName(p) != "input.time" {
		return tmplValue{}, fmt.Errorf("time.FormatString of something else than input.time, or with a layout that is not a constant")
	}
	text := "toDate " + goString(timeLayouts[0]) + " " + t.root() + ".Time | date " + goString(string(layout))
	return tmplValue{text: text, typ: textType, call: true}, nil
}

func (t *templateMaker) formatInt(e CallExpr) (tmplValue, error) {
	if len(e.Args) != 2 || e.Args[1] != NumberExpr("10") {
		return tmplValue{}, fmt.Errorf("%s with another base than 10", e.Func)
	}
	o, err := t.operand(e.Args[0])
	return tmplValue{text: "toString " + o.arg(), typ: textType, call: true}, err
}

// countUp knows the numbers of a list's items. From other bounds CUE may refuse to count
// where a template counts nothing, or down.
func (t *templateMaker) countUp(e CallExpr) (tmplValue, error) {
	if len(e.Args) == 3 && e.Args[0] == NumberExpr("0") && e.Args[2] == NumberExpr("1") {
		if length, ok := e.Args[1].(CallExpr); ok && length.Func == "len" {
			return t.fillPattern(exportFunc{pattern: "until %1", typ: listOf(intType), raw: true}, e.Args[1:2])
		}
	}
	return tmplValue{}, fmt.Errorf("list.Range of something else than from 0 to the length of a list: list.Range(0, len(…), 1)")
}
