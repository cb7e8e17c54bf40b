package vet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema/suggest"
)

// A reading is a parameter that a template of an action reads, and its place.
type reading struct {
	compat.TemplateRef
	line, column int
	// text of the reference, and the path of the value that it stands in.
	text, path string
}

// always tells that the action fails where what it reads is missing.
func (r reading) always() bool { return !r.Tested && !r.Conditional }

// literal is the name at a step of the path, if the template says it.
func (r reading) literal(step int) (string, bool) {
	if step >= len(r.Path) || r.Path[step].Computed {
		return "", false
	}
	return r.Path[step].Name, true
}

// pod tells that it is one of the pods of a workload, by its number.
func (r reading) pod() (workload string, ok bool) {
	workload = r.Path[0].Name
	if !isWorkload(workload) || len(r.Path) != 3 || r.Path[1].Name != "Pods" || !r.Path[2].Index {
		return "", false
	}
	return workload, r.always()
}

func isWorkload(parameter string) bool {
	return parameter == "StatefulSet" || parameter == "Deployment" || parameter == "DeploymentConfig"
}

// record keeps what the template reads for the rules that look at the whole action.
func (t template) record(ref compat.TemplateRef) {
	line, column := t.place(t.text, ref.Offset)
	text := ""
	if ref.End <= len(t.text.Str) {
		text, _, _ = strings.Cut(t.text.Str[ref.Offset:ref.End], "\n")
	}
	t.reads = append(t.reads, reading{ref, line, column, text, t.path})
}

// atReading adds a finding, unless there is one at that place: what is wrong there
// comes before what is missing elsewhere.
func (c *legacyChecker) atReading(r reading, f Finding) {
	if !c.known(r.line, r.column) {
		f.Path = r.path
		c.at(r.line, r.column, r.text, f)
	}
}

// undeclaredInputs warns of artifacts, Secrets and ConfigMaps that the action reads
// and does not say so. Kanister does not look, but whoever runs the action does.
func (a *legacyAction) undeclaredInputs() {
	done := map[string]bool{}
	for _, r := range a.reads {
		list, declared := a.declaration(r.Path[0].Name)
		name, ok := r.literal(1)
		if list == "" || !ok || !r.always() || done[list+name] || a.misspelt(list) {
			continue
		}
		done[list+name] = true
		if slices.ContainsFunc(declared, func(v *compat.Value) bool { return v.Str == name }) {
			continue
		}
		a.atReading(r, Finding{
			Rule:       ruleUndeclaredInput,
			Message:    fmt.Sprintf("the action does not say that it needs %s: it is not in %s", compat.TemplateRef{Path: r.Path[:2]}, list),
			Suggestion: fmt.Sprintf("add `%s: [%s]` to the action %q", list, name, a.action.Key),
		})
	}
}

// misspelt tells that the action has a field that was meant to be the one named.
func (a *legacyAction) misspelt(field string) bool {
	return hasMisspelt(a.action.Unknown, field)
}

// hasMisspelt tells whether one of the fields was meant to be the one named.
func hasMisspelt(unknown []*compat.Field, field string) bool {
	return slices.ContainsFunc(unknown, func(f *compat.Field) bool { return suggest.Nearest(f.Name, []string{field}) != "" })
}

// declaration is the field of the action that lists what is read of a parameter.
func (a *legacyAction) declaration(parameter string) (field string, names []*compat.Value) {
	switch parameter {
	case "ArtifactsIn":
		return "inputArtifactNames", a.action.InputArtifactNames
	case "Secrets":
		return "secretNames", a.action.SecretNames
	case "ConfigMaps":
		return "configMapNames", a.action.ConfigMapNames
	}
	return "", nil
}

// undeclaredKind warns of an action that needs a running pod of a workload and does
// not say what it works on.
func (a *legacyAction) undeclaredKind() {
	if a.action.Kind != nil {
		return
	}
	for _, r := range a.reads {
		workload, ok := r.pod()
		if !ok {
			continue
		}
		a.atReading(r, Finding{
			Rule:       ruleUndeclaredKind,
			Message:    fmt.Sprintf("this needs a %s with a running pod, and the action does not say what it works on", workload),
			Suggestion: fmt.Sprintf("add `kind: %s` to the action %q", workload, a.action.Key),
		})
		return
	}
}

// stoppedPods warns of an action that stops a workload and reads one of its pods:
// after a run that failed half way there is none.
func (a *legacyAction) stoppedPods() {
	if !slices.ContainsFunc(a.action.Phases, stopsWorkload) {
		return
	}
	for _, r := range a.reads {
		if _, ok := r.pod(); !ok {
			continue
		}
		f := Finding{
			Rule:       ruleStoppedPods,
			Message:    "the action stops the workload: if it is stopped already, as after a run that failed, this has no pod to name",
			Suggestion: "read what is needed of the pod where the workload runs, and hand it over in an artifact",
		}
		if strings.HasSuffix(r.path, ".args.pod") {
			f.Suggestion = "name the claims in `volumes` instead of a `pod` that has them"
		}
		a.atReading(r, f)
	}
}

func stopsWorkload(p *compat.BlueprintPhase) bool {
	replicas := p.Arg("replicas")
	return p.Func == "ScaleWorkload" && replicas != nil && replicas.Value.Str == "0"
}
