package compat

import (
	"regexp"
	"slices"
	"strings"
)

// templateFuncs are the functions that have an exact counterpart in CUE. Each
// takes its arguments in the order of the template, a piped value last.
var templateFuncs = map[string]func(t *translator, args []term) (term, error){
	"index":      index,
	"toString":   toString,
	"toJson":     toJSON,
	"quote":      textFunc("strconv", "strconv.Quote(%)"),
	"lower":      textFunc("strings", "strings.ToLower(%)"),
	"upper":      textFunc("strings", "strings.ToUpper(%)"),
	"trim":       textFunc("strings", "strings.TrimSpace(%)"),
	"trimPrefix": textFunc("strings", "strings.TrimPrefix(%2, %1)"),
	"trimSuffix": textFunc("strings", "strings.TrimSuffix(%2, %1)"),
	"replace":    textFunc("strings", "strings.Replace(%3, %1, %2, -1)"),
	"b64enc":     textFunc("base64", "base64.Encode(null, %)"),
	"b64dec":     b64dec,
	"squote":     squote,
	"toDate":     toDate,
	"date":       date,
	"printf":     printf,
	"len":        length,
	"eq":         equal,
	"ne":         notEqual,
	"and":        logical(" && "),
	"or":         logical(" || "),
	"not":        not,
	"hasPrefix":  testFunc("strings.HasPrefix(%2, %1)"),
	"hasSuffix":  testFunc("strings.HasSuffix(%2, %1)"),
	"contains":   testFunc("strings.Contains(%2, %1)"),
	"join":       join,
	"default":    fallback,
	"coalesce":   coalesce,
	"ternary":    ternary,
	"list":       list,
	"splitList":  splitList,
	"has":        has,
	"gt":         inOrder(">", "<="),
	"ge":         inOrder(">=", "<"),
	"lt":         inOrder("<", ">="),
	"le":         inOrder("<=", ">"),
	"add":        arithmetic("+"),
	"add1":       next,
	"sub":        difference,
	"mul":        arithmetic("*"),
	"until":      until,
	"hasKey":     hasKey,
}

// fill puts texts into a pattern: % is the only one, %1, %2, %3 are the first and
// so on. It reports a number of arguments that does not fit.
func (t *translator) fill(pattern string, args []term) (string, error) {
	want := max(1, strings.Count(pattern, "%"))
	if len(args) != want {
		return "", kept("a function with %d arguments instead of %d", len(args), want)
	}
	texts := make([]string, len(args))
	for i, a := range args {
		s, err := t.asText(a)
		if err != nil {
			return "", err
		}
		texts[i] = s
	}
	if want == 1 {
		return strings.Replace(pattern, "%", texts[0], 1), nil
	}
	pairs := []string{"%1", texts[0], "%2", texts[1]}
	if want == 3 {
		pairs = append(pairs, "%3", texts[2])
	}
	return strings.NewReplacer(pairs...).Replace(pattern), nil
}

// textFunc is a function from texts to text.
func textFunc(pkg, pattern string) func(*translator, []term) (term, error) {
	return func(t *translator, args []term) (term, error) {
		cue, err := t.fill(pattern, args)
		if err != nil {
			return term{}, err
		}
		t.uses.imports[pkg] = true
		return term{cue: cue, typ: textType}, nil
	}
}

// testFunc is a function from texts to a boolean.
func testFunc(pattern string) func(*translator, []term) (term, error) {
	return func(t *translator, args []term) (term, error) {
		cue, err := t.fill(pattern, args)
		if err != nil {
			return term{}, err
		}
		t.uses.imports["strings"] = true
		return term{cue: cue, not: "!" + cue, typ: boolType}, nil
	}
}

func toString(t *translator, args []term) (term, error) {
	if len(args) != 1 {
		return term{}, kept("toString of several values")
	}
	v := args[0]
	switch v.typ.kind {
	case textParam, bytesParam:
		v.typ = textType
		return v, nil
	case intParam, boolParam, openParam:
		p, err := t.printed(v)
		if err != nil {
			return term{}, err
		}
		return term{cue: cueLine([]piece{{expr: p.expr}}), inner: p.expr, typ: textType}, nil
	}
	return term{}, kept("toString of a whole list or map")
}

