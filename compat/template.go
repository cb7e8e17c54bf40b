package compat

import (
	"bytes"
	"strings"
	"text/template"
)

// templateName stands in text/template's messages, from which it is cut again.
const templateName = "template"

// Engine renders Kanister's templates: Go's text/template with the functions of
// sprig 2.22.0, where a missing key of a map is an error. The zero value is ready
// for use, by several goroutines at once.
type Engine struct {
	// AllowUnsafe permits the functions that read the environment of this process
	// or ask the network: env, expandenv and getHostByName.
	AllowUnsafe bool
}

// Render renders one text. Errors are *TemplateError; they never show values of
// secrets.
func (e Engine) Render(text string, p *Params) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	t, err := e.parse(text)
	if err != nil {
		return "", err
	}
	if p == nil {
		p = &Params{}
	}
	var out bytes.Buffer
	// The struct and not the pointer, so that no method of *Params can be called.
	if err := t.Execute(&out, *p); err != nil {
		return "", renderError(err, text, p)
	}
	return out.String(), nil
}

// Check parses the text as Render does, without parameters. Unknown functions
// are found, missing parameters are not.
func (e Engine) Check(text string) error {
	_, err := e.parse(text)
	return err
}

func (e Engine) parse(text string) (*template.Template, error) {
	if err := checkSize(text); err != nil {
		return nil, err
	}
	t, err := template.New(templateName).Option("missingkey=error").Funcs(e.usedFuncs(text)).Parse(text)
	if err != nil {
		return nil, parseError(err, text)
	}
	return t, nil
}
