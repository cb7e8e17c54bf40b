package vet

import (
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// escapedQuotes finds values such as \"{{ .PVC.Name }}\", as they come out of a
// text that was quoted once too often. YAML takes backslashes and quotes for parts
// of the value. A command may mean them: those are the shell's business.
func (c *legacyChecker) escapedQuotes(v *compat.Value, path string) {
	if v.Style != compat.Literal && v.Style != compat.Folded && isEscaped(v.Str) {
		inner := strings.ReplaceAll(v.Str, `\"`, `"`)
		f := Finding{
			Rule:       ruleEscapedQuotes,
			Message:    "the backslashes and quotes are part of the value",
			Suggestion: "write " + inner,
			Path:       path,
		}
		text := ""
		if v.Style == compat.Plain {
			f.Replacement, text = inner, v.Str
		}
		c.at(v.Line, v.Column, text, f)
	}
	for _, f := range v.Fields {
		if !strings.HasSuffix(strings.ToLower(f.Name), "command") {
			c.escapedQuotes(f.Value, path+"."+f.Name)
		}
	}
	for _, item := range v.Items {
		c.escapedQuotes(item, path)
	}
}

func isEscaped(s string) bool {
	return len(s) > 4 && strings.HasPrefix(s, `\"`) && strings.HasSuffix(s, `\"`)
}