// toJSON knows the profile. Other values are kept: sprig's JSON escapes < > and &,
// and CUE's does not.
func toJSON(_ *translator, args []term) (term, error) {
	if len(args) == 1 && args[0].cue == "input.profile" {
		return term{cue: "input.profile.json", typ: textType}, nil
	}
	return term{}, kept("toJson writes some characters in another way than CUE")
}

// b64dec knows the data of a Secret that is the object. For other text, sprig
// prints its complaint about bad base64 in the place of the value.
func b64dec(t *translator, args []term) (term, error) {
	if len(args) != 1 || !strings.HasPrefix(strings.TrimPrefix(args[0].cue, `"\(`), "input.object.data") {
		return term{}, kept("b64dec of something that need not be base64")
	}
	v := args[0]
	if v.inner == "" {
		v.inner = v.cue
	}
	t.uses.imports["base64"] = true
	inner := "base64.Decode(null, " + v.inner + ")"
	return term{cue: cueLine([]piece{{expr: inner}}), inner: inner, typ: textType}, nil
}

func squote(t *translator, args []term) (term, error) {
	if len(args) != 1 {
		return term{}, kept("squote of several values")
	}
	p, err := t.printed(args[0])
	if err != nil {
		return term{}, err
	}
	if p.expr == "" {
		return textTerm("'" + p.text + "'"), nil
	}
	return term{cue: cueLine([]piece{{text: "'"}, {expr: p.expr}, {text: "'"}}), typ: textType}, nil
}

// timeType is the time at which the action started, parsed.
var timeType = &paramType{kind: recordParam}

// timeLayouts are those that read .Time whole.
var timeLayouts = []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05Z07:00"}

func toDate(_ *translator, args []term) (term, error) {
	if len(args) != 2 || args[0].lit == nil || args[1].cue != "input.time" || !slices.Contains(timeLayouts, *args[0].lit) {
		return term{}, kept("toDate of something else than .Time, which gives the year 1 when it does not fit")
	}
	return term{cue: "input.time", typ: timeType}, nil
}

func date(t *translator, args []term) (term, error) {
	if len(args) != 2 || args[0].typ.kind != textParam || args[1].typ != timeType {
		return term{}, kept("date of something that toDate has not read prints the present time")
	}
	t.uses.imports["time"] = true
	return term{cue: "time.FormatString(" + args[0].cue + ", input.time)", typ: textType}, nil
}

// printf knows %s, %d, %v and %% without widths.
func printf(t *translator, args []term) (term, error) {
	if len(args) == 0 || args[0].lit == nil {
		return term{}, kept("printf without a format that is known")
	}
	format, rest := *args[0].lit, args[1:]
	var pieces []piece
	for {
		text, after, found := strings.Cut(format, "%")
		pieces = append(pieces, piece{text: text})
		if !found {
			break
		}
		if after == "" {
			return term{}, kept("printf with an unfinished format")
		}
		verb := after[0]
		format = after[1:]
		if verb == '%' {
			pieces = append(pieces, piece{text: "%"})
			continue
		}
		if len(rest) == 0 || !verbFits(verb, rest[0].typ.kind) {
			return term{}, kept("printf with a format that is not only %%s, %%d and %%v")
		}
		p, err := t.printed(rest[0])
		if err != nil {
			return term{}, err
		}
		pieces, rest = append(pieces, *p), rest[1:]
	}
	if len(rest) > 0 {
		return term{}, kept("printf with arguments left over")
	}
	return term{cue: cueLine(pieces), typ: textType}, nil
}

func verbFits(verb byte, kind paramKind) bool {
	switch verb {
	case 's':
		return kind == textParam
	case 'd':
		return kind == intParam
	case 'v':
		return kind == textParam || kind == intParam || kind == boolParam
	}
	return false
}

func length(_ *translator, args []term) (term, error) {
	if len(args) != 1 || args[0].maybe {
		return term{}, kept("len of something that may be missing")
	}
	switch k := args[0].typ.kind; {
	case k == listParam, k == textParam, k == openParam:
		return term{cue: "len(" + args[0].cue + ")", typ: intType}, nil
	}
	return term{}, kept("len of a map")
}

