package vet

import (
	"fmt"
	"slices"

	"github.com/rescuecue/rescue/compat"
)

// namespaceOfObject tells that a path reads .Object.metadata.namespace, which a
// Namespace does not have, so that the template fails.
func namespaceOfObject(path []compat.PathStep) bool {
	own := []compat.PathStep{{Name: "Object"}, {Name: "metadata"}, {Name: "namespace"}}
	return slices.Equal(path, own)
}

// givenBy tells that an object of the kind gives what is read of the parameters, as far
// as that depends on its kind. What the action's own kind does not give is reported there.
func (a *legacyAction) givenBy(kind string, reads reading) bool {
	name := reads.Path[0].Name
	if kind == "Namespace" && namespaceOfObject(reads.Path) {
		return a.action.Kind != nil && workloadOf(a.action.Kind.Str) == kind
	}
	return workloadOf(name) != name || name == kind
}

// namespaceOfNamespace finds that in an action whose declared object is a Namespace.
func (r reference) namespaceOfNamespace() {
	if workloadOf(r.action.Kind.Str) != "Namespace" || !namespaceOfObject(r.ref.Path) || r.ref.Tested {
		return
	}
	r.complain(Finding{
		Rule:       ruleUnknownInput,
		Message:    fmt.Sprintf("the action works on a Namespace, which has no %s", r.ref),
		Suggestion: "did you mean .Namespace.Name?",
	})
}
