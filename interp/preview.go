package interp

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
)

// A Preview is what is known of a phase before anything runs.
type Preview struct {
	Phase *Phase
	Waits []Wait
	// Args and Objects as far as they are known. In the place of what is not known stands
	// what it will be read from, in angle brackets: <backupID of phase dump>.
	Args    map[string]any
	Objects map[string]any
	// Unknown lists what is not known.
	Unknown []Unknown
}

// An Unknown is a place in the arguments whose value is not known yet.
type Unknown struct {
	// At is the place below the arguments: command[2].
	At string
	// From says what the value is read from, as it stands in angle brackets. It is empty if
	// that cannot be told, and then the whole value is "<not known yet>".
	From []string

	vague bool // the whole value could not be evaluated
}

// notKnown stands for a value whose source cannot be told.
const notKnown = "<not known yet>"

// A previewer evaluates the phases of a plan with placeholders.
type previewer struct {
	plan  *Plan
	state *State
	// numbers stand for outputs that are numbers, until a value shows where they went.
	numbers map[int64]string
	// marks are all placeholders.
	marks map[string]bool
	// unrendered are templates that do not render without what is not known yet.
	unrendered map[string]bool
	// profile is the profile as JSON, which is too long to be shown.
	profile string
	// readsAt finds the inputs that are read at a place of the blueprint.
	readsAt func(token.Pos) [][]string
}

// A renderer renders a Go template.
type renderer = func(text string, p *compat.Params) (string, error)

// preview evaluates all phases of a plan, the defer phase last, as far as that is possible
// before it runs. It returns the artifacts as well.
func (b *Blueprint) preview(p *Plan, params *compat.Params, render renderer) (all []Preview, artifacts Preview) {
	v := &previewer{plan: p, state: p.NewState(params, render), numbers: map[int64]string{}, marks: map[string]bool{}, unrendered: map[string]bool{}, readsAt: b.readsAt}
	if params.Profile != nil {
		text, _ := json.Marshal(params.Profile) // it was marshalled for the plan already
		v.profile = string(text)
	}
	phases := p.Phases
	if p.Defer != nil {
		phases = append(slices.Clone(phases), p.Defer)
	}
	for _, ph := range phases {
		v.expect(ph)
	}
	for _, ph := range phases {
		all = append(all, v.phase(ph))
	}
	if p.artifacts != nil {
		artifacts.Args = v.fields(p.artifacts, "", &artifacts.Unknown)
	}
	return all, artifacts
}

// expect puts placeholders in the place of what a phase will give.
func (v *previewer) expect(ph *Phase) {
	entry := v.state.phase(ph.Name)
	given := entry.Output
	entry.Output = map[string]any{}
	for key, kind := range ph.Outputs {
		entry.Output[key] = v.output(ph, key, kind)
	}
	maps.Copy(entry.Output, given)
	v.expectObjects(ph, entry)
	for _, ref := range ph.Reads() {
		// A template may read outputs that nobody declared.
		if other := v.state.phase(ref.Phase); ref.Kind == OutputRef && ref.Phase != "" && ref.Key != "" && other.Output[ref.Key] == nil {
			if other.Output == nil {
				other.Output = map[string]any{}
			}
			other.Output[ref.Key] = v.mark("%s of phase %s", ref.Key, ref.Phase)
		}
	}
}

// mark makes a placeholder.
func (v *previewer) mark(format string, args ...any) string {
	text := "<" + fmt.Sprintf(format, args...) + ">"
	v.marks[text] = true
	return text
}

// Numbers that stand for outputs begin with firstNumber, which few blueprints have.
const (
	firstNumber = 1_731_000_000
	nextNumber  = 1_000_003
)

// output is the placeholder of an output.
func (v *previewer) output(ph *Phase, key string, kind cue.Kind) any {
	text := v.mark("%s of phase %s", key, ph.Title())
	switch {
	case kind&cue.StringKind != 0:
		return text
	case kind&cue.NumberKind != 0:
		n := firstNumber + nextNumber*int64(len(v.numbers))
		v.numbers[n] = text
		return n
	default:
		return true
	}
}