// comparable says whether a value can be compared with ==.
func (t *translator) comparable(v term) bool {
	switch v.typ.kind {
	case textParam, intParam, boolParam, openParam:
		return !v.maybe
	}
	return false
}

// compared writes an operand of a comparison.
func compared(v term) string {
	if v.typ.kind == boolParam && v.lit == nil && !plainPath(v.cue) {
		return "(" + v.cue + ")"
	}
	return v.cue
}

func equal(t *translator, args []term) (term, error) {
	if len(args) < 2 {
		return term{}, kept("eq of a single value")
	}
	var tests []string
	for _, a := range args[1:] {
		if !t.comparable(args[0]) || !t.comparable(a) || args[0].typ.kind == openParam && a.typ.kind == openParam {
			return term{}, kept("eq of values whose types are not known")
		}
		tests = append(tests, compared(args[0])+" == "+compared(a))
	}
	v := term{cue: strings.Join(tests, " || "), typ: boolType}
	if len(tests) == 1 {
		v.not = compared(args[0]) + " != " + compared(args[1])
	}
	return v, nil
}

func notEqual(t *translator, args []term) (term, error) {
	v, err := equal(t, args)
	if err != nil || len(args) != 2 {
		return term{}, kept("ne of values whose types are not known")
	}
	v.cue, v.not = v.not, v.cue
	return v, nil
}

func not(t *translator, args []term) (term, error) {
	if len(args) != 1 {
		return term{}, kept("not of several values")
	}
	c, err := t.truth(args[0])
	return term{cue: c.not, not: c.cue, typ: boolType}, err
}

// joined connects conditions. A template stops at the first that decides, where
// CUE evaluates all of them: one that could fail gets a guard.
func (t *translator) joined(conditions []string, operator string) string {
	last := conditions[len(conditions)-1]
	for i := len(conditions) - 2; i >= 0; i-- {
		c := conditions[i]
		switch {
		case t.certain(last):
			last = c + operator + last
		case operator == " && ":
			last = "[if " + c + " {" + last + "}, false][0]"
		default:
			last = "[if " + c + " {true}, if !(" + c + ") {" + last + "}][0]"
		}
	}
	return last
}

var cuePath = regexp.MustCompile(`\b(input|phases|deferPhase)\b[\w.\[\]"]*`)

// certain says that a condition reads only what is always there.
func (t *translator) certain(cue string) bool {
	for _, path := range cuePath.FindAllString(cue, -1) {
		option := strings.HasPrefix(path, "input.options.") && !t.uses.strict[path]
		if !option && !strings.HasPrefix(path, "input.profile.location.") && path != "input.profile.skipSSLVerify" {
			return false
		}
	}
	return true
}

// logical is and or or. They give back one of their arguments, which is a boolean
// only if all of them are.
func logical(operator string) func(*translator, []term) (term, error) {
	return func(t *translator, args []term) (term, error) {
		var conditions []string
		for _, a := range args {
			c, err := t.truth(a)
			if err != nil {
				return term{}, err
			}
			conditions = append(conditions, c.operand())
		}
		if len(args) == 0 {
			return term{}, kept("and or or without arguments")
		}
		v := term{cue: t.joined(conditions, operator), typ: boolType}
		for _, a := range args {
			if a.typ.kind != boolParam {
				v.typ = conditionType
			}
		}
		return v, nil
	}
}

// conditionType is that of an and or or whose value itself is not a boolean: it
// can be tested, but not printed.
var conditionType = &paramType{kind: recordParam}

func join(t *translator, args []term) (term, error) {
	if len(args) != 2 || args[0].typ.kind != textParam || args[1].typ.kind != listParam || args[1].typ.elem.kind != textParam {
		return term{}, kept("join of something that is not known to be a list of texts")
	}
	t.uses.imports["strings"] = true
	return term{cue: "strings.Join(" + args[1].cue + ", " + args[0].cue + ")", typ: textType}, nil
}
