package compat

import (
	"strings"
)

// Blueprint is a typed view of a Blueprint document. What the document lacks, or
// has in another form than it should, is empty here.
type Blueprint struct {
	Doc  *Document
	Name string
	// Namespace as the metadata has it.
	Namespace string
	// Metadata is nil if there is none.
	Metadata *Value
	// Actions in the order written.
	Actions []*BlueprintAction
	// Unknown fields of the document.
	Unknown []*Field
}

// BlueprintAction is one action.
type BlueprintAction struct {
	// Key is the name that counts: the action's key in the blueprint.
	Key string
	// Field has the position and the comments of the key.
	Field *Field
	// Kind is the kind as declared, in `kind` or else in the old field `type`; nil
	// if neither is given.
	Kind *Value
	// Phases in the order written.
	Phases []*BlueprintPhase
	// DeferPhase is nil if there is none.
	DeferPhase *BlueprintPhase
	// OutputArtifacts in the order written.
	OutputArtifacts []*OutputArtifact
	// The names that the action says it needs; each is a String.
	InputArtifactNames, SecretNames, ConfigMapNames []*Value
	// Unknown fields of the action.
	Unknown []*Field
}

// BlueprintPhase is one phase.
type BlueprintPhase struct {
	// Name is empty if the phase has none.
	Name string
	// Func is the function's name.
	Func string
	// NamePos and FuncPos are the values of name and func, nil without them.
	NamePos, FuncPos *Value
	// Value is the phase itself, with its comments.
	Value *Value
	// Args in the order written. ArgsField is nil without them.
	Args      []*Field
	ArgsField *Field
	// Objects that the phase declares: name to object reference.
	Objects []*Field
	// Unknown fields of the phase.
	Unknown []*Field
}

// OutputArtifact is one artifact that an action leaves.
type OutputArtifact struct {
	Name  string
	Field *Field
	// KeyValue has the artifact's keys in the order written.
	KeyValue []*Field
	// KopiaSnapshot is nil if there is none.
	KopiaSnapshot *Field
	// Unknown fields of the artifact.
	Unknown []*Field
}

// Action returns the action of that key, or nil.
func (b *Blueprint) Action(key string) *BlueprintAction {
	for _, a := range b.Actions {
		if a.Key == key {
			return a
		}
	}
	return nil
}

