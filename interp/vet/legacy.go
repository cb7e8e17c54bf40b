package vet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
	"github.com/rescuecue/rescue/schema/suggest"
)

// checkYAML checks the documents of a legacy file.
func checkYAML(u Unit) []Finding {
	file := u.Files[0]
	c := &legacyChecker{src: newSource(file.Name, file.Data), set: u.schema()}
	docs, err := compat.Parse(file.Name, file.Data)
	c.parseErrors(err)
	known := 0
	for _, doc := range docs {
		if doc.Kind != "" {
			known++
		}
		c.apiVersion(doc)
		switch doc.Kind {
		case compat.KindBlueprint:
			c.blueprint(doc)
		case compat.KindActionSet:
			c.actionSet(doc)
		case compat.KindProfile:
			c.profile(doc)
		case compat.KindRepositoryServer:
			if _, err := compat.ReadRepositoryServer(doc); err != nil {
				c.readErrors(err)
			}
		}
	}
	if known == 0 && err == nil && !u.Library {
		c.notBlueprint(docs)
	}
	return c.findings
}

// apiVersion reports a version of Kanister's resources that Kanister does not have.
func (c *legacyChecker) apiVersion(doc *compat.Document) {
	v := doc.Root.Get("apiVersion")
	given, ok := v.Text()
	if doc.Kind == "" || !ok || given == "" || given == compat.APIVersion {
		return
	}
	f := Finding{Rule: ruleStructure, Message: fmt.Sprintf("Kanister has no %s of the apiVersion %q", doc.Kind, given)}
	c.value(v, "apiVersion", f.hint(given, "versions", []string{compat.APIVersion}))
}

// A legacyChecker collects the findings of one YAML file.
type legacyChecker struct {
	src *source
	// set has the functions that there are.
	set      *schema.Set
	findings []Finding
	// functions of templates, once they are asked for.
	functions []string
	// cursors find places in texts, of which some have thousands.
	cursors map[*compat.Value]*compat.Cursor
	// parsed templates by the value that they stand in.
	parsed map[*compat.Value]parsedTemplate
	// manifest says that the fields of pods are those of one to create, not to change.
	manifest bool
}

// parseErrors reports what keeps the file from being read.
func (c *legacyChecker) parseErrors(err error) {
	if err == nil {
		return
	}
	var list compat.Errors
	if !errors.As(err, &list) {
		c.findings = append(c.findings, whole(c.src.name, ruleSyntax, err.Error(), ""))
		return
	}
	for _, e := range list {
		c.at(e.Line, e.Column, "", Finding{Rule: parseRule(e.Msg), Message: e.Msg, Suggestion: e.Hint})
	}
}

func parseRule(message string) string {
	switch {
	case strings.HasPrefix(message, "duplicate key"):
		return ruleDuplicateKey
	case strings.HasPrefix(message, "the file has"):
		return ruleFileSize
	}
	return ruleSyntax
}

// notBlueprint says what the file is instead.
func (c *legacyChecker) notBlueprint(docs []*compat.Document) {
	const advice = "a blueprint in YAML begins with `apiVersion: cr.kanister.io/v1alpha1` and `kind: Blueprint`"
	if len(docs) == 0 {
		c.findings = append(c.findings, whole(c.src.name, ruleNoBlueprint, "the file is empty", advice))
		return
	}
	root := docs[0].Root
	f := Finding{Rule: ruleNoBlueprint, Message: "this is no Blueprint", Suggestion: advice}
	kind := root.Field("kind")
	switch {
	case root.Kind != compat.Map:
		f.Message = fmt.Sprintf("this is no Blueprint: the document is %s", root.Kind)
	case kind == nil && root.Get("actions") != nil:
		f.Message = "this is no Blueprint: it has no kind"
	case kind != nil && kind.Value.Kind == compat.String:
		f.Message = fmt.Sprintf("this is no Blueprint: its kind is %q", kind.Value.Str)
		if kind.Value.Str == compat.KindBlueprint {
			f.Message = "this is no Blueprint of Kanister: its apiVersion is another"
		} else if near := suggest.Nearest(kind.Value.Str, []string{compat.KindBlueprint}); near != "" {
			f.Suggestion = fmt.Sprintf("did you mean %q?", near)
		}
		c.value(kind.Value, "kind", f)
		return
	}
	c.at(root.Line, root.Column, "", f)
}

// at adds a finding about the text at a line and column.
func (c *legacyChecker) at(line, column int, text string, f Finding) {
	if line == 0 {
		f.File = c.src.name
		c.findings = append(c.findings, f.complete())
		return
	}
	c.findings = append(c.findings, c.src.atLine(line, column, text, f))
}

// key adds a finding about the name of a field.
func (c *legacyChecker) key(field *compat.Field, path string, f Finding) {
	f.Path = path
	c.at(field.Line, field.Column, field.Name, f)
}

// value adds a finding about a value.
func (c *legacyChecker) value(v *compat.Value, path string, f Finding) {
	f.Path = path
	text := ""
	if v.Style == compat.Plain && v.Kind != compat.List && v.Kind != compat.Map {
		text = v.Str
	}
	c.at(v.Line, v.Column, text, f)
}

// part adds a finding about some bytes of a text.
func (c *legacyChecker) part(v *compat.Value, start, end int, path string, f Finding) {
	f.Path = path
	line, column := c.place(v, start)
	text := ""
	if start >= 0 && end <= len(v.Str) && start < end {
		text, _, _ = strings.Cut(v.Str[start:end], "\n")
	}
	c.at(line, column, text, f)
}

// place finds where a byte of a text stands in the file.
func (c *legacyChecker) place(v *compat.Value, offset int) (line, column int) {
	if c.cursors == nil {
		c.cursors = map[*compat.Value]*compat.Cursor{}
	}
	if c.cursors[v] == nil {
		c.cursors[v] = v.Cursor()
	}
	return c.cursors[v].At(offset)
}

// known tells whether there is a finding at that place already.
func (c *legacyChecker) known(line, column int) bool {
	for _, f := range c.findings {
		if f.Line == line && f.Column == column {
			return true
		}
	}
	return false
}
