package vet

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// reference checks a path from the root of the parameters.
func (t template) reference(ref compat.TemplateRef) {
	r := reference{t, ref}
	switch ref.Path[0].Name {
	case "Phases":
		r.phases()
	case "DeferPhase":
		r.deferPhase()
	case "ArtifactsIn":
		r.artifacts()
	case "Options":
		r.options()
	}
	if !r.parameter() {
		return
	}
	r.kindOfObject()
}

// A reference is a path that a template reads.
type reference struct {
	template
	ref compat.TemplateRef
}

// complain adds a finding about the path. What is wrong with the value of a variable, or
// of the dot inside a with, was said where that was set.
func (r reference) complain(f Finding) {
	said := func(g Finding) bool { return g.Rule == f.Rule && g.Message == f.Message && g.Path == r.path }
	if !r.fromRoot() && slices.ContainsFunc(r.findings, said) {
		return
	}
	r.report(r.ref.Offset, r.ref.End, f)
}

// fromRoot tells that the whole path is written there, and does not begin with what a
// variable or the dot stands for.
func (r reference) fromRoot() bool {
	size := len(r.text.Str)
	own := r.text.Str[min(r.ref.Offset, size):min(r.ref.End, size)]
	return !strings.HasPrefix(own, "$") && strings.Contains(own, "."+r.ref.Path[0].Name)
}

// name is the step's name if the template says it literally.
func (r reference) name(step int) (string, bool) {
	if step >= len(r.ref.Path) || r.ref.Path[step].Computed {
		return "", false
	}
	return r.ref.Path[step].Name, true
}

// guarded tells that a missing key does no harm: it is only tested for.
func (r reference) guarded(step int) bool {
	return r.ref.Tested && r.ref.Path[step].Index
}

// Types whose fields templates may use though these types lack them.
var openTypes = []reflect.Type{reflect.TypeFor[compat.Secret](), reflect.TypeFor[compat.ConfigMap]()}

// parameter checks the path against the types of the parameters. It reports
// whether they have it.
func (r reference) parameter() bool {
	typ, at := reflect.TypeFor[compat.Params](), ""
	for _, step := range r.ref.Path {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case step.Computed:
			return true
		case slices.Contains(openTypes, typ):
			return !r.unexported(typ, at, step.Name)
		case typ.Kind() == reflect.Struct && !step.Index:
			field, ok := typ.FieldByName(step.Name)
			if !ok {
				r.complain(unknownParameter(typ, at, step.Name))
				return false
			}
			typ = field.Type
		case typ.Kind() == reflect.Map, typ.Kind() == reflect.Slice && step.Index:
			typ = typ.Elem()
		default:
			return true
		}
		at += "." + step.Name
	}
	return true
}

// unexported reports a field of a Kubernetes object in lower case. Go has none such,
// although the object's YAML does.
func (r reference) unexported(typ reflect.Type, at, name string) bool {
	if first, _ := utf8.DecodeRuneInString(name); !unicode.IsLower(first) {
		return false
	}
	r.complain(unknownParameter(typ, at, name))
	return true
}

func unknownParameter(typ reflect.Type, at, name string) Finding {
	var names []string
	for _, f := range reflect.VisibleFields(typ) {
		if !f.Anonymous {
			names = append(names, f.Name)
		}
	}
	f := Finding{Rule: ruleUnknownInput, Message: fmt.Sprintf("there is no parameter %s.%s", at, name)}
	if name == "ArtifactsOut" && at == "" {
		f.Suggestion = "read the outputs of the phases instead: .Phases.NAME.Output.KEY"
		return f
	}
	return f.hint(name, "parameters", names)
}

// kindOfObject finds parameters that an object of the action's declared kind does
// not fill.
func (r reference) kindOfObject() {
	kind := r.action.Kind
	if kind == nil {
		return
	}
	r.namespaceOfNamespace()
	name := r.ref.Path[0].Name
	if workloadOf(name) != name || r.ref.Tested {
		return
	}
	own := workloadOf(kind.Str)
	if own == "" || own == name {
		return
	}
	r.complain(Finding{
		Rule:       ruleUnknownInput,
		Message:    fmt.Sprintf("the action works on a %s, for which there is no parameter .%s", own, name),
		Suggestion: fmt.Sprintf("did you mean .%s?", own),
	})
}

// phases checks .Phases.NAME and what follows.
func (r reference) phases() {
	name, ok := r.name(1)
	if !ok || r.guarded(1) {
		return
	}
	i := slices.IndexFunc(r.action.Phases, func(p *compat.BlueprintPhase) bool { return p.Name == name })
	if i < 0 {
		if !r.misspelt("phases") {
			r.complain(r.unknownPhase(name))
		}
		return
	}
	phase := r.action.Phases[i]
	if r.tooEarly(i) {
		return
	}
	r.phasePart(phase, 2)
}

