package vet

import (
	"fmt"
	"slices"
)

// shellInjection warns of values that somebody else writes and that become part of a
// script: whoever may set a label runs commands with the rights of the phase.
func shellInjection(o *outline) {
	o.eachScript(func(_ *outlinePhase, s *script) {
		s.eachValue(func(v *filledValue, in shellContext) {
			name := v.first(ref.foreign)
			if name == "" || v.encoded() {
				return
			}
			s.text.report(v.start, v.end, Finding{
				Rule:       ruleShellInjection,
				Message:    fmt.Sprintf("the shell runs what stands in %s: %s", name, injectionHow(in)),
				Suggestion: injectionAdvice,
			})
		})
	})
}

const injectionAdvice = `write "$1" in the script, and the value behind it as an item of its own: [bash, -c, SCRIPT, bash, VALUE]`

func injectionHow(in shellContext) string {
	switch in {
	case singleQuoted:
		return "a ' in it ends the quotes"
	case doubleQuoted, hereDocument:
		return "$(…) in it is a command, also between quotes"
	}
	return "a ; or $(…) in it begins a command"
}

// encoded tells whether a function leaves nothing of a value that a shell would act
// on.
func (v *filledValue) encoded() bool {
	return slices.ContainsFunc(v.calls, func(call string) bool {
		return slices.Contains([]string{"b64enc", "toDate", "date", "sha256sum", "len", "eq", "int", "int64", "atoi", "base64.Encode", "strconv.Atoi"}, call)
	})
}