// names are the fields that an expression reads somewhere: which of an object's keys it
// reads need not be declared.
var names = regexp.MustCompile(`\.([A-Za-z_]\w*)|\["([^"\\]+)"\]|"([^"\\]+)" in`)

// expectObjects puts placeholders in the place of the objects that a phase reads.
func (v *previewer) expectObjects(ph *Phase, entry *compat.Phase) {
	keys := map[string]bool{}
	for _, other := range append(slices.Clone(v.plan.Phases), ph) {
		for _, m := range names.FindAllStringSubmatch(other.args.src, -1) {
			keys[m[1]+m[2]+m[3]] = true
		}
		for _, ref := range other.Reads() {
			keys[ref.Field] = true
			for _, key := range strings.Split(ref.Key, ".") {
				keys[key] = true
			}
		}
	}
	objects, _ := v.objects(ph)
	for name, o := range objects {
		kind := "Secret"
		if o.Kind == "ConfigMap" {
			kind = o.Kind
		}
		meta := compat.Meta{Name: o.Name, Namespace: o.Namespace}
		text, data := map[string]string{}, map[string][]byte{}
		for key := range keys {
			text[key] = v.mark("%s of %s %s", key, kind, strings.TrimPrefix(o.Namespace+"/"+o.Name, "/"))
			data[key] = []byte(text[key])
		}
		if kind == "ConfigMap" {
			put(&entry.ConfigMaps, name, compat.ConfigMap{Meta: meta, Data: text})
		} else {
			put(&entry.Secrets, name, compat.Secret{Meta: meta, Data: data})
		}
	}
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// objects are the objects that a phase names.
func (v *previewer) objects(ph *Phase) (map[string]ObjectRef, error) {
	objects := map[string]ObjectRef{}
	if ph.objects == nil {
		return objects, nil
	}
	err := v.state.decode(ph.objects, ph.Name, &objects)
	return objects, err
}

// phase evaluates one phase.
func (v *previewer) phase(ph *Phase) Preview {
	out := Preview{Phase: ph, Waits: v.plan.Waits(ph), Args: map[string]any{}}
	if ph.Name == deferName {
		out.Waits = nil
	}
	if ph.objects != nil {
		out.Objects = v.fields(ph.objects, "objects.", &out.Unknown)
	}
	out.Args = v.fields(ph.args, "", &out.Unknown)
	return out
}

// fields evaluates the fields of an expression, each by itself: one that is not known yet
// must not hide the others.
func (v *previewer) fields(e *expression, at string, unknown *[]Unknown) map[string]any {
	out := map[string]any{}
	value, err := v.evaluated(e)
	if err != nil {
		*unknown = append(*unknown, Unknown{At: strings.TrimSuffix(at, "."), From: v.sources(e), vague: true})
		return out
	}
	each(value, func(name string, field cue.Value) {
		out[name] = v.value(field, at+name, e, unknown)
	})
	each(e.value, func(name string, _ cue.Value) {
		if _, ok := out[name]; !ok {
			out[name] = v.missing(at+name, e, unknown)
		}
	})
	return out
}

// evaluated is the expression as far as it can be evaluated.
func (v *previewer) evaluated(e *expression) (cue.Value, error) {
	switch {
	case e.constant:
		return e.value, nil
	case e.tree != nil:
		value, _ := e.bindInTree(v.plan.markers.ctx, v.orTemplate) // what is missing is shown as such
		return value, nil
	}
	src, _, err := e.filled(v.state.lookup)
	if err != nil {
		// A template that does not render without what is not known yet.
		src, _, err = e.filled(v.orTemplate)
	}
	if err != nil {
		return cue.Value{}, err
	}
	value, _ := e.evaluate(v.plan.markers.ctx, src, v.state.lookup)
	return value, nil
}

// orTemplate leaves a template as it is if it does not render.
func (v *previewer) orTemplate(ref Ref) (any, bool, error) {
	value, ok, err := v.state.lookup(ref)
	if ref.Kind == TemplateRef && err != nil {
		v.unrendered[ref.Template] = true
		return ref.Template, true, nil
	}
	return value, ok, err
}

// value is a field as far as it is known.
func (v *previewer) value(field cue.Value, at string, e *expression, unknown *[]Unknown) any {
	if d, ok := field.Default(); ok {
		field = d
	}
	switch field.IncompleteKind() {
	case cue.StructKind:
		out := map[string]any{}
		each(field, func(name string, x cue.Value) { out[v.shown(name)] = v.value(x, at+"."+name, e, unknown) })
		return out
	case cue.ListKind:
		items, err := field.List()
		if err != nil {
			return v.missing(at, e, unknown)
		}
		out := []any{}
		for i := 0; items.Next(); i++ {
			out = append(out, v.value(items.Value(), at+"["+strconv.Itoa(i)+"]", e, unknown))
		}
		return out
	}
	if field.Validate(cue.Concrete(true)) != nil {
		return v.missing(at, e, unknown)
	}
	var plain any
	if err := field.Decode(&plain); err != nil {
		return v.missing(at, e, unknown)
	}
	return v.known(plain, at, unknown)
}

// known shows a value, and notes what of it is not known.
func (v *previewer) known(plain any, at string, unknown *[]Unknown) any {
	switch x := plain.(type) {
	case int:
		plain = v.number(int64(x), plain)
	case int64:
		plain = v.number(x, plain)
	case string:
		plain = v.shown(x)
	}
	text, ok := plain.(string)
	if !ok {
		return plain
	}
	from, whole := v.templated(text)
	if from = append(from, v.marked(text)...); whole || len(from) > 0 {
		*unknown = append(*unknown, Unknown{At: at, From: from, vague: whole})
	}
	return text
}

// templated tells whether a template that could not be rendered stands in a text, and what
// it reads of the inputs.
func (v *previewer) templated(text string) (from []string, found bool) {
	for template := range v.unrendered {
		if strings.Contains(text, template) {
			r := &readFinder{seen: map[string]bool{}}
			r.template(strconv.Quote(template))
			for _, path := range r.paths {
				from = append(from, inputMark(path...))
			}
			found = true
		}
	}
	slices.Sort(from)
	return from, found
}

// number is the placeholder that a number stands for, or other.
func (v *previewer) number(n int64, other any) any {
	if text, ok := v.numbers[n]; ok {
		return text
	}
	return other
}

// shown is a text with placeholders for the numbers and the profile in it.
func (v *previewer) shown(text string) string {
	for n, mark := range v.numbers {
		text = strings.ReplaceAll(text, strconv.FormatInt(n, 10), mark)
	}
	if v.profile != "" {
		text = strings.ReplaceAll(text, v.profile, "<input.profile.json>")
	}
	return text
}

// mentioned finds what may be a placeholder in a text.
var mentioned = regexp.MustCompile(`<[^<>\n]+>`)

// marked are the placeholders in a text.
func (v *previewer) marked(text string) []string {
	var found []string
	for _, m := range mentioned.FindAllString(text, -1) {
		if (v.marks[m] || strings.HasPrefix(m, "<input.")) && !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	return found
}

// missing is what stands for a value that cannot be evaluated yet.
func (v *previewer) missing(at string, e *expression, unknown *[]Unknown) string {
	from := v.sources(e)
	for _, path := range v.readsAt(userPos(e.at(steps(at)))) {
		from = append(from, inputMark(path...))
	}
	*unknown = append(*unknown, Unknown{At: at, From: from, vague: true})
	if len(from) == 0 {
		return notKnown
	}
	return "<from " + strings.NewReplacer("<", "", ">", "").Replace(strings.Join(from, ", ")) + ">"
}

// steps are those of a place below the arguments: command[2] is command and 2.
func steps(at string) []string {
	return strings.FieldsFunc(strings.TrimPrefix(at, "objects."), func(c rune) bool { return c == '.' || c == '[' || c == ']' })
}

// sources are what an expression reads of phases.
func (v *previewer) sources(e *expression) []string {
	var from []string
	for _, ref := range e.reads() {
		text := ""
		switch {
		case ref.Kind == OutputRef && ref.Key != "":
			text = fmt.Sprintf("<%s of phase %s>", ref.Key, ref.Phase)
		case ref.Kind == OutputRef:
			text = fmt.Sprintf("<outputs of phase %s>", ref.Phase)
		}
		if text != "" && !slices.Contains(from, text) {
			from = append(from, text)
		}
	}
	return from
}