func (r reference) unknownPhase(name string) Finding {
	var names []string
	for _, p := range r.action.Phases {
		if p.Name != "" {
			names = append(names, p.Name)
		}
	}
	f := Finding{Rule: ruleUnknownPhase, Message: fmt.Sprintf("action %q has no phase %q", r.action.Key, name)}
	if d := r.action.DeferPhase; d != nil && d.Name == name {
		f.Suggestion = "the defer phase is read as .DeferPhase"
		return f
	}
	f = f.hint(name, "phases", names)
	for _, a := range r.bp.Actions {
		if f.Replacement == "" && a.Phase(name) != nil {
			f.Suggestion = fmt.Sprintf("it is a phase of action %q; hand its outputs over in an artifact", a.Key)
		}
	}
	return f
}

// tooEarly reports what is read of a phase before it is there.
func (r reference) tooEarly(writer int) bool {
	part, _ := r.name(2)
	name := r.action.Phases[writer].Name
	f := Finding{Rule: rulePhaseOrder, Suggestion: "move it after that phase"}
	switch {
	case r.at == inObjects:
		f.Message = fmt.Sprintf("objects are looked up before the first phase runs: phase %q is not known then", name)
		f.Suggestion = "use parameters of the action, such as .ArtifactsIn or .Options"
	case r.at == inArtifacts || writer < r.number:
		return false
	case writer == r.number && part == "Output":
		f.Message, f.Suggestion = fmt.Sprintf("phase %q reads its own output", name), ""
	case writer == r.number:
		return false
	default:
		f.Message = fmt.Sprintf("phase %q runs later than this one, so it is not known here", name)
	}
	r.complain(f)
	return true
}

func (r reference) deferPhase() {
	if phase := r.action.DeferPhase; phase != nil {
		if !r.beforeDefer() {
			r.phasePart(phase, 1)
		}
		return
	}
	if r.misspelt("deferPhase") {
		return
	}
	r.complain(Finding{Rule: ruleUnknownPhase, Message: fmt.Sprintf("action %q has no deferPhase", r.action.Key)})
}

// beforeDefer reports what a phase reads of the defer phase, which runs after all of them.
func (r reference) beforeDefer() bool {
	part, ok := r.name(1)
	own := r.number == len(r.action.Phases) && r.at != inObjects
	if !ok || r.at == inArtifacts || own && part != "Output" {
		return false
	}
	f := Finding{Rule: rulePhaseOrder, Message: "the defer phase runs after all others: nothing of it is known here", Suggestion: "read it in the output artifacts"}
	if own {
		f.Message, f.Suggestion = "the defer phase reads its own output", ""
	}
	r.complain(f)
	return true
}

// phasePart checks what is read of a phase; step is the number of that part.
func (r reference) phasePart(phase *compat.BlueprintPhase, step int) {
	part, _ := r.name(step)
	name, ok := r.name(step + 1)
	if !ok || r.guarded(step+1) {
		return
	}
	switch part {
	case "Output":
		r.output(phase, name)
	case "Secrets", "ConfigMaps":
		r.object(phase, part, name)
	}
}

// output finds outputs that the phase's function or script does not produce.
func (r reference) output(phase *compat.BlueprintPhase, name string) {
	outputs, complete := phaseOutputs(r.set, phase)
	if !complete || slices.Contains(outputs, name) {
		return
	}
	f := Finding{Rule: ruleUnknownOutput, Message: fmt.Sprintf("phase %q (%s) has no output %q", phase.Name, phase.Func, name)}
	f = f.hint(name, "outputs", outputs)
	if f.Replacement == "" && scripted(r.set, phase.Func) {
		f.Suggestion = fmt.Sprintf("its command has to write it: kando output %s VALUE", name)
	}
	r.complain(f)
}

// object finds Secrets and ConfigMaps that the phase does not declare.
func (r reference) object(phase *compat.BlueprintPhase, part, name string) {
	var names []string
	for _, o := range phase.Objects {
		names = append(names, o.Name)
		if o.Name == name {
			r.objectOf(o, part)
			return
		}
	}
	f := Finding{Rule: ruleUnknownObject, Message: fmt.Sprintf("phase %q declares no object %q", phase.Name, name)}
	r.complain(f.hint(name, "objects", names))
}

