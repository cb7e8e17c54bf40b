package compat

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// A templateMaker writes expressions as Go templates that render the same text. It
// is the way back of the translator.
type templateMaker struct {
	writer *exportWriter
	place  Place
	// beforePhases says that no phase has run when this is rendered.
	beforePhases bool
	// vars are the variables of the loops around, by their names in CUE.
	vars  map[string]tmplValue
	loops int
}

func (t *templateMaker) notef(format string, args ...any) {
	t.writer.note(t.place.Errorf(format, args...))
}

// text writes an expression as text with template actions in it.
func (t *templateMaker) text(e Expr) (string, error) {
	switch e := e.(type) {
	case TextExpr:
		return escapeTemplate(string(e), false), nil
	case NumberExpr, BoolExpr:
		text, _ := constant(e)
		return text, nil
	case TemplateExpr:
		if t.loops > 0 {
			return "", errors.New("a @gotmpl template in a loop would not see the parameters")
		}
		return string(e), nil
	case JoinExpr:
		return t.joined(e)
	case ChoiceExpr:
		return t.choice(e)
	case CallExpr:
		if text, ok, err := t.textCall(e); ok {
			return text, err
		}
	case OpExpr:
		if parts, ok := t.concatenation(e); ok {
			return t.joined(parts)
		}
		if isCondition(e) {
			return t.truth(e)
		}
	case ExistsExpr:
		return t.truth(e)
	}
	o, err := t.operand(e)
	if err != nil {
		return "", err
	}
	if err := printsAlike(o); err != nil {
		return "", err
	}
	return action(o.text), nil
}

func action(text string) string { return "{{ " + text + " }}" }

// printsAlike refuses what CUE has no text for either.
func printsAlike(o tmplValue) error {
	switch o.typ.kind {
	case recordParam, mapParam, listParam:
		return fmt.Errorf("{{ %s }} is a whole list or map, which a template prints in Go's own way", o.text)
	}
	return nil
}

// truth prints a condition. What and and or give back need not be a boolean.
func (t *templateMaker) truth(e Expr) (string, error) {
	c, err := t.condition(e)
	if err != nil {
		return "", err
	}
	return action("if "+c.text) + "true" + action("else") + "false" + action("end"), nil
}

// joined writes parts one behind the other.
func (t *templateMaker) joined(parts []Expr) (string, error) {
	var b strings.Builder
	flat := flatten(parts)
	for i, part := range flat {
		if text, ok := part.(TextExpr); ok {
			b.WriteString(escapeTemplate(string(text), i < len(flat)-1))
			continue
		}
		text, err := t.text(part)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(text, "{{-") {
			// It must not trim what is before it, which it did not see in CUE.
			text = `{{ "" }}` + text
		}
		b.WriteString(text)
		if strings.HasSuffix(text, "-}}") {
			b.WriteString(`{{ "" }}`)
		}
	}
	return b.String(), nil
}

// flatten makes one list of parts in parts, and one text of texts that touch.
func flatten(parts []Expr) []Expr {
	var flat []Expr
	add := func(e Expr) {
		text, ok := e.(TextExpr)
		if ok && text == "" {
			return
		}
		if last := len(flat) - 1; ok && last >= 0 {
			if before, ok := flat[last].(TextExpr); ok {
				flat[last] = before + text
				return
			}
		}
		flat = append(flat, e)
	}
	for _, e := range parts {
		switch e := e.(type) {
		case JoinExpr:
			for _, x := range flatten(e) {
				add(x)
			}
		case NumberExpr, BoolExpr:
			text, _ := constant(e)
			add(TextExpr(text))
		default:
			add(e)
		}
	}
	return flat
}

// escapeTemplate writes text that is no template. Before an action it must not end
// in a brace.
func escapeTemplate(text string, beforeAction bool) string {
	text = strings.ReplaceAll(text, "{{", `{{ "{{" }}`)
	if beforeAction && strings.HasSuffix(text, "{") {
		text = strings.TrimSuffix(text, "{") + `{{ "{" }}`
	}
	return text
}

// constant is the text of a number or boolean.
func constant(e Expr) (string, bool) {
	switch e := e.(type) {
	case TextExpr:
		return string(e), true
	case NumberExpr:
		return string(e), true
	case BoolExpr:
		return fmt.Sprint(bool(e)), true
	}
	return "", false
}