// Phase returns the phase of that name, the defer phase included, or nil.
func (a *BlueprintAction) Phase(name string) *BlueprintPhase {
	for _, p := range a.AllPhases() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// AllPhases are the phases and, last, the defer phase if there is one.
func (a *BlueprintAction) AllPhases() []*BlueprintPhase {
	if a.DeferPhase == nil {
		return a.Phases
	}
	return append(a.Phases[:len(a.Phases):len(a.Phases)], a.DeferPhase)
}

// Arg returns the argument of that name, or nil.
func (p *BlueprintPhase) Arg(name string) *Field {
	for _, f := range p.Args {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// ReadBlueprint gives as much of the blueprint as there is, and what is wrong
// with its structure. Functions, arguments and templates are not looked at. The
// same phase name in two actions is no mistake.
func ReadBlueprint(doc *Document) (*Blueprint, []*Error) {
	r := &blueprintReader{}
	b := &Blueprint{Doc: doc}
	if !r.isMap(doc.Root, "a blueprint") {
		return b, r.errs
	}
	for _, f := range doc.Root.Fields {
		r.topField(b, f)
	}
	if doc.Root.Get("actions") == nil && len(b.Actions) == 0 {
		r.noActions(b)
	}
	return b, r.errs
}

type blueprintReader struct{ errs []*Error }

func (r *blueprintReader) add(err *Error) { r.errs = append(r.errs, err) }

// isMap reports a value that is no map; what names it in the message.
func (r *blueprintReader) isMap(v *Value, what string) bool {
	if v.Kind == Map {
		return true
	}
	if v.Kind == Null {
		r.add(v.Errorf("%s must be a map, and is empty", what).hint("fill it in or remove it"))
	} else {
		r.add(v.Errorf("%s must be a map, found %s", what, v.Kind))
	}
	return false
}

func (r *blueprintReader) isList(v *Value, what string) bool {
	switch v.Kind {
	case List:
		return true
	case Null:
		r.add(v.Errorf("%s must be a list, and is empty", what).hint("fill it in or remove it"))
	case Map:
		r.add(v.Errorf("%s must be a list, found a map", what).hint("begin each item with \"- \""))
	default:
		r.add(v.Errorf("%s must be a list, found %s", what, v.Kind))
	}
	return false
}

// text returns a string; a missing value is empty.
func (r *blueprintReader) text(v *Value, what string) string {
	switch {
	case v == nil || v.Kind == Null:
		return ""
	case v.Kind == String:
		return v.Str
	case v.Kind == List || v.Kind == Map:
		r.add(v.Errorf("%s must be a string, found %s", what, v.Kind))
		return ""
	}
	r.add(v.Errorf("%s must be a string, found %s", what, v.Kind).hint("put it in quotes"))
	return v.Str
}

func (r *blueprintReader) topField(b *Blueprint, f *Field) {
	switch f.Name {
	case "apiVersion", "kind", "status":
	case "metadata":
		if r.isMap(f.Value, "metadata") {
			b.Metadata = f.Value
			b.Name = r.text(f.Value.Get("name"), "metadata.name")
			b.Namespace = r.text(f.Value.Get("namespace"), "metadata.namespace")
		}
	case "actions":
		if strayActions(b.Doc.Root) && f.Value.Kind == Null {
			return // Each of them says so.
		}
		if r.isMap(f.Value, "actions") {
			r.actions(b, f.Value)
		}
	default:
		if isAction(f.Value) {
			r.strayAction(b, f)
			return
		}
		b.Unknown = append(b.Unknown, f)
	}
}

func (r *blueprintReader) actions(b *Blueprint, v *Value) {
	for _, a := range gatherFields(v.Fields, actionKeys) {
		b.Actions = append(b.Actions, r.action(a))
	}
}

// noActions reports that there are none. Those in a spec are read all the same,
// for what else is wrong with them.
func (r *blueprintReader) noActions(b *Blueprint) {
	root := b.Doc.Root
	if spec := root.Field("spec"); spec != nil && spec.Value.Get("actions") != nil {
		r.add(spec.errorf("a Blueprint has no spec").hint("write actions at the top level"))
		if actions := spec.Value.Get("actions"); actions.Kind == Map {
			r.actions(b, actions)
		}
		return
	}
	r.add(root.Errorf("the blueprint has no actions"))
}

func (r *blueprintReader) action(g gathered) *BlueprintAction {
	f := g.Field
	a := &BlueprintAction{Key: f.Name, Field: f}
	r.misplaced(g, "action "+f.Name)
	if !r.isMap(f.Value, "action "+f.Name) {
		return a
	}
	for _, x := range f.Value.Fields {
		r.actionField(a, x)
	}
	if a.Kind == nil {
		a.Kind = stringOrNil(f.Value.Get("type"))
	}
	if f.Value.Get("phases") == nil && a.DeferPhase == nil {
		r.add(f.errorf("action %s has no phases", a.Key))
	}
	r.duplicates(a)
	return a
}

func (r *blueprintReader) actionField(a *BlueprintAction, f *Field) {
	switch f.Name {
	case "name", "type":
		r.text(f.Value, f.Name)
	case "kind":
		r.text(f.Value, f.Name)
		a.Kind = stringOrNil(f.Value)
	case "phases":
		if r.isList(f.Value, "phases") {
			for _, p := range f.Value.Items {
				a.Phases = append(a.Phases, r.phase(p))
			}
		}
	case "deferPhase":
		a.DeferPhase = r.phase(f.Value)
		a.DeferPhase.Value.Comments = f.Comments
	case "outputArtifacts":
		if r.isMap(f.Value, f.Name) {
			for _, o := range f.Value.Fields {
				a.OutputArtifacts = append(a.OutputArtifacts, r.artifact(o))
			}
		}
	case "inputArtifactNames":
		a.InputArtifactNames = r.names(f)
	case "secretNames":
		a.SecretNames = r.names(f)
	case "configMapNames":
		a.ConfigMapNames = r.names(f)
	default:
		a.Unknown = append(a.Unknown, f)
	}
}

func stringOrNil(v *Value) *Value {
	if s, ok := v.Text(); ok && s != "" {
		return v
	}
	return nil
}

func (r *blueprintReader) names(f *Field) []*Value {
	if !r.isList(f.Value, f.Name) {
		return nil
	}
	var names []*Value
	for _, item := range f.Value.Items {
		if item.Kind != String {
			r.add(item.Errorf("%s must hold strings, found %s", f.Name, item.Kind))
			continue
		}
		names = append(names, item)
	}
	return names
}

func (r *blueprintReader) artifact(f *Field) *OutputArtifact {
	o := &OutputArtifact{Name: f.Name, Field: f}
	if !r.isMap(f.Value, "artifact "+f.Name) {
		return o
	}
	for _, x := range f.Value.Fields {
		switch x.Name {
		case "keyValue":
			o.KeyValue = r.keyValue(x)
		case "kopiaSnapshot":
			r.text(x.Value, "kopiaSnapshot")
			o.KopiaSnapshot = x
		default:
			o.Unknown = append(o.Unknown, x)
		}
	}
	return o
}

func (r *blueprintReader) keyValue(f *Field) []*Field {
	if !r.isMap(f.Value, "keyValue") {
		return nil
	}
	for _, x := range f.Value.Fields {
		r.text(x.Value, "keyValue."+x.Name)
	}
	return f.Value.Fields
}

func (r *blueprintReader) phase(v *Value) *BlueprintPhase {
	p := &BlueprintPhase{Value: v}
	if !r.isMap(v, "a phase") {
		return p
	}
	for _, g := range gatherArgs(v.Fields) {
		r.misplaced(g, g.Name)
		r.phaseField(p, g.Field)
	}
	if p.Func == "" {
		r.add(v.Errorf("the phase has no func").hint("say which function it calls"))
	}
	return p
}

func (r *blueprintReader) phaseField(p *BlueprintPhase, f *Field) {
	switch f.Name {
	case "name":
		p.Name, p.NamePos = r.text(f.Value, "name"), f.Value
	case "func":
		p.Func, p.FuncPos = r.text(f.Value, "func"), f.Value
	case "args":
		p.ArgsField = f
		if r.isMap(f.Value, "args") {
			p.Args = f.Value.Fields
			r.nulls(f.Value, "args")
		}
	case "objects":
		if r.isMap(f.Value, "objects") {
			p.Objects = f.Value.Fields
			r.objects(f.Value)
		}
	default:
		p.Unknown = append(p.Unknown, f)
	}
}

func (r *blueprintReader) objects(v *Value) {
	for _, o := range v.Fields {
		if !r.isMap(o.Value, "object "+o.Name) {
			continue
		}
		for _, f := range o.Value.Fields {
			r.text(f.Value, f.Name)
		}
	}
}

// nulls reports every null among the arguments: Kanister's controller dies of one.
func (r *blueprintReader) nulls(v *Value, path string) {
	for _, f := range v.Fields {
		at := path + "." + f.Name
		if f.Value.Kind == Null {
			r.add(f.errorf("%s is empty (null)", at).hint("give it a value or remove it"))
		}
		r.nulls(f.Value, at)
	}
	for _, item := range v.Items {
		if item.Kind == Null {
			r.add(item.Errorf("%s has an empty (null) item", path).hint("give it a value or remove it"))
		}
		r.nulls(item, path)
	}
}

// duplicates reports phase names that occur twice in the action: both would run
// with the arguments of the last.
func (r *blueprintReader) duplicates(a *BlueprintAction) {
	first := map[string]*BlueprintPhase{}
	for _, p := range a.AllPhases() {
		if p.Name == "" {
			continue
		}
		if q := first[p.Name]; q != nil {
			r.add(p.NamePos.Errorf("phase %q stands at line %d already", p.Name, q.NamePos.Line).hint("give it another name"))
			continue
		}
		first[p.Name] = p
	}
}

// normalKind maps an action's declared kind to the schema's. Kanister compares
// kinds without case and knows the resource's full name for PVC.
func normalKind(kind string) (string, bool) {
	switch strings.ToLower(kind) {
	case "statefulset":
		return "StatefulSet", true
	case "deployment":
		return "Deployment", true
	case "deploymentconfig":
		return "DeploymentConfig", true
	case "pvc", "persistentvolumeclaim":
		return "PVC", true
	case "namespace":
		return "Namespace", true
	case "any", "object":
		return strings.ToUpper(kind[:1]) + strings.ToLower(kind[1:]), true
	}
	return "", false
}
