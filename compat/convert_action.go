package compat

import (
	"sort"
	"strings"

	"github.com/rescuecue/rescue/schema"
)

// actionConverter converts one action.
type actionConverter struct {
	*converter
	action *BlueprintAction
	scope  *actionScope
	refs   []TemplateRef
	uses   *usage
	// kept are the hidden fields of the action itself.
	kept []*cueField
	// phases that were made: the defaults of their objects' data come last.
	phases []*phaseFields
}

func (c *converter) action(a *BlueprintAction) *cueField {
	ac := &actionConverter{converter: c, action: a, scope: newScope(a), refs: a.references(), uses: newUsage()}
	head := c.take(a.Field.Comments)
	ac.dropIgnored()
	from := ac.artifactsFrom()

	fields := ac.kindField()
	// What it has to declare is known at the end.
	input := &cueField{label: "input"}
	fields = append(fields, input)
	fields = append(fields, ac.nameLists(from)...)
	fields = append(fields, ac.phaseList())
	if d := ac.deferPhase(); d != nil {
		fields = append(fields, d)
	}
	artifacts := ac.outputArtifacts()
	fields = append(fields, ac.kept...)
	if artifacts != nil {
		fields = append(fields, artifacts)
	}
	ac.objectDefaults()
	ac.fillInput(input)
	if c.pending != "" {
		last := fields[len(fields)-1]
		last.comments.Foot = joinComments(last.comments.Foot, c.pending)
		c.pending = ""
	}
	for pkg := range ac.uses.imports {
		c.imports[pkg] = true
	}
	// Every action repeats the label, so that each reads by itself.
	f := &cueField{label: "actions: " + cueLabel(a.Key), fields: fields, blank: true, comments: head}
	return f
}

// dropIgnored warns about fields that Kanister ignores.
func (ac *actionConverter) dropIgnored() {
	for _, name := range []string{"name", "type"} {
		ac.drop(ac.action.Field.Value.Field(name))
	}
	for _, f := range ac.action.Unknown {
		ac.warn(f.errorf("an action has no field %s: it is left out", f.Name))
		ac.drop(f)
	}
}

// paramKinds are the parameters that only an object of that kind brings.
var paramKinds = []string{"StatefulSet", "Deployment", "DeploymentConfig", "PVC", "Namespace"}

// kindField says which object the action works on: as declared, or else as its
// templates tell.
func (ac *actionConverter) kindField() []*cueField {
	read := map[string]bool{}
	for _, r := range ac.refs {
		read[r.Path[0].Name] = true
	}
	var kinds []string
	for _, k := range paramKinds {
		if read[k] {
			kinds = append(kinds, k)
		}
	}
	kind := ac.declaredKind(kinds, read["Object"])
	if kind == "" && len(kinds) == 1 {
		kind = kinds[0]
	}
	f := ac.action.Field.Value.Field("kind")
	if kind == "" || kind == "Any" {
		// That is the default.
		ac.drop(f)
		return nil
	}
	out := &cueField{label: "kind", expr: quoteText(kind)}
	if f != nil {
		out.comments = f.Comments
	}
	out.comments = ac.take(out.comments)
	return []*cueField{out}
}

// declaredKind returns the declared kind if it can be right. Kanister does not
// check it: an action that reads nothing but the object works for every kind.
func (ac *actionConverter) declaredKind(read []string, readsObject bool) string {
	declared := ac.action.Kind
	if declared == nil {
		return ""
	}
	kind, known := normalKind(declared.Str)
	switch {
	case !known || len(read) == 0 && readsObject:
		// Unknown ones are such as CustomResource.
		return ""
	case kind == "Any" || len(read) == 0:
		return kind
	}
	for _, k := range read {
		if k == kind {
			return kind
		}
	}
	ac.warn(declared.Errorf("the action is declared for %s, but reads .%s: the CUE goes by what it reads", kind, strings.Join(read, " and .")))
	return ""
}

