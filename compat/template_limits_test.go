package compat

import (
	"strings"
	"testing"
)

// TestTemplateLimits: what would run the parser's stack over is an error.
func TestTemplateLimits(t *testing.T) {
	repeat := strings.Repeat
	for name, c := range map[string]struct{ text, want string }{
		"ifs":          {repeat("{{if 1}}", 300_000) + repeat("{{end}}", 300_000), "nested more than 1000 levels deep"},
		"trimmed ifs":  {repeat("{{- if 1 -}}", 1001) + repeat("{{end}}", 1001), "nested more than 1000 levels deep"},
		"else ifs":     {"{{if 1}}" + repeat("{{else if 1}}", 1000) + "{{end}}", "nested more than 1000 levels deep"},
		"parentheses":  {"{{" + repeat("(", 1_000_000), "template line 1: "},
		"many actions": {repeat("{{.Time}}", 10_001), "more than 10000 template actions in one text"},
		"line":         {"\n\n" + repeat("{{range .StatefulSet.Pods}}", 1001) + repeat("{{end}}", 1001), "template line 3: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, refs := TemplateRefs(c.text)
			_, condition := ParseWaitV2(c.text)
			for what, err := range map[string]error{"render": Engine{}.Check(c.text), "read": refs, "condition": condition} {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %.200v, want %q", what, err, c.want)
				}
			}
		})
	}
}

// TestTemplateWithinLimits: many that stand after each other are not deep.
func TestTemplateWithinLimits(t *testing.T) {
	for name, text := range map[string]string{
		"one after the other": strings.Repeat("{{if 1}}a{{else if 2}}b{{else}}c{{end}}", 2000),
		"deep":                strings.Repeat("{{with 1}}", 1000) + strings.Repeat("{{end}}", 1000),
		"too many ends":       "{{end}}{{else if 1}}",
	} {
		t.Run(name, func(t *testing.T) {
			if err := checkSize(text); err != nil {
				t.Error(err)
			}
		})
	}
}
