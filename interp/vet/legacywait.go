package vet

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// waitConditions checks the conditions of Wait and WaitV2, which are templates of
// another kind, and the templates in their object references.
func (p *legacyPhase) waitConditions(v *compat.Value, path string) {
	for _, f := range v.Fields {
		at := path + "." + f.Name
		switch {
		case strings.EqualFold(f.Name, "objectReference"):
			p.templates(f.Value, at, inArguments)
		case strings.EqualFold(f.Name, "condition") && f.Value.Kind == compat.String:
			p.condition(f.Value, at)
		default:
			p.waitConditions(f.Value, at)
		}
	}
	for i, item := range v.Items {
		p.waitConditions(item, fmt.Sprintf("%s.%d", path, i))
	}
}

// condition reads a condition as the function will: Kanister would wait for one
// that cannot be read until its time is over.
func (p *legacyPhase) condition(v *compat.Value, path string) {
	t := template{p, v, path, inArguments}
	v2 := strings.EqualFold(meant(p.phase.Func, p.set.Names()), "WaitV2")
	parse := compat.ParseWait
	if v2 {
		parse = compat.ParseWaitV2
	}
	c, err := parse(v.Str)
	if err != nil {
		t.conditionError(err)
		return
	}
	if !isTemplate(v.Str) && len(c.Paths()) == 0 && strings.TrimSpace(v.Str) != "true" {
		p.value(v, path, Finding{
			Rule:       ruleWaitCondition,
			Message:    "the condition never prints true: there is no template in it",
			Suggestion: `write it as a template, such as {{ eq .status.phase "Active" }}`,
		})
	} else if v2 {
		t.objectOnly()
	}
}

// conditionError reports a condition that cannot be read, at its own line.
func (t template) conditionError(err error) {
	f := Finding{Rule: ruleWaitCondition, Message: "the condition cannot be read: " + err.Error()}
	te := (*compat.TemplateError)(nil)
	if !errors.As(err, &te) || te.Line == 0 {
		t.value(t.text, t.path, f)
		return
	}
	f.Message, f.Suggestion = "the condition cannot be read: "+te.Msg, te.Hint
	start, end := t.lineOf(te)
	t.report(start, end, f)
}

// objectOnly finds what a condition of WaitV2 cannot see: it has the object and
// nothing else, and does not know the language of Wait.
func (t template) objectOnly() {
	use, err := compat.TemplateRefs(t.text.Str)
	if err != nil {
		return // ParseWaitV2 has reported it.
	}
	for _, ref := range use.Refs {
		name := ref.Path[0].Name
		if _, parameter := reflect.TypeFor[compat.Params]().FieldByName(name); parameter {
			t.report(ref.Offset, ref.End, Finding{
				Rule:       ruleWaitCondition,
				Message:    fmt.Sprintf("a condition of WaitV2 sees the object alone, which has no field %s", name),
				Suggestion: "compare with what the object itself has, such as .metadata.name",
			})
		}
	}
	for _, m := range waitPiece.FindAllStringSubmatchIndex(t.text.Str, -1) {
		t.report(m[2], m[3], Finding{
			Rule:       ruleWaitCondition,
			Message:    "WaitV2 puts nothing in the place of this: that is the language of Wait",
			Suggestion: `write the path as templates do, such as (eq .status.phase "Active")`,
		})
	}
}

// waitPiece is a piece of a condition of Wait, such as { $.status.phase }.
var waitPiece = regexp.MustCompile(`(?:^|[^{])(\{\s*\$\.[^{}]*\})`)
