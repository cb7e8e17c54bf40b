package interp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
)

// A Plan is one action with its inputs filled in: what there is to run and what
// waits for what.
type Plan struct {
	Blueprint string
	Action    string
	// Kind of object that the action works on.
	Kind string
	// Phases in the order written.
	Phases []*Phase
	// Defer runs after the phases, whatever happened. It may be nil.
	Defer *Phase
	// SecretOptions are the options that the blueprint marks as secret.
	SecretOptions []string

	artifacts *expression
	markers   *markers
	// outputs holds the declared outputs of each phase: markers hide their kinds.
	outputs map[string]map[string]cue.Kind
	// openings are the conditions that are not decided yet: see decide.go.
	openings
	// file of the blueprint, and its root with the inputs filled in.
	file   string
	filled cue.Value
	tree   *tree
	// written are the places of phases: to find one costs more than anything else that is
	// asked of a phase.
	written map[string]token.Pos
	// reuses says whether the blueprint has places that count more than once: see verify.
	reuses bool
}

// A Phase of a plan.
type Phase struct {
	Name string
	Func string
	// After are the phases to wait for, in the order written.
	After []string
	// InOrder says that these are all the phases written before, because the
	// blueprint has no `after`, and nothing else.
	InOrder bool
	// Undecided says that the phase cannot be started before outputs that decide
	// about it are known: see Plan.Open.
	Undecided bool
	// Timeout is 0 when the blueprint sets none.
	Timeout time.Duration
	// Attempts in all, at least 1; Backoff is the pause before the second.
	Attempts int
	Backoff  time.Duration
	// Outputs that the blueprint or the function's schema declares, with their types.
	Outputs map[string]cue.Kind
	// Pos is where the phase is written.
	Pos token.Pos

	// named are the phases of its `after`; nil without one.
	named   []string
	title   string
	args    *expression
	objects *expression
}

// ErrNoAction says that the blueprint has no action of that name.
var ErrNoAction = errors.New("no such action")

// ErrNoObject says that the action works on an object of a kind that was not given.
var ErrNoObject = errors.New("no such object was given")

// Plan fills in the inputs of an action and finds what each phase waits for.
func (b *Blueprint) Plan(action string, params *compat.Params) (*Plan, error) {
	root, err := b.runnable()
	if err != nil {
		return nil, err
	}
	at := cue.MakePath(append(b.path.Selectors(), cue.Str("actions"), cue.Str(action))...)
	v := root.LookupPath(at)
	if !v.Exists() {
		return nil, fmt.Errorf("%s: %w: %q; the blueprint has %s", b.File, ErrNoAction, action, strings.Join(b.Actions(), ", "))
	}
	if root, err = fillInput(root, v, params); err != nil {
		return nil, err
	}
	p := &Plan{Blueprint: b.Name(), Action: action, file: b.File, filled: root, reuses: b.reuses, markers: &markers{ctx: b.ctx, action: v.Path()}}
	if p.Kind, err = p.actionOf(root).LookupPath(cue.ParsePath("kind")).String(); err != nil {
		return nil, err
	}
	if err := checkObject(p.Kind, params); err != nil {
		return nil, fmt.Errorf("%s: action %s %w", b.File, action, err)
	}
	p.SecretOptions = secretOptions(v)
	return p, p.read()
}

// actionOf is the plan's action below root.
func (p *Plan) actionOf(root cue.Value) cue.Value { return root.LookupPath(p.markers.action) }

// read evaluates the action with its markers, and finds its phases.
func (p *Plan) read() error {
	p.outputs = map[string]map[string]cue.Kind{}
	marks, err := p.mark(p.actionOf(p.filled))
	if err != nil {
		return err
	}
	action := p.actionOf(p.filled.FillPath(p.markers.action, marks))
	if err := action.Validate(); err != nil {
		return located(err)
	}
	p.markers.marked, p.markers.outputs = action, p.outputs
	p.tree = &tree{markers: p.markers, root: p.filled}
	p.findOpen(action)
	if err := p.readPhases(action); err != nil {
		return fmt.Errorf("%s: action %s: %w", p.file, p.Action, err)
	}
	if err := p.verify(); err != nil {
		return fmt.Errorf("%s: action %s: %w", p.file, p.Action, err)
	}
	return p.order()
}

// Actions lists the names of the blueprint's actions in the order written.
func (b *Blueprint) Actions() []string {
	return fieldNames(b.Value.LookupPath(cue.ParsePath("actions")))
}

