package vet

import (
	"fmt"

	"github.com/rescuecue/rescue/compat"
)

// actionSet checks an ActionSet by itself.
func (c *legacyChecker) actionSet(doc *compat.Document) {
	if _, err := compat.ReadActionSet(doc); err != nil {
		c.readErrors(err)
	}
	for i, v := range requested(doc) {
		r := request{c, v, fmt.Sprintf("spec.actions.%d", i)}
		r.object()
		r.references()
		r.version()
		if override := v.Get("podOverride"); override != nil && override.Kind == compat.Map {
			c.podFields(override, "PodSpec", r.path+".podOverride")
		}
	}
}

// requested are the actions that an ActionSet asks for.
func requested(doc *compat.Document) []*compat.Value {
	actions := doc.Root.Get("spec").Get("actions")
	if actions == nil {
		return nil
	}
	return actions.Items
}

// A request is one action of an ActionSet.
type request struct {
	*legacyChecker
	value *compat.Value
	path  string
}

// object checks the object that the action is to work on.
func (r request) object() {
	object := r.value.Get("object")
	if object == nil || object.Kind != compat.Map {
		return
	}
	path := r.path + ".object"
	kind, resource := text(object, "kind"), text(object, "resource")
	known := workloadOf(kind)
	switch {
	case known == "" && kind != "" && resource == "":
		f := Finding{
			Rule:    ruleObjectReference,
			Message: fmt.Sprintf("an object of kind %q needs its apiVersion and its resource, the plural in lower case", kind),
		}
		if h := f.hint(kind, "kinds", objectKinds[:5]); h.Replacement != "" {
			f = h
		}
		r.legacyChecker.value(object.Get("kind"), path+".kind", f)
	case known == "" && resource != "" && text(object, "apiVersion") == "":
		r.incomplete(object, path, "apiVersion, the version alone, such as v1")
	}
	switch namespace := text(object, "namespace"); {
	case text(object, "name") == "":
		r.incomplete(object, path, "name")
	case known != "" && known != "Namespace" && namespace == "":
		r.incomplete(object, path, "namespace")
	case known == "Namespace" && namespace != text(object, "name"):
		r.legacyChecker.value(object, path, Finding{
			Rule:       ruleObjectReference,
			Severity:   Warning,
			Message:    "of a Namespace Kanister wants the name in both fields, name and namespace: .Namespace.Name is the second",
			Suggestion: "write `namespace: " + text(object, "name") + "`",
		})
	}
}

func (r request) incomplete(v *compat.Value, path, lacks string) {
	if r.known(v.Line, v.Column) {
		return
	}
	r.legacyChecker.value(v, path, Finding{
		Rule: ruleObjectReference, Message: "the object has no " + lacks, Expected: lacks, Suggestion: "add it",
	})
}

// references checks the other objects that are named.
func (r request) references() {
	for _, name := range []string{"profile", "repositoryServer"} {
		if ref := r.value.Get(name); ref != nil && ref.Kind == compat.Map {
			r.reference(ref, "the "+name, r.path+"."+name)
		}
	}
	for _, name := range []string{"secrets", "configMaps"} {
		list := r.value.Get(name)
		if list == nil {
			continue
		}
		for _, f := range list.Fields {
			r.reference(f.Value, f.Name, r.path+"."+name+"."+f.Name)
		}
	}
}

func (r request) reference(ref *compat.Value, what, path string) {
	if ref.Kind == compat.Map && text(ref, "name") == "" {
		r.incomplete(ref, path, "name")
	}
	r.namespaced(ref, what, path)
}

// version checks the version of the functions that is asked for.
func (r request) version() {
	v := r.value.Get("preferredVersion")
	version, _ := v.Text()
	fallback, err := compat.ActionSpec{PreferredVersion: version}.FunctionVersion()
	if err == nil && !fallback {
		return
	}
	f := Finding{
		Rule:       ruleFunctionVersion,
		Message:    fmt.Sprintf("no function has the version %s: v0.0.0 runs instead", version),
		Suggestion: "leave preferredVersion out",
	}
	if err != nil {
		f.Severity = Error
		f.Message, f.Suggestion = fmt.Sprintf("%q is no version", version), "write a version such as v0.0.0, or leave it out"
	}
	r.legacyChecker.value(v, r.path+".preferredVersion", f)
}
