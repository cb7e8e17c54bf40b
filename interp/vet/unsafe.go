package vet

import (
	"fmt"
	"slices"

	"github.com/rescuecue/rescue/compat"
)

// unsafeFinding says that a template function reaches outside.
func unsafeFinding(name string) (Finding, bool) {
	if !compat.UnsafeTemplateFunc(name) {
		return Finding{}, false
	}
	what := "reads the environment of the program that renders it"
	if name == "getHostByName" {
		what = "asks the network"
	}
	return Finding{
		Rule:       ruleUnsafeTemplate,
		Message:    fmt.Sprintf("%s %s, and is refused", name, what),
		Suggestion: "hand the value in as an option, or allow it with --allow-unsafe-templates",
	}, true
}

// AllowUnsafe leaves out what is said about unsafe template functions: for those who
// have allowed them.
func AllowUnsafe(findings []Finding) []Finding {
	return slices.DeleteFunc(findings, func(f Finding) bool { return f.Rule == ruleUnsafeTemplate })
}