// fillInput brings the inputs into scope, with the options that may be missing.
func (ac *actionConverter) fillInput(f *cueField) {
	options := []*cueField{}
	for _, key := range sortedKeys(ac.uses.options) {
		options = append(options, &cueField{label: cueLabel(key), expr: `*"" | string`})
	}
	if len(options) == 0 {
		f.expr = "_"
		return
	}
	f.fields = []*cueField{{label: "options", fields: options}}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// nameLists are the lists of what the caller has to provide. artifactsFrom says
// it for the artifacts.
func (ac *actionConverter) nameLists(from string) []*cueField {
	var fields []*cueField
	if from != "" {
		ac.drop(ac.action.Field.Value.Field("inputArtifactNames"))
		fields = append(fields, &cueField{label: "artifactsFrom", expr: quoteText(from), comments: ac.take(Comments{})})
	}
	for _, list := range []struct {
		label string
		names []*Value
	}{
		{"inputArtifactNames", ac.action.InputArtifactNames},
		{"secretNames", ac.action.SecretNames},
		{"configMapNames", ac.action.ConfigMapNames},
	} {
		f := ac.action.Field.Value.Field(list.label)
		switch {
		case f == nil || list.label == "inputArtifactNames" && from != "":
		case len(list.names) == 0:
			ac.drop(f)
		default:
			out := &cueField{label: list.label, comments: ac.take(f.Comments)}
			for _, n := range list.names {
				out.items = append(out.items, &cueItem{expr: quoteText(n.Str), comments: n.Comments})
			}
			fields = append(fields, out)
		}
	}
	return fields
}

// artifactsFrom finds the action that writes every artifact this one reads: the
// only one that does, or backup.
func (ac *actionConverter) artifactsFrom() string {
	wanted, ok := ac.artifactsRead()
	if !ok || len(wanted) == 0 {
		return ""
	}
	var found []string
	for _, other := range ac.bp.Actions {
		if other != ac.action && other.writes(wanted) {
			found = append(found, other.Key)
		}
	}
	for _, key := range found {
		if key == "backup" || len(found) == 1 {
			return key
		}
	}
	return ""
}

// artifactRef is an artifact and one of its keys; "" is its kopia snapshot, and
// artifactOnly the artifact as such.
type artifactRef struct{ name, key string }

const artifactOnly = "\x00"

// artifactsRead lists what the action reads. It is not ok if a template reads
// artifacts in a way that cannot be seen.
func (ac *actionConverter) artifactsRead() (wanted []artifactRef, ok bool) {
	for _, n := range ac.action.InputArtifactNames {
		wanted = append(wanted, artifactRef{n.Str, artifactOnly})
	}
	for _, r := range ac.refs {
		if r.Path[0].Name != "ArtifactsIn" {
			continue
		}
		path := r.Path[1:]
		switch {
		case len(path) == 2 && !path[0].Computed && path[1].Name == "KopiaSnapshot":
			wanted = append(wanted, artifactRef{path[0].Name, ""})
		case len(path) == 3 && !path[0].Computed && path[1].Name == "KeyValue" && !path[2].Computed:
			wanted = append(wanted, artifactRef{path[0].Name, path[2].Name})
		default:
			return nil, false
		}
	}
	return wanted, true
}

// writes says whether the action writes all of them.
func (a *BlueprintAction) writes(wanted []artifactRef) bool {
	for _, w := range wanted {
		if !a.writesOne(w) {
			return false
		}
	}
	return true
}

func (a *BlueprintAction) writesOne(w artifactRef) bool {
	for _, o := range a.OutputArtifacts {
		if o.Name != w.name {
			continue
		}
		switch w.key {
		case artifactOnly:
			return true
		case "":
			return o.KopiaSnapshot != nil
		}
		for _, k := range o.KeyValue {
			if k.Name == w.key {
				return true
			}
		}
	}
	return false
}

func (ac *actionConverter) outputArtifacts() *cueField {
	f := ac.action.Field.Value.Field("outputArtifacts")
	if f == nil || len(ac.action.OutputArtifacts) == 0 {
		ac.drop(f)
		return nil
	}
	out := &cueField{label: "outputArtifacts", fields: []*cueField{}, comments: ac.take(f.Comments)}
	ac.scope.canLet = false
	defer func() { ac.scope.canLet = true }()
	for _, o := range ac.action.OutputArtifacts {
		out.fields = append(out.fields, ac.artifact(o))
	}
	return out
}

func (ac *actionConverter) artifact(o *OutputArtifact) *cueField {
	out := &cueField{label: cueLabel(o.Name), fields: []*cueField{}, comments: ac.take(o.Field.Comments)}
	for _, f := range o.Unknown {
		ac.warn(f.errorf("an artifact has no field %s: it is left out", f.Name))
		ac.drop(f)
	}
	if kv := o.Field.Value.Field("keyValue"); kv != nil {
		keys := &cueField{label: "keyValue", fields: []*cueField{}, comments: ac.take(kv.Comments)}
		for _, k := range o.KeyValue {
			expr := ac.string(k.Value, o.Name+"_"+k.Name, false, &ac.kept)
			keys.fields = append(keys.fields, &cueField{label: cueLabel(k.Name), expr: expr, comments: ac.take(k.Comments)})
		}
		out.fields = append(out.fields, keys)
	}
	if k := o.KopiaSnapshot; k != nil {
		expr := ac.string(k.Value, o.Name, false, &ac.kept)
		out.fields = append(out.fields, &cueField{label: "kopiaSnapshot", expr: expr, comments: ac.take(k.Comments)})
	}
	return out
}

// outputs lists the keys of a phase that anything reads. Others that its scripts
// write are not declared: a declared output must arrive, and a script may write one
// only now and then. A function with outputs of its own declares none.
func (ac *actionConverter) outputs(p *BlueprintPhase) []string {
	f, known := schema.Function(p.Func)
	if known && !f.Script {
		return nil
	}
	var keys []string
	seen := map[string]bool{}
	add := func(key string) {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	for _, r := range ac.refs {
		if key, ok := r.outputOf(p, ac.action); ok {
			add(key)
		}
	}
	return keys
}

// outputOf returns the key if the reference is to an output of that phase.
func (r TemplateRef) outputOf(p *BlueprintPhase, a *BlueprintAction) (string, bool) {
	path := r.Path
	switch {
	case p == a.DeferPhase && path[0].Name == "DeferPhase":
		path = path[1:]
	case p != a.DeferPhase && path[0].Name == "Phases" && len(path) > 1 && path[1].Name == p.Name && !path[1].Computed:
		path = path[2:]
	default:
		return "", false
	}
	if len(path) < 2 || path[0].Name != "Output" || path[1].Computed {
		return "", false
	}
	return path[1].Name, true
}