// objectOf finds a Secret that is read as a ConfigMap, and the other way round.
func (r reference) objectOf(object *compat.Field, part string) {
	kind, _ := object.Value.Get("kind").Text()
	other := map[string]string{"secret": "Secrets", "configmap": "ConfigMaps"}[strings.ToLower(kind)]
	if other == "" || other == part {
		return
	}
	r.complain(Finding{
		Rule:       ruleUnknownObject,
		Message:    fmt.Sprintf("object %q is a %s, so it is not in %s", object.Name, kind, part),
		Suggestion: fmt.Sprintf("read it in %s", other),
	})
}

// artifacts checks .ArtifactsIn.NAME and its keys.
func (r reference) artifacts() {
	name, ok := r.name(1)
	if !ok || r.guarded(1) {
		return
	}
	artifact := r.writer(name)
	if artifact == nil {
		if !r.artifactsMisspelt() {
			r.complain(r.unwritten(name))
		}
		return
	}
	if r.keysMisspelt(name) {
		return
	}
	part, _ := r.name(2)
	keys := r.keysOf(name)
	if part == "KopiaSnapshot" && len(keys) > 0 && !r.snapshotOf(name) {
		f := Finding{Rule: ruleUnknownArtifact, Severity: Warning, Message: fmt.Sprintf("no action writes a kopiaSnapshot to the artifact %q", name)}
		f.Suggestion = choices("it has the keys", keys)
		r.complain(f)
		return
	}
	key, ok := r.name(3)
	if !ok || part != "KeyValue" {
		return
	}
	if slices.Contains(keys, key) || r.guarded(3) {
		return
	}
	f := Finding{Rule: ruleUnknownArtifact, Severity: Warning, Message: fmt.Sprintf("no action writes the key %q of the artifact %q", key, name)}
	r.complain(f.hint(key, "keys", keys))
}

// snapshotOf tells whether any action writes a kopiaSnapshot to the artifact.
func (b *legacyBlueprint) snapshotOf(name string) bool {
	for _, a := range b.bp.Actions {
		for _, o := range a.OutputArtifacts {
			if o.Name == name && o.KopiaSnapshot != nil {
				return true
			}
		}
	}
	return false
}

// keysOf lists the keys that any action writes to the artifact.
func (b *legacyBlueprint) keysOf(name string) []string {
	var keys []string
	for _, a := range b.bp.Actions {
		for _, o := range a.OutputArtifacts {
			for _, kv := range o.KeyValue {
				if o.Name == name {
					keys = append(keys, kv.Name)
				}
			}
		}
	}
	return keys
}

// options warns of a test such as `if .Options.NAME`, which fails if the option is
// not given.
func (r reference) options() {
	name, ok := r.name(1)
	if !ok || r.ref.Path[1].Index || !r.ref.Tested || optionGiven(r.text.Str[:min(r.ref.Offset, len(r.text.Str))], name) {
		return
	}
	root := "$" // good everywhere
	if r.fromRoot() {
		root = ""
	}
	r.complain(Finding{
		Rule:       ruleOptionPath,
		Message:    fmt.Sprintf("this test fails the action if the option %q is not given", name),
		Suggestion: fmt.Sprintf("write (index %s.Options %q)", root, name),
	})
}

// phaseOutputs lists the outputs of a phase. complete is false if there may be
// more: a key that only the running script knows, a program that writes outputs
// itself, or a function that is unknown.
func phaseOutputs(set *schema.Set, phase *compat.BlueprintPhase) (outputs []string, complete bool) {
	if !scripted(set, phase.Func) {
		return fixedOutputs(set, phase.Func)
	}
	command := phase.Arg("command")
	if phase.Func == "MultiContainerRun" {
		command = phase.Arg("outputCommand")
	}
	if command == nil {
		return nil, false
	}
	words := texts(command.Value)
	complete = len(words) > 0 && shells[path.Base(words[0])]
	for _, word := range words {
		found, computed := compat.ScriptOutputs(word)
		for _, o := range found {
			outputs = append(outputs, o.Key)
		}
		if computed || runsPrograms.MatchString(word) {
			complete = false
		}
	}
	return outputs, complete
}

// runsPrograms finds what may write outputs out of sight: another script, or the
// protocol's own mark.
var runsPrograms = regexp.MustCompile(`\.(sh|bash|py|pl|rb)\b|(^|[\s;&|(])\./|Phase-output`)

// texts lists the texts in v.
func texts(v *compat.Value) []string {
	if v.Kind == compat.String {
		return []string{v.Str}
	}
	var all []string
	for _, item := range v.Items {
		all = append(all, texts(item)...)
	}
	for _, f := range v.Fields {
		all = append(all, texts(f.Value)...)
	}
	return all
}
