package vet

import (
	"errors"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"

	"github.com/rescuecue/rescue/compat"
)

// templates checks the Go templates that stand in @gotmpl attributes.
func (c *cueChecker) templates() {
	for _, f := range c.files {
		ast.Walk(f, func(n ast.Node) bool {
			if a, ok := n.(*ast.Attribute); ok {
				c.template(a)
			}
			return true
		}, nil)
	}
}

func (c *cueChecker) template(a *ast.Attribute) {
	text, ok := templateOf(a)
	if !ok {
		return
	}
	use, err := compat.TemplateRefs(text)
	if err != nil {
		f := Finding{Rule: ruleTemplateSyntax, Message: "the template cannot be parsed: " + err.Error()}
		if te := (*compat.TemplateError)(nil); errors.As(err, &te) {
			f.Suggestion = te.Hint
		}
		c.addAt(a, nil, f)
		return
	}
	known := append(compat.TemplateFuncs(), builtinFunctions...)
	for _, call := range use.Funcs {
		if !slices.Contains(known, call.Name) {
			f := templateFunctionFinding(call.Name, known)
			f.Replacement = "" // The span is that of the whole attribute.
			c.addAt(a, nil, f)
		} else if f, unsafe := unsafeFinding(call.Name); unsafe {
			c.addAt(a, nil, f)
		}
	}
}

// templateOf is the template in an attribute @gotmpl("…").
func templateOf(a *ast.Attribute) (string, bool) {
	key, body := a.Split()
	if key != "gotmpl" {
		return "", false
	}
	text, err := literal.Unquote(strings.TrimSpace(body))
	if err != nil {
		return body, true
	}
	return text, true
}
