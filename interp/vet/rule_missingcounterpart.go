package vet

import (
	"fmt"
	"slices"
	"strings"
)

// missingCounterpart reports backups that nothing restores, and such that nothing
// deletes.
func missingCounterpart(o *outline) {
	for _, a := range o.actions {
		if a.name != "backup" || !a.keeps() {
			continue
		}
		switch {
		case !o.has("restore"):
			a.mark(Finding{
				Rule:       ruleMissingCounterpart,
				Message:    fmt.Sprintf("the action %q leaves data that no action restores", a.name),
				Suggestion: "add an action `restore`, and try it",
			})
		case !o.has("delete"):
			a.mark(Finding{
				Rule:       ruleMissingCounterpart,
				Severity:   Info,
				Message:    fmt.Sprintf("the action %q leaves data that no action deletes, so backups only grow", a.name),
				Suggestion: "add an action `delete`",
			})
		}
	}
}

// keeps tells whether the action leaves something: an artifact says so.
func (a *outlineAction) keeps() bool { return len(a.writes) > 0 }

// has tells whether there is an action of that name, or one that begins with it.
func (o *outline) has(name string) bool {
	return slices.ContainsFunc(o.actions, func(a *outlineAction) bool { return strings.HasPrefix(strings.ToLower(a.name), name) })
}
