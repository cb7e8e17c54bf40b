package vet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema/suggest"
)

// blueprint checks one Blueprint.
func (c *legacyChecker) blueprint(doc *compat.Document) {
	bp, problems := compat.ReadBlueprint(doc)
	b := &legacyBlueprint{legacyChecker: c, bp: bp}
	b.unknownFields(bp.Unknown, "a Blueprint", []string{"apiVersion", "kind", "metadata", "actions"})
	b.repeatedPhases()
	var actions []*legacyAction
	for _, a := range bp.Actions {
		actions = append(actions, b.action(a))
	}
	// What the reader says about the structure counts where no rule says more.
	for _, p := range problems {
		if !c.known(p.Line, p.Column) && !b.explained(p) {
			c.at(p.Line, p.Column, "", Finding{Rule: ruleStructure, Message: p.Msg, Suggestion: p.Hint})
		}
	}
	b.outline(actions).check(c.findings)
}

// explained tells that the reader misses phases that are there under another name.
func (b *legacyBlueprint) explained(p *compat.Error) bool {
	return slices.ContainsFunc(b.bp.Actions, func(a *compat.BlueprintAction) bool {
		return a.Field.Line == p.Line && a.Field.Column == p.Column && hasMisspelt(a.Unknown, "phases")
	})
}

type legacyBlueprint struct {
	*legacyChecker
	bp *compat.Blueprint
}

// unknownFields reports fields that Kanister drops without a word.
func (c *legacyChecker) unknownFields(fields []*compat.Field, owner string, names []string) {
	for _, f := range fields {
		finding := Finding{Rule: ruleUnknownField, Message: fmt.Sprintf("%s has no field %q", owner, f.Name)}
		finding = finding.hint(f.Name, "fields", names)
		if strings.HasPrefix(f.Name, "x-") {
			// So people name what only holds anchors.
			finding.Severity = Warning
			finding.Suggestion = "Kanister drops it; kubectl refuses the file unless it is told --validate=false"
		}
		if f.Name == "spec" && f.Value.Get("actions") != nil {
			finding.Message = "a Blueprint has no spec, so it has no actions"
			finding.Suggestion = "write the fields of spec at the top level"
		}
		c.key(f, f.Name, finding)
	}
}

// repeatedPhases finds phase names that several actions use.
func (b *legacyBlueprint) repeatedPhases() {
	first := map[string]*compat.BlueprintAction{}
	for _, a := range b.bp.Actions {
		for _, p := range a.AllPhases() {
			other := first[p.Name]
			switch {
			case p.Name == "" || other == a:
			case other == nil:
				first[p.Name] = a
			default:
				b.value(p.NamePos, phasePath(a, p)+".name", Finding{
					Rule:       ruleRepeatedPhase,
					Message:    fmt.Sprintf("phase %q is in action %q too; Kanister's webhook refuses that", p.Name, other.Key),
					Suggestion: "give it another name if the blueprint has to pass the webhook",
				})
			}
		}
	}
}

func (b *legacyBlueprint) action(action *compat.BlueprintAction) *legacyAction {
	a := &legacyAction{legacyBlueprint: b, action: action, path: "actions." + action.Key}
	b.unknownFields(action.Unknown, "an action", []string{"name", "kind", "phases", "deferPhase", "outputArtifacts",
		"inputArtifactNames", "configMapNames", "secretNames"})
	a.escapedQuotes(action.Field.Value, a.path)
	a.kind()
	a.duplicatePhases()
	for i, p := range action.Phases {
		a.phase(p, i)
	}
	if action.DeferPhase != nil {
		a.phase(action.DeferPhase, len(action.Phases))
	}
	a.artifacts()
	a.stoppedPods()
	a.undeclaredKind()
	a.undeclaredInputs()
	return a
}

// A legacyAction is the action that is checked.
type legacyAction struct {
	*legacyBlueprint
	action *compat.BlueprintAction
	path   string
	// reads is what the templates of the action read.
	reads []reading
}

func phasePath(a *compat.BlueprintAction, p *compat.BlueprintPhase) string {
	if p == a.DeferPhase {
		return "actions." + a.Key + ".deferPhase"
	}
	return "actions." + a.Key + ".phases." + p.Name
}

// kind warns of what looks like a misspelt kind. Kanister never looks at it.
func (a *legacyAction) kind() {
	kind := a.action.Kind
	if kind == nil || workloadOf(kind.Str) != "" {
		return
	}
	for _, known := range []string{"Object", "Any", "PersistentVolumeClaim"} {
		if strings.EqualFold(kind.Str, known) {
			return
		}
	}
	if near := suggest.Nearest(kind.Str, objectKinds[:]); near != "" {
		f := Finding{Rule: ruleUnknownKind, Severity: Warning, Message: fmt.Sprintf("unknown kind %q", kind.Str)}
		a.value(kind, a.path+".kind", f.hint(kind.Str, "kinds", objectKinds[:]))
	}
}

