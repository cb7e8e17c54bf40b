package vet

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/rescuecue/rescue/compat"
)

// resourceSpec reads the spec of KubeOps, which is YAML inside of YAML. What the
// templates give is not known yet: a word stands for each, and a spec is left alone
// if it cannot be read that way and they may be the reason.
func (p *legacyPhase) resourceSpec() {
	field := p.phase.Arg("spec")
	if p.phase.Func != "KubeOps" || field == nil {
		return
	}
	text, ok := field.Value.Text()
	if !ok || strings.TrimSpace(text) == "" {
		return
	}
	s := spec{p, field.Value, p.path + ".args.spec"}
	docs, err := compat.Parse("", []byte(withoutTemplates(text)))
	switch {
	case err == nil:
	case controlFlow.MatchString(text) || wholeLine.MatchString(text):
		return // What the templates give decides whether it can be read.
	default:
		s.unreadable(err)
		return
	}
	for _, doc := range docs {
		s.document(doc)
	}
}

var (
	templateAction = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	// controlFlow also finds variables and comments, which give nothing either.
	controlFlow = regexp.MustCompile(`\{\{-?\s*((if|else|end|range|with|break|continue)\b|/\*|\$\w+\s*:?=)`)
	// wholeLine finds a value that has a line of its own: it can be any YAML.
	wholeLine = regexp.MustCompile(`(?m)^\s*(\{\{.*?\}\}\s*)+$`)
)

// withoutTemplates puts letters in the place of template actions, as many as there
// were, so that places stay where they are. Control flow that has a line of its own
// becomes blank.
func withoutTemplates(text string) string {
	lines := strings.SplitAfter(templateAction.ReplaceAllStringFunc(text, placeholder), "\n")
	for i, line := range lines {
		if rest := strings.Trim(line, " \n"); rest != "" && strings.Trim(rest, "_") == "" {
			lines[i] = strings.Repeat(" ", len(line)-len(strings.TrimLeft(line, "_ "))) + strings.TrimLeft(line, "_ ")
		}
	}
	return strings.Join(lines, "")
}

// placeholder is a word for a value, and underscores for control flow. Line ends
// stay.
func placeholder(action string) string {
	letter := 'x'
	if controlFlow.MatchString(action) {
		letter = '_'
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return letter
	}, action)
}

// A spec is the argument that is checked.
type spec struct {
	*legacyPhase
	text *compat.Value
	path string
}

// unreadable reports what keeps the spec from being read, at its own line.
func (s spec) unreadable(err error) {
	var list compat.Errors
	if !errors.As(err, &list) {
		return
	}
	for _, e := range list {
		s.complain(e.Line, e.Column, Finding{Rule: ruleResourceSpec, Message: "the spec cannot be read: " + e.Msg, Suggestion: e.Hint})
	}
}

// complain adds a finding at a line and column of the spec.
func (s spec) complain(line, column int, f Finding) {
	start := 0
	for range line - 1 {
		start += strings.IndexByte(s.text.Str[start:]+"\n", '\n') + 1
	}
	start = min(start, len(s.text.Str))
	rest, _, _ := strings.Cut(s.text.Str[start:], "\n")
	from := len(string([]rune(rest)[:min(max(column-1, 0), utf8.RuneCountInString(rest))]))
	end := from + wordLength(rest[from:])
	s.part(s.text, start+from, start+end, s.path, f)
}

// document checks one object of the spec.
func (s spec) document(doc *compat.Document) {
	root := doc.Root
	operation, known := s.literal("operation")
	switch {
	case root.Kind == compat.String && isPlaceholder(root.Str):
		// The whole object comes from a template.
	case root.Kind != compat.Map:
		s.complain(root.Line, root.Column, Finding{Rule: ruleResourceSpec, Message: fmt.Sprintf("the spec must be an object, found %s", root.Kind)})
	case known && operation == "create":
		s.object(root)
	}
}

// certain tells whether the field is missing whatever the templates give: it is
// nowhere in the text, and no template has a line for itself, which may give anything.
func (s spec) certain(field string) bool {
	text := s.text.Str
	if !controlFlow.MatchString(text) && !wholeLine.MatchString(text) {
		return true
	}
	for line := range strings.Lines(text) {
		if wholeLine.MatchString(line) && strings.Trim(withoutTemplates(line), "_ \n") != "" {
			return false
		}
	}
	return !strings.Contains(text, field)
}

func isPlaceholder(text string) bool { return strings.Trim(text, "x_ ") == "" }

// object checks that an object to be created says what it is.
func (s spec) object(root *compat.Value) {
	if f := incompleteObject(root, s.certain); f.Message != "" {
		s.complain(root.Line, root.Column, f)
	}
}
