package vet

import (
	"regexp"
	"strings"
)

// shellSyntax reports scripts that no shell can parse, in any of their forms.
func shellSyntax(o *outline) {
	o.eachScript(func(_ *outlinePhase, s *script) {
		for _, form := range s.forms {
			if form.problem == "" {
				continue
			}
			from, to := lineFrom(form.String(), form.offset)
			s.text.report(form.source(from), max(form.source(from), form.source(to)), Finding{
				Rule:       ruleShellSyntax,
				Message:    scriptFails(form.problem) + form.problem,
				Suggestion: s.syntaxAdvice(form),
			})
			return
		}
	})
}

// syntaxAdvice says how to mend what keeps a form from being parsed.
func (s *script) syntaxAdvice(form scriptForm) string {
	switch before := form.String()[:min(form.offset, form.Len())]; {
	case s.text.line != nil:
		return foldedAdvice
	case strings.HasSuffix(before, "$$") && !strings.HasSuffix(before, "$$$"):
		return "write $(…) for what a command prints: only in the command of a pod does Kubernetes make one $ of two"
	}
	if rawInterpolation.MatchString(form.String()) {
		return `between #" and "# a value is put in by \#(…)`
	}
	return shellAdvice(form.problem)
}

// rawInterpolation is what puts a value into a text of CUE, in one where it does not.
var rawInterpolation = regexp.MustCompile(`\\\((input|phases|secrets|configMaps)\.`)

func scriptFails(problem string) string {
	if strings.HasSuffix(problem, isNoName) {
		return "the script fails: "
	}
	return "the script cannot be parsed: "
}

func shellAdvice(problem string) string {
	switch {
	case strings.HasSuffix(problem, isNoName):
		return "write = if a value is meant"
	case strings.Contains(problem, "closing quote"):
		return "close the quote, or escape it if it is meant as a character"
	case strings.Contains(problem, "must be followed by"):
		return "write what is missing behind it"
	case strings.Contains(problem, "must end with"), strings.Contains(problem, "without matching"):
		return "close what is opened here"
	}
	return "run `bash -n` on the script to see what a shell makes of it"
}