// choice writes if, else if and else.
func (t *templateMaker) choice(branches ChoiceExpr) (string, error) {
	if text, ok := parsedBool(branches); ok {
		return t.text(text)
	}
	var b strings.Builder
	word := "if "
	var before []tmplValue
	for _, branch := range branches {
		if branch.If == nil {
			return t.otherwise(&b, branch.Then, word)
		}
		c, err := t.condition(branch.If)
		if err != nil {
			return "", err
		}
		if len(before) == 1 && c.text == before[0].not {
			return t.otherwise(&b, branch.Then, word)
		}
		then, err := t.text(branch.Then)
		if err != nil {
			return "", err
		}
		b.WriteString(action(word+c.text) + then)
		word, before = "else if ", append(before, c)
	}
	// CUE fails where nothing fits, and so must the template.
	b.WriteString(action("else") + action(`fail "none of the conditions holds"`) + action("end"))
	return b.String(), nil
}

// otherwise writes the last branch; a choice in it goes on with else if.
func (t *templateMaker) otherwise(b *strings.Builder, e Expr, word string) (string, error) {
	text, err := t.text(e)
	if err != nil {
		return "", err
	}
	_, nested := e.(ChoiceExpr)
	switch {
	case word == "if ":
		return text, nil
	case nested && strings.HasPrefix(text, "{{ if ") && endsWhereItBegins(text):
		b.WriteString("{{ else " + strings.TrimPrefix(text, "{{ "))
	case text == "":
		b.WriteString(action("end"))
	default:
		b.WriteString(action("else") + text + action("end"))
	}
	return b.String(), nil
}

// endsWhereItBegins says whether the text is a single if from its first to its
// last character.
func endsWhereItBegins(text string) bool {
	tree, err := parseTemplate(text)
	return err == nil && len(tree.Root.Nodes) == 1
}

// parsedBool recognises how the converter writes a text that a function takes for
// a boolean: empty means false.
func parsedBool(branches ChoiceExpr) (Expr, bool) {
	if len(branches) != 2 {
		return nil, false
	}
	call, ok := branches[1].Then.(CallExpr)
	no, isBool := branches[0].Then.(BoolExpr)
	if !ok || call.Func != "strconv.ParseBool" || !isBool || bool(no) {
		return nil, false
	}
	first, ok := branches[0].If.(OpExpr)
	if !ok || first.Op != "==" || first.Args[1] != TextExpr("") {
		return nil, false
	}
	return call.Args[0], true
}

// textCall writes calls that are easier as text than as an operand.
func (t *templateMaker) textCall(e CallExpr) (string, bool, error) {
	switch e.Func {
	case "strconv.Atoi", "strconv.ParseBool":
		// Kanister makes the number, or the boolean, of the text itself.
		text, err := t.text(e.Args[0])
		return text, true, err
	case "strings.Join":
		loop, isLoop := e.Args[0].(LoopExpr)
		sep, known := e.Args[1].(TextExpr)
		if list, ok := e.Args[0].(ListExpr); ok && known {
			text, err := t.joined(separated(list, sep))
			return text, true, err
		}
		if isLoop {
			text, err := t.loop(loop, e.Args[1])
			return text, true, err
		}
	}
	return "", false, nil
}

func separated(list ListExpr, sep TextExpr) []Expr {
	var parts []Expr
	for i, e := range list {
		if i > 0 {
			parts = append(parts, sep)
		}
		parts = append(parts, e)
	}
	return parts
}

// loop writes a range.
func (t *templateMaker) loop(e LoopExpr, sep Expr) (string, error) {
	over, err := t.operand(e.Over)
	if err != nil {
		return "", err
	}
	inner := *t
	inner.vars, inner.loops = maps.Clone(t.vars), t.loops+1
	if inner.vars == nil {
		inner.vars = map[string]tmplValue{}
	}
	elem := openType
	if over.typ.elem != nil {
		elem = over.typ.elem
	}
	keyType := intType
	if over.typ.kind == mapParam {
		keyType = textType
	}
	between, known := sep.(TextExpr)
	between = TextExpr(escapeTemplate(string(between), true))
	key := e.Key
	switch {
	case !known, between != "" && (e.If != nil || over.typ.kind == mapParam):
		return "", errors.New("a separator between some of the elements, which a template does not know ahead")
	case between != "" && key == "":
		key = fmt.Sprintf("index%d", inner.loops)
	}
	names := loopVar(e.Value)
	inner.vars[e.Value] = tmplValue{text: names, typ: elem}
	if key != "" {
		inner.vars[key] = tmplValue{text: loopVar(key), typ: keyType}
		names = loopVar(key) + ", " + names
	}
	body, err := inner.text(e.Body)
	if err != nil {
		return "", err
	}
	if e.If != nil {
		c, err := inner.condition(e.If)
		if err != nil {
			return "", err
		}
		body = action("if "+c.text) + body + action("end")
	}
	if between != "" {
		body = action("if "+loopVar(key)) + string(between) + action("end") + body
	}
	return action("range "+names+" := "+over.text) + body + action("end"), nil
}

var notInVariable = regexp.MustCompile(`[^A-Za-z0-9_]`)

func loopVar(name string) string { return "$" + notInVariable.ReplaceAllString(name, "_") }
