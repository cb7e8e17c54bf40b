package vet

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

const foldedAdvice = "the script is folded: > joins its lines into one. Write | instead, which keeps them"

// foldedScript reports scripts whose lines YAML has joined, where that makes something else
// of them: a comment that takes the rest, or a `set` that takes the next command for its
// arguments.
func foldedScript(o *outline) {
	o.eachScript(func(_ *outlinePhase, s *script) {
		if s.text.line == nil {
			return
		}
		for _, form := range s.forms {
			if from, to, message := s.swallowed(form); message != "" {
				s.text.report(form.source(from), form.source(to), Finding{Rule: ruleShellSyntax, Message: message, Suggestion: foldedAdvice})
				return
			}
		}
	})
}

// swallowed finds the first comment or `set` that goes on in what was another line.
func (s *script) swallowed(form scriptForm) (from, to int, message string) {
	if form.file == nil {
		return 0, 0, ""
	}
	file, err := syntax.NewParser(syntax.KeepComments(true)).Parse(strings.NewReader(form.String()), "")
	if err != nil {
		return 0, 0, "" // It is parsed in another way, without comments.
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		if n == nil || message != "" {
			return message == ""
		}
		begin, end := int(n.Pos().Offset()), int(n.End().Offset())
		switch n := n.(type) {
		case *syntax.Comment:
			if s.text.line(form.source(begin)) != s.text.line(form.source(end-1)) {
				from, to, message = begin, s.lineEnd(form, begin), "this comment takes the lines behind it as well"
			}
		case *syntax.CallExpr:
			if len(n.Args) > 1 && n.Args[0].Lit() == "set" && s.text.line(form.source(begin)) != s.text.line(form.source(end-1)) {
				from, to, message = begin, begin+len("set"), "this `set` takes the command in the next line for its arguments"
			}
		}
		return true
	})
	return from, to, message
}

// lineEnd is where the line of the source ends that an offset of a form lies in.
func (s *script) lineEnd(form scriptForm, offset int) int {
	line := s.text.line(form.source(offset))
	end, text := offset, form.String()
	for end < len(text) && s.text.line(form.source(end)) == line {
		end++
	}
	return offset + len(strings.TrimRight(text[offset:end], " "))
}