// Name of the blueprint.
func (b *Blueprint) Name() string {
	name, err := b.Value.LookupPath(cue.ParsePath("name")).String()
	if err != nil {
		return b.Field
	}
	return name
}

// fillInput unifies the action's input with the parameters, and returns the root.
func fillInput(root, action cue.Value, params *compat.Params) (cue.Value, error) {
	in, err := inputs(params)
	if err != nil {
		return cue.Value{}, err
	}
	want := action.LookupPath(cue.ParsePath("input"))
	for name := range in {
		if !want.Allows(cue.Str(name)) {
			delete(in, name)
		}
	}
	keepKnownArtifacts(want, in)
	at := cue.MakePath(append(action.Path().Selectors(), cue.Str("input"))...)
	filled := root.FillPath(at, in)
	if err := filled.LookupPath(at).Validate(); err != nil {
		return cue.Value{}, fmt.Errorf("inputs of action %s: %w", lastSelector(action.Path()), err)
	}
	return filled, nil
}

// checkObject says whether the object that was given is of the action's kind.
func checkObject(kind string, p *compat.Params) error {
	given := map[string]bool{
		"StatefulSet": p.StatefulSet != nil, "Deployment": p.Deployment != nil, "DeploymentConfig": p.DeploymentConfig != nil,
		"PVC": p.PVC != nil, "Namespace": p.Namespace != nil, "Object": p.Object != nil,
	}
	if is, known := given[kind]; known && !is {
		return fmt.Errorf("works on a %s, and %w: use --%s", kind, ErrNoObject, strings.ToLower(kind))
	}
	return nil
}

// keepKnownArtifacts drops artifacts that the action does not read: an older
// version of the backup action may have written more.
func keepKnownArtifacts(input cue.Value, in map[string]any) {
	given, ok := in["artifactsIn"].(map[string]any)
	if !ok {
		return
	}
	known := input.LookupPath(cue.ParsePath("artifactsIn"))
	for name, a := range given {
		if !known.Allows(cue.Str(name)) {
			delete(given, name)
			continue
		}
		one := known.LookupPath(cue.MakePath(cue.Str(name)))
		parts := a.(map[string]any)
		for part := range parts {
			if one.Exists() && !one.Allows(cue.Str(part)) {
				delete(parts, part)
			}
		}
		keys, ok := parts["keyValue"].(map[string]string)
		kv := one.LookupPath(cue.ParsePath("keyValue"))
		if !ok || !kv.Exists() {
			continue
		}
		kept := map[string]string{}
		for k, v := range keys {
			if kv.Allows(cue.Str(k)) {
				kept[k] = v
			}
		}
		parts["keyValue"] = kept
	}
}

// mark makes a value that has a marker for all that only becomes known during the
// run, to be filled into the action in one go.
func (p *Plan) mark(action cue.Value) (cue.Value, error) {
	p.markTemplates(action, "", nil)
	phases, err := p.phaseValues(action)
	if err != nil {
		return cue.Value{}, err
	}
	for _, ph := range phases {
		p.markPhase(ph.value, ph.name, []cue.Selector{cue.Str("phases"), cue.Str(ph.name)})
	}
	if d := action.LookupPath(cue.ParsePath("deferPhase")); d.Exists() {
		p.markPhase(d, deferName, []cue.Selector{cue.Str("deferPhase")})
	}
	if action.LookupPath(cue.ParsePath("outputArtifacts")).Exists() {
		p.markers.exported = append(p.markers.exported, []cue.Selector{cue.Str("outputArtifacts")})
	}
	return p.markers.value()
}

// deferName is the name that refs use for the defer phase.
const deferName = "(deferPhase)"

func (p *Plan) markPhase(phase cue.Value, name string, at []cue.Selector) {
	for _, field := range []string{"args", "objects"} {
		if phase.LookupPath(cue.ParsePath(field)).Exists() {
			p.markers.exported = append(p.markers.exported, append(slices.Clone(at), cue.Str(field)))
		}
	}
	p.markTemplates(phase, name, at)
	p.outputs[name] = map[string]cue.Kind{}
	each(phase.LookupPath(cue.ParsePath("output")), func(key string, v cue.Value) {
		p.outputs[name][key] = v.IncompleteKind()
		p.markers.add(Ref{Phase: name, Kind: OutputRef, Key: key}, v.IncompleteKind(), at, cue.Str("output"), cue.Str(key))
	})
	for _, kind := range []RefKind{SecretRef, ConfigMapRef} {
		each(phase.LookupPath(cue.MakePath(cue.Str(string(kind)))), func(object string, v cue.Value) {
			p.markData(Ref{Phase: name, Kind: kind, Key: object}, v.LookupPath(cue.ParsePath("data")), at)
		})
	}
}

