package compat

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/rescuecue/rescue/schema/suggest"
)

// TemplateError says why a template cannot be parsed or rendered.
type TemplateError struct {
	// Path leads to the value in the arguments, as args.command[2] without "args.".
	Path string
	// Line and Column are the place in the template's text, counted from 1 and in
	// bytes; 0 where it is not known.
	Line, Column int
	// Node is the piece of the template that failed, empty if it did not parse.
	Node string
	Msg  string
	// Hint says what there is instead. It may be empty.
	Hint string
}

func (e *TemplateError) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "template line %d", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, ", column %d", e.Column)
		}
		b.WriteString(": ")
	}
	if e.Node != "" {
		fmt.Fprintf(&b, "{{%s}}: ", e.Node)
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// atPath puts the path of the value before an error of Render.
func atPath(err error, path string) error {
	if te := (*TemplateError)(nil); errors.As(err, &te) {
		te.Path = path
		return te
	}
	return err
}

var (
	parseMessage  = regexp.MustCompile(`(?s)^template: ` + templateName + `:(\d+): (.*)$`)
	renderMessage = regexp.MustCompile(`(?s)^template: ` + templateName + `:(\d+):(\d+): executing ".*?" at <(.*?)>: (.*)$`)
	undefinedFunc = regexp.MustCompile(`^function "(.*)" not defined$`)
	// These messages of text/template end with the value itself.
	showsValue = regexp.MustCompile(`(?s)^(range|if/with) can't (iterate over|use) .*$|^can't use .* to iterate over`)
	fieldChain = regexp.MustCompile(`^\$?((?:\.[\pL_][\pL\pN_]*)+)$`)
)

func parseError(err error, text string) *TemplateError {
	m := parseMessage.FindStringSubmatch(err.Error())
	if m == nil {
		return &TemplateError{Msg: err.Error()}
	}
	te := &TemplateError{Line: atoi(m[1]), Msg: m[2]}
	if te.Msg == "unexpected EOF" {
		te.Hint = "an {{ end }} is missing: each if, range, with and define needs one"
	}
	f := undefinedFunc.FindStringSubmatch(te.Msg)
	if f == nil {
		return te
	}
	te.Msg = fmt.Sprintf("unknown function %q", f[1])
	te.Column = columnOf(text, te.Line, f[1])
	te.Hint = functionHint(f[1])
	return te
}

// columnOf finds a name in a line, 0 if it stands there more than once.
func columnOf(text string, line int, name string) int {
	lines := strings.Split(text, "\n")
	if line > len(lines) || strings.Count(lines[line-1], name) != 1 {
		return 0
	}
	return strings.Index(lines[line-1], name) + 1
}

func functionHint(name string) string {
	if name == "bcrypt" || name == "htpasswd" {
		return "it is not allowed in blueprints, because it is not FIPS compatible"
	}
	if near := suggest.Nearest(name, append(TemplateFuncs(), builtins()...)); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "templates have Go's own functions and those of sprig 2.22.0"
}

// builtins are the functions that text/template has by itself.
func builtins() []string {
	return strings.Fields("and call eq ge gt html index js le len lt ne not or print printf println slice urlquery")
}

func renderError(err error, text string, p *Params) *TemplateError {
	m := renderMessage.FindStringSubmatch(err.Error())
	if m == nil {
		return &TemplateError{Msg: redact(err.Error(), p)}
	}
	te := &TemplateError{Line: atoi(m[1]), Node: m[3], Msg: hideValue(m[4], p)}
	te.Column = startOf(te.Node, text, te.Line, atoi(m[2]))
	if chain := fieldChain.FindStringSubmatch(te.Node); chain != nil {
		te.explainMissing(chain[1], p)
	}
	return te
}

// startOf returns the column, from 1, where a node starts. For a chain of fields
// text/template gives the offset of the second one.
func startOf(node, text string, line, offset int) int {
	lines := strings.Split(text, "\n")
	if dot := strings.IndexByte(node[1:], '.'); dot >= 0 && line <= len(lines) {
		start := offset - (dot + 1)
		if start >= 0 && strings.HasPrefix(lines[line-1][start:], node) {
			return start + 1
		}
	}
	return offset + 1
}

// hideValue removes from a message of text/template what may come from a secret:
// the value that a range cannot use, and what a function says of its arguments.
func hideValue(msg string, p *Params) string {
	if before, after, ok := strings.Cut(msg, ": "); ok && strings.HasPrefix(before, "error calling ") {
		return before + ": " + redact(after, p)
	}
	switch m := showsValue.FindStringSubmatch(msg); {
	case m == nil:
		return msg
	case m[1] == "range":
		return "range needs a list, a map or a number"
	case m[1] != "":
		return m[1] + " cannot use this value"
	}
	return "range over a number has one variable only"
}

func atoi(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
