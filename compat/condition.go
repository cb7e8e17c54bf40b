package compat

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// A Condition is what a phase of Wait or WaitV2 waits for: a template that prints
// true when the object is as it should be. It can be rendered by several
// goroutines at once.
type Condition struct {
	text     string // as the template engine got it
	template *template.Template
	// strict is the same template, for which a missing field is an error.
	strict *template.Template
	pieces []conditionPiece
	// bare says that the template has no data: it is one of Wait.
	bare bool
}

// NotYet is the error of a condition that cannot be rendered on the object as it
// is, but may be on a later state of it.
type NotYet struct{ Reason string }

func (e *NotYet) Error() string { return e.Reason }

// ParseWait reads a condition of the function Wait. Each piece `{ $.path }` stands
// for what the JSONPath finds in the object; the rest is a Go template with
// Kanister's functions, and has no data. The error is a *TemplateError, whose line
// is one of the text.
//
// Kanister pastes what it finds into the template's source. Here it can only ever
// be a value: text inside of quotes, and a number, a boolean or a text elsewhere.
func ParseWait(text string) (*Condition, error) {
	s := newConditionScanner(text)
	source, err := s.scan()
	if err != nil {
		return nil, err
	}
	c := &Condition{text: source, pieces: s.pieces, bare: true}
	funcs := Engine{}.usedFuncs(source)
	maps.Copy(funcs, conditionFuncs())
	maps.Copy(funcs, c.values(nil))
	if err := c.parse(text, funcs); err != nil {
		return nil, err
	}
	if err := c.checkPaths(text); err != nil {
		return nil, err
	}
	return c, checkNoData(source)
}

// ParseWaitV2 reads a condition of the function WaitV2: a Go template on the
// object, with the functions that kubectl has for its output format go-template.
// The error is a *TemplateError.
func ParseWaitV2(text string) (*Condition, error) {
	c := &Condition{text: text}
	funcs := template.FuncMap{"exists": exists, "base64decode": base64decode}
	maps.Copy(funcs, conditionFuncs())
	if err := c.parse(text, funcs); err != nil {
		return nil, err
	}
	return c, nil
}

// parse reads the source; written is the author's text, for errors.
func (c *Condition) parse(written string, funcs template.FuncMap) error {
	if err := checkSize(c.text); err != nil {
		return err
	}
	t, err := template.New(templateName).Funcs(funcs).Parse(c.text)
	if err != nil {
		te := parseError(err, written)
		te.Msg = c.asWritten(te.Msg)
		if !c.bare && strings.HasPrefix(te.Msg, "unknown function") {
			te.Hint = "a condition of WaitV2 has Go's own functions, exists and base64decode"
		}
		return te
	}
	strict, err := t.Clone()
	if err != nil {
		return &TemplateError{Msg: err.Error()}
	}
	c.template, c.strict = t, strict.Option("missingkey=error")
	return nil
}

// checkNoData finds what a condition of Wait reads from data that it has not.
func checkNoData(source string) error {
	use, err := TemplateRefs(source)
	if err != nil || len(use.Refs) == 0 {
		return err
	}
	ref := use.Refs[0]
	return &TemplateError{
		Line: 1 + strings.Count(source[:ref.Offset], "\n"),
		Msg:  fmt.Sprintf("%s is always empty: a condition of Wait has no data", ref),
		Hint: fmt.Sprintf("write { $%s } for the object's value, or use WaitV2", ref),
	}
}

// Paths are the JSONPaths of a condition of Wait, each once, as `$.status.phase`.
func (c *Condition) Paths() []string {
	var paths []string
	for _, p := range c.pieces {
		for _, part := range p.parts {
			if part.path != "" && !slices.Contains(paths, part.path) {
				paths = append(paths, part.path)
			}
		}
	}
	return paths
}

// Render renders the condition on an object, as JSON is decoded: map[string]any,
// int64, float64 and so on. find gives the text that a JSONPath finds in the
// object, or an error if there is none yet; conditions of WaitV2 need none.
//
// The error is a *NotYet if a later state of the object may mend it: what the
// template reads is not there yet. Else it is a *TemplateError.
func (c *Condition) Render(object map[string]any, find func(path string) (string, error)) (string, error) {
	t, err := c.template.Clone()
	if err != nil {
		return "", &TemplateError{Msg: err.Error()}
	}
	var data any
	if !c.bare {
		data = asDecoded(object)
	}
	var out strings.Builder
	if err := t.Funcs(c.values(find)).Execute(&out, data); err != nil {
		return "", c.explain(err, data)
	}
	return strings.TrimSpace(out.String()), nil
}

var (
	calling = regexp.MustCompile(`^error calling (\w+): `)
	absent  = regexp.MustCompile(`^(nil data; no entry for key|map has no entry for key|nil pointer evaluating)`)
)

// lasting are the functions whose errors do not go away with another value.
var lasting = strings.Fields("eq ne lt le gt ge fail derivePassword genPrivateKey env expandenv getHostByName")

// explain tells what a later state of the object may mend from what it cannot.
func (c *Condition) explain(err error, data any) error {
	if later := (*NotYet)(nil); errors.As(err, &later) {
		return later
	}
	te := c.renderError(err)
	if absent.MatchString(te.Msg) || c.lacks(data) {
		return &NotYet{Reason: te.Error()}
	}
	if call := calling.FindStringSubmatch(te.Msg); call != nil && !slices.Contains(lasting, call[1]) {
		return &NotYet{Reason: te.Error()}
	}
	return te
}

// lacks tells whether the template reads a field that is not there, before it
// fails or anywhere.
func (c *Condition) lacks(data any) bool {
	if c.bare {
		return false
	}
	err := c.strict.Execute(io.Discard, data)
	return err != nil && absent.MatchString(c.renderError(err).Msg)
}

func (c *Condition) renderError(err error) *TemplateError {
	m := renderMessage.FindStringSubmatch(err.Error())
	if m == nil {
		return &TemplateError{Msg: c.asWritten(err.Error())}
	}
	return &TemplateError{Line: atoi(m[1]), Node: c.asWritten(m[3]), Msg: c.asWritten(hideValue(m[4], &Params{}))}
}

// asWritten puts the author's pieces back into a message.
func (c *Condition) asWritten(msg string) string {
	for _, p := range c.pieces {
		msg = strings.ReplaceAll(msg, "("+p.name+")", p.written)
		msg = strings.ReplaceAll(msg, p.name, p.written)
	}
	return msg
}
