package vet

import (
	"errors"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// profile checks a Profile.
func (c *legacyChecker) profile(doc *compat.Document) {
	if _, err := compat.ReadProfile(doc); err != nil {
		c.readErrors(err)
	}
	credential := doc.Root.Get("credential")
	if credential == nil {
		return
	}
	for _, path := range [][]string{
		{"keyPair", "secret"}, {"secret"},
		{"kopiaServerSecret", "userPassphrase", "secret"}, {"kopiaServerSecret", "tlsCert", "secret"},
	} {
		ref := credential
		for _, name := range path {
			ref = ref.Get(name)
		}
		if ref != nil && ref.Kind == compat.Map {
			c.namespaced(ref, "the Secret", "credential."+strings.Join(path, "."))
		}
	}
}

// readErrors reports what keeps a resource from being read.
func (c *legacyChecker) readErrors(err error) {
	var list compat.Errors
	if !errors.As(err, &list) {
		c.findings = append(c.findings, whole(c.src.name, ruleStructure, err.Error(), ""))
		return
	}
	for _, e := range list {
		rule := ruleStructure
		// A value that is not known stands in quotes, a field does not.
		if strings.HasSuffix(e.Msg, " is not known") && !strings.HasSuffix(e.Msg, `" is not known`) {
			rule = ruleUnknownField
		}
		c.at(e.Line, e.Column, "", Finding{Rule: rule, Message: e.Msg, Suggestion: e.Hint})
	}
}

// namespaced warns of a reference without a namespace. Kanister looks for the
// object in no namespace then.
func (c *legacyChecker) namespaced(ref *compat.Value, what, path string) {
	if text(ref, "name") == "" || text(ref, "namespace") != "" {
		return
	}
	c.value(ref, path, Finding{
		Rule:       ruleObjectReference,
		Severity:   Warning,
		Message:    what + " has no namespace; Kanister does not find it then",
		Suggestion: "add `namespace: …`",
	})
}

// text is the text of a field, or "".
func text(v *compat.Value, field string) string {
	s, _ := v.Get(field).Text()
	return s
}