// workloadOf is the template parameter that an object of the kind fills, or "".
func workloadOf(kind string) string {
	for _, p := range []string{"StatefulSet", "Deployment", "DeploymentConfig", "PVC", "Namespace"} {
		if strings.EqualFold(kind, p) {
			return p
		}
	}
	if strings.EqualFold(kind, "PersistentVolumeClaim") {
		return "PVC"
	}
	return ""
}

func (a *legacyAction) duplicatePhases() {
	first := map[string]*compat.BlueprintPhase{}
	for _, p := range a.action.AllPhases() {
		switch other := first[p.Name]; {
		case other == nil:
			first[p.Name] = p
		case p.Name == "":
			a.value(p.Value, phasePath(a.action, p), Finding{
				Rule:       ruleDuplicatePhase,
				Message:    fmt.Sprintf("a second phase without a name: the first is at line %d", other.Value.Line),
				Suggestion: "give it a name: both would run with the arguments of the last",
			})
		default:
			a.value(p.NamePos, phasePath(a.action, p)+".name", Finding{
				Rule:       ruleDuplicatePhase,
				Message:    fmt.Sprintf("phase %q is in this action already, at line %d", p.Name, other.NamePos.Line),
				Suggestion: "give it another name: both would run with the arguments of the last",
			})
		}
	}
}

func (a *legacyAction) phase(phase *compat.BlueprintPhase, number int) {
	p := &legacyPhase{legacyAction: a, phase: phase, number: number, path: phasePath(a.action, phase)}
	a.unknownFields(phase.Unknown, "a phase", []string{"func", "name", "objects", "args"})
	p.nulls(phase.ArgsField)
	p.unnamed()
	p.function()
	p.objects()
	p.argumentTemplates()
	p.podOverride()
	p.resourceSpec()
	if phase.ArgsField != nil {
		p.oldImages(phase.ArgsField.Value, p.path+".args")
	}
}

// A legacyPhase is the phase that is checked. number counts from 0; a defer phase
// comes after all others.
type legacyPhase struct {
	*legacyAction
	phase  *compat.BlueprintPhase
	number int
	path   string
}

// artifacts checks what the action leaves and what it says it takes.
func (a *legacyAction) artifacts() {
	end := &legacyPhase{legacyAction: a, number: len(a.action.Phases) + 1, path: a.path + ".outputArtifacts"}
	for _, o := range a.action.OutputArtifacts {
		a.unknownFields(o.Unknown, "an artifact", []string{"keyValue", "kopiaSnapshot"})
		path := end.path + "." + o.Name
		for _, kv := range o.KeyValue {
			end.templates(kv.Value, path+".keyValue."+kv.Name, inArtifacts)
		}
		if o.KopiaSnapshot != nil {
			end.templates(o.KopiaSnapshot.Value, path+".kopiaSnapshot", inArtifacts)
		}
	}
	for _, name := range a.action.InputArtifactNames {
		if a.writer(name.Str) == nil && !a.artifactsMisspelt() {
			a.value(name, a.path+".inputArtifactNames", a.unwritten(name.Str))
		}
	}
}

// writer returns an artifact of that name that some action writes, or nil.
func (b *legacyBlueprint) writer(name string) *compat.OutputArtifact {
	for _, a := range b.bp.Actions {
		for _, o := range a.OutputArtifacts {
			if o.Name == name {
				return o
			}
		}
	}
	return nil
}

// artifactsMisspelt tells whether an action has a field that was meant to be its
// outputArtifacts: then nobody knows what it writes.
func (b *legacyBlueprint) artifactsMisspelt() bool {
	return slices.ContainsFunc(b.bp.Actions, func(a *compat.BlueprintAction) bool { return hasMisspelt(a.Unknown, "outputArtifacts") })
}

// keysMisspelt tells whether an action that writes the artifact has a field there that
// was meant to be its keyValue or kopiaSnapshot.
func (b *legacyBlueprint) keysMisspelt(artifact string) bool {
	return slices.ContainsFunc(b.bp.Actions, func(a *compat.BlueprintAction) bool {
		return slices.ContainsFunc(a.OutputArtifacts, func(o *compat.OutputArtifact) bool {
			return o.Name == artifact && (hasMisspelt(o.Unknown, "keyValue") || hasMisspelt(o.Unknown, "kopiaSnapshot"))
		})
	})
}

// unwritten warns of an artifact that no action writes: it can be provided by hand.
func (b *legacyBlueprint) unwritten(name string) Finding {
	var names []string
	for _, a := range b.bp.Actions {
		for _, o := range a.OutputArtifacts {
			names = append(names, o.Name)
		}
	}
	f := Finding{
		Rule:     ruleUnknownArtifact,
		Severity: Warning,
		Message:  fmt.Sprintf("no action of this blueprint writes the artifact %q", name),
	}
	if f = f.hint(name, "artifacts", names); len(names) == 0 {
		f.Suggestion = "the ActionSet has to provide it"
	}
	return f
}