// markData marks the data of an object: each key, where the author has declared
// keys, or else all of it at once, whatever it turns out to be.
func (p *Plan) markData(ref Ref, data cue.Value, at []cue.Selector) {
	below := []cue.Selector{cue.Str(string(ref.Kind)), cue.Str(ref.Key), cue.Str("data")}
	declared := false
	each(data, func(key string, v cue.Value) {
		declared = true
		one := ref
		one.Field = key
		one.Default, one.HasDefault = defaultText(v)
		p.markers.add(one, cue.StringKind, at, append(slices.Clone(below), cue.Str(key))...)
	})
	if !declared {
		p.markers.add(ref, cue.StructKind, at, below...)
	}
}

// defaultText is what a declared key has when the object lacks it.
func defaultText(v cue.Value) (string, bool) {
	d, ok := v.Default()
	if !ok {
		return "", false
	}
	text, err := d.String()
	return text, err == nil
}

// markTemplates finds the fields with a @gotmpl attribute right below v.
func (p *Plan) markTemplates(v cue.Value, phase string, at []cue.Selector) {
	it, err := v.Fields(cue.Hidden(true))
	if err != nil {
		return
	}
	for it.Next() {
		attr := it.Value().Attribute("gotmpl")
		if attr.Err() != nil {
			continue
		}
		text, err := attr.String(0)
		if err != nil {
			text = attr.Contents()
		}
		ref := Ref{Phase: phase, Kind: TemplateRef, Key: it.Selector().String(), Template: text}
		p.markers.add(ref, cue.StringKind, at, it.Selector())
	}
}

type namedValue struct {
	name  string
	value cue.Value
	pos   token.Pos
}

// phaseValues lists the phases of the plan's action in the order written. The places are
// those of its first evaluation.
func (p *Plan) phaseValues(action cue.Value) ([]namedValue, error) {
	if p.written == nil {
		p.written = map[string]token.Pos{}
	}
	return listPhases(action, func(name string, v cue.Value) token.Pos {
		if pos, ok := p.written[name]; ok {
			return pos
		}
		p.written[name] = userPos(v)
		return p.written[name]
	})
}

// phaseValues lists the phases in the order written.
func phaseValues(action cue.Value) ([]namedValue, error) {
	return listPhases(action, func(_ string, v cue.Value) token.Pos { return userPos(v) })
}

// listPhases lists the phases in the order written. CUE's own order puts fields of
// comprehensions first, so the position in the source decides.
func listPhases(action cue.Value, written func(string, cue.Value) token.Pos) ([]namedValue, error) {
	it, err := action.LookupPath(cue.ParsePath("phases")).Fields()
	if err != nil {
		return nil, err
	}
	var phases []namedValue
	for it.Next() {
		name := it.Selector().Unquoted()
		phases = append(phases, namedValue{name, it.Value(), written(name, it.Value())})
	}
	for _, p := range phases[min(1, len(phases)):] {
		if p.pos.Filename() != phases[0].pos.Filename() {
			return nil, fmt.Errorf("phases %s (%s) and %s (%s) are written in different files: their order is not clear; write all phases of an action in one file",
				phases[0].name, place(phases[0].pos), p.name, place(p.pos))
		}
	}
	slices.SortStableFunc(phases, func(a, b namedValue) int { return a.pos.Offset() - b.pos.Offset() })
	return phases, nil
}

// PhaseNames lists the phases of an action in the order written, as a plan has them. The
// error says that this order is not clear.
func PhaseNames(action cue.Value) ([]string, error) {
	phases, err := phaseValues(action)
	names := make([]string, len(phases))
	for i, p := range phases {
		names[i] = p.name
	}
	return names, err
}

// userPos is where the value is written by the author and not by the schema.
func userPos(v cue.Value) token.Pos {
	op, parts := v.Expr()
	if op != cue.AndOp {
		return v.Pos()
	}
	for _, part := range parts {
		if pos := part.Pos(); authored(pos) {
			return pos
		}
	}
	return v.Pos()
}
