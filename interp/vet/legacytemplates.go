package vet

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema/suggest"
)

// where a template stands decides what it can read.
type where int

const (
	inArguments where = iota
	// inObjects: rendered before the first phase runs.
	inObjects
	// inArtifacts: rendered after the last phase has run.
	inArtifacts
)

// argumentTemplates checks the templates in the arguments. Those of Wait and
// WaitV2 have a language of their own, but for the object references.
func (p *legacyPhase) argumentTemplates() {
	function := meant(p.phase.Func, p.set.Names())
	wait := strings.EqualFold(function, "Wait") || strings.EqualFold(function, "WaitV2")
	for _, f := range p.phase.Args {
		path := p.path + ".args." + f.Name
		if wait && meant(f.Name, []string{"conditions"}) == "conditions" {
			p.waitConditions(f.Value, path)
			continue
		}
		p.templates(f.Value, path, inArguments)
	}
}

// meant is the name, or the known one that it is a misspelling of.
func meant(name string, known []string) string {
	if slices.Contains(known, name) {
		return name
	}
	if near := suggest.Nearest(name, known); near != "" {
		return near
	}
	return name
}

// templates checks all templates in v, keys of maps included.
func (p *legacyPhase) templates(v *compat.Value, path string, at where) {
	if v.Kind == compat.String && isTemplate(v.Str) {
		p.template(template{p, v, path, at})
	}
	for _, f := range v.Fields {
		if isTemplate(f.Name) {
			key := &compat.Value{Kind: compat.String, Str: f.Name, Line: f.Line, Column: f.Column}
			p.template(template{p, key, path, at})
		}
		p.templates(f.Value, path+"."+f.Name, at)
	}
	for i, item := range v.Items {
		p.templates(item, fmt.Sprintf("%s.%d", path, i), at)
	}
}

// A template is one text with template actions.
type template struct {
	*legacyPhase
	text *compat.Value
	path string
	at   where
}

// report adds a finding about some bytes of the template.
func (t template) report(start, end int, f Finding) {
	t.part(t.text, start, end, t.path, f)
}

func (p *legacyPhase) template(t template) {
	use, err := t.templateUse(t.text)
	if err != nil {
		t.syntaxError(err)
		return
	}
	for _, call := range use.Funcs {
		t.function(call)
	}
	for _, m := range dateOfText.FindAllStringSubmatchIndex(t.text.Str, -1) {
		t.report(m[2], m[3], Finding{
			Rule:       ruleDateOfText,
			Message:    "date given a text takes the present time instead of it",
			Suggestion: `write toDate "2006-01-02T15:04:05.999999999Z07:00" .Time | date …`,
		})
	}
	for _, ref := range use.Refs {
		t.record(ref)
		t.reference(ref)
		if ref.Printed && ref.SecretData() {
			t.report(ref.Offset, ref.End, Finding{
				Rule:       ruleSecretBytes,
				Message:    "the data of a Secret are bytes, and print as a list of numbers such as [118 97 108]",
				Suggestion: "write … | toString",
			})
		}
	}
}

// dateOfText finds `{{ .Time | date`: sprig's date wants a time, and .Time is text.
var dateOfText = regexp.MustCompile(`[{(]-?\s*\.Time\s*\|\s*(date)\s`)

// syntaxError reports a template that does not parse, at its own line.
func (t template) syntaxError(err error) {
	f := Finding{Rule: ruleTemplateSyntax, Message: "the template cannot be parsed: " + err.Error()}
	te := (*compat.TemplateError)(nil)
	if !errors.As(err, &te) || te.Line == 0 {
		t.value(t.text, t.path, f)
		return
	}
	f.Message, f.Suggestion = "the template cannot be parsed: "+te.Msg, te.Hint
	start, end := t.lineOf(te)
	t.report(start, end, f)
}

// lineOf is the part of the text that a template error is about: from the first
// action of its line on, if it has no column.
func (t template) lineOf(te *compat.TemplateError) (start, end int) {
	text := t.text.Str
	for range te.Line - 1 {
		i := strings.IndexByte(text[start:], '\n')
		if i < 0 {
			break
		}
		start += i + 1
	}
	line, _, _ := strings.Cut(text[start:], "\n")
	end = start + len(line)
	if te.Column > 0 {
		return min(start+te.Column-1, end), end
	}
	if i := strings.Index(line, "{{"); i >= 0 {
		start += i
		if j := strings.Index(text[start:end], "}}"); j >= 0 {
			end = start + j + 2
		}
	}
	return start, end
}

// builtinFunctions are those that templates have by themselves.
var builtinFunctions = strings.Fields("and break call continue eq ge gt html index js le len lt ne not or print printf println slice urlquery")

// templateFunctions lists all functions that templates can call.
func (c *legacyChecker) templateFunctions() []string {
	if c.functions == nil {
		c.functions = append(compat.TemplateFuncs(), builtinFunctions...)
	}
	return c.functions
}

func (t template) function(call compat.TemplateCall) {
	known := t.templateFunctions()
	if slices.Contains(known, call.Name) {
		t.glued(call)
		if f, unsafe := unsafeFinding(call.Name); unsafe {
			t.report(call.Offset, call.Offset+len(call.Name), f)
		}
		return
	}
	t.report(call.Offset, call.Offset+len(call.Name), templateFunctionFinding(call.Name, known))
}

// templateFunctionFinding says that templates have no such function.
func templateFunctionFinding(name string, known []string) Finding {
	f := Finding{Rule: ruleTemplateFunction, Message: fmt.Sprintf("templates have no function %q", name)}
	if instead, elsewhere := insteadOf(name, known); elsewhere {
		f.Suggestion = instead
	} else if near := suggest.Nearest(name, known); near != "" {
		f.Suggestion, f.Replacement = fmt.Sprintf("did you mean %q?", near), near
	} else {
		f.Suggestion = "there are Go's own functions and those of sprig 2.22.0"
	}
	return f
}

// glued finds a function and its argument without the space between them.
func (t template) glued(call compat.TemplateCall) {
	if call.Glued == "" {
		return
	}
	name := call.Name + " " + call.Glued
	t.report(call.Offset, call.Offset+len(call.Name)+len(call.Glued), Finding{
		Rule:        ruleTemplateSyntax,
		Message:     fmt.Sprintf("a space is missing after %s: this calls it without arguments, and fails", call.Name),
		Suggestion:  "write " + name,
		Replacement: name,
	})
}
