package vet

// unquotedValue warns of values without quotes round them that can hold what a shell
// does not take as text: a password with a $, a label that is not there. Of values
// that the blueprint makes itself it knows what they look like.
func unquotedValue(o *outline) {
	o.eachScript(func(_ *outlinePhase, s *script) {
		s.eachValue(func(v *filledValue, in shellContext) {
			if in != unquoted || v.encoded() || v.first(ref.foreign) != "" {
				return
			}
			f := Finding{Rule: ruleUnquotedValue, Suggestion: "put single quotes round it"}
			name := v.first(ref.freeText)
			if name == "" {
				name, f.Severity = v.first(ref.made), Info
			}
			if name != "" {
				f.Message = name + " stands in the script without quotes: a space, $ or & in it changes the command"
				s.text.report(v.start, v.end, f)
			}
		})
	})
}
