package compat

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/schema"
)

// phaseFields is a phase whose fields are being written.
type phaseFields struct {
	field *cueField
	// path of the phase in the action.
	path  string
	phase *BlueprintPhase
	// extra are lets and hidden fields that the arguments and objects read.
	extra []*cueField
}

func (ac *actionConverter) phaseList() *cueField {
	out := &cueField{label: "phases", fields: []*cueField{}}
	if f := ac.action.Field.Value.Field("phases"); f != nil {
		out.comments = ac.take(f.Comments)
	}
	used := map[string]bool{}
	for i, p := range ac.action.Phases {
		name := ac.phaseName(p, i, used)
		out.fields = append(out.fields, ac.phase(p, name))
	}
	return out
}

// phaseName is the phase's key: its name, or one that is made up.
func (ac *actionConverter) phaseName(p *BlueprintPhase, i int, used map[string]bool) string {
	name := p.Name
	if name == "" {
		name = fmt.Sprintf("phase%d", i+1)
		ac.warn(p.Value.Errorf("the phase has no name: it is called %q in the CUE", name))
	}
	for n := 2; used[name]; n++ {
		name = fmt.Sprintf("%s%d", p.Name, n)
	}
	if p.Name != "" && name != p.Name {
		ac.warn(p.NamePos.Errorf("a second phase %q: it is called %q in the CUE", p.Name, name))
	}
	used[name] = true
	return name
}

func (ac *actionConverter) phase(p *BlueprintPhase, name string) *cueField {
	out := &cueField{label: cueLabel(name), comments: ac.take(p.Value.Comments)}
	if f := p.Value.Field("name"); f != nil {
		out.comments.Head = joinComments(out.comments.Head, allComments(f))
	}
	ac.phaseBody(out, cueSelect("phases", name), p)
	return out
}

func (ac *actionConverter) deferPhase() *cueField {
	p := ac.action.DeferPhase
	if p == nil {
		return nil
	}
	out := &cueField{label: "deferPhase", comments: ac.take(p.Value.Comments)}
	if f := p.Value.Field("name"); f != nil && p.Name != "" {
		out.fields = append(out.fields, &cueField{label: "name", expr: quoteText(p.Name), comments: f.Comments})
	}
	ac.phaseBody(out, "deferPhase", p)
	return out
}

// phaseBody fills a phase's struct.
func (ac *actionConverter) phaseBody(out *cueField, path string, p *BlueprintPhase) {
	for _, f := range p.Unknown {
		ac.warn(f.errorf("a phase has no field %s: it is left out", f.Name))
		ac.drop(f)
	}
	fn := &cueField{label: "func", expr: quoteText(p.Func)}
	if f := p.Value.Field("func"); f != nil {
		fn.comments = f.Comments
	}
	fn.comments = ac.take(fn.comments)
	out.fields = append(out.fields, fn)
	pf := &phaseFields{field: out, path: path, phase: p}
	ac.phases = append(ac.phases, pf)
	if objects := ac.objects(pf); objects != nil {
		out.fields = append(out.fields, objects)
	}
	args := ac.args(pf)
	out.fields = append(out.fields, pf.extra...)
	if args != nil {
		out.fields = append(out.fields, args)
	}
	if keys := ac.outputs(p); len(keys) > 0 {
		declared := &cueField{label: "output", fields: []*cueField{}}
		for _, k := range keys {
			declared.fields = append(declared.fields, &cueField{label: cueLabel(k), expr: "string"})
		}
		out.fields = append(out.fields, declared)
	}
}

func (ac *actionConverter) objects(pf *phaseFields) *cueField {
	f := pf.phase.Value.Field("objects")
	if f == nil || len(pf.phase.Objects) == 0 {
		ac.drop(f)
		return nil
	}
	out := &cueField{label: "objects", fields: []*cueField{}, comments: ac.take(f.Comments)}
	for _, o := range pf.phase.Objects {
		ref := &cueField{label: cueLabel(o.Name), fields: []*cueField{}, comments: ac.take(o.Comments)}
		for _, x := range o.Value.Fields {
			if sub := ac.objectField(pf, o, x); sub != nil {
				ref.fields = append(ref.fields, sub)
			}
		}
		out.fields = append(out.fields, ref)
	}
	return out
}

// objectField converts one field of an object reference. Exported files have
// empty ones, which say nothing.
func (ac *actionConverter) objectField(pf *phaseFields, o, x *Field) *cueField {
	out := &cueField{label: cueLabel(x.Name), comments: ac.take(x.Comments)}
	text, ok := x.Value.Text()
	switch {
	case ok && text == "" && x.Name != "name" || x.Value.Kind == Null:
		ac.pending = joinComments(out.comments.Head, out.comments.Line, out.comments.Foot)
		return nil
	case x.Name == "kind" && strings.EqualFold(text, "secret"):
		out.expr = `"Secret"`
	case x.Name == "kind" && strings.EqualFold(text, "configmap"):
		out.expr = `"ConfigMap"`
	case ok:
		out.expr = ac.string(x.Value, o.Name+"_"+x.Name, false, &pf.extra)
	default:
		out.expr = quoteText(x.Value.Str)
	}
	return out
}

// objectDefaults declares the keys of Secrets and ConfigMaps that are read as
// empty when they are missing. Where one key is declared, all that are read are.
func (ac *actionConverter) objectDefaults() {
	for _, pf := range ac.phases {
		byKind := map[string][]*cueField{}
		for _, o := range pf.phase.Objects {
			kind := objectKind(o)
			keys := ac.uses.data[objectData(pf.path, kind, o.Name)]
			if len(keys) == 0 {
				continue
			}
			data := &cueField{label: "data", fields: []*cueField{}}
			for _, k := range sortedKeys(keys) {
				data.fields = append(data.fields, &cueField{label: cueLabel(k), expr: `*"" | string`})
			}
			for _, k := range ac.otherKeys(pf.phase.Name, kind, o.Name, keys) {
				data.fields = append(data.fields, &cueField{label: cueLabel(k), expr: "string"})
			}
			byKind[kind] = append(byKind[kind], &cueField{label: cueLabel(o.Name), fields: []*cueField{data}})
		}
		for _, kind := range []string{"configMaps", "secrets"} {
			if fields := byKind[kind]; fields != nil {
				pf.insertAfterObjects(&cueField{label: kind, fields: fields})
			}
		}
	}
}

// otherKeys are the keys of an object's data that are read and are not among known.
func (ac *actionConverter) otherKeys(phase, kind, object string, known map[string]bool) []string {
	parameter := map[string]string{"secrets": "Secrets", "configMaps": "ConfigMaps"}[kind]
	found := map[string]bool{}
	for _, r := range ac.refs {
		n := r.Names()
		if len(n) > 5 && slices.Equal(n[:5], []string{"Phases", phase, parameter, object, "Data"}) && !r.Path[5].Computed && !known[n[5]] {
			found[n[5]] = true
		}
	}
	return sortedKeys(found)
}

func (pf *phaseFields) insertAfterObjects(f *cueField) {
	fields := pf.field.fields
	for i, x := range fields {
		if x.label == "objects" {
			pf.field.fields = append(fields[:i+1:i+1], append([]*cueField{f}, fields[i+1:]...)...)
			return
		}
	}
}

func (ac *actionConverter) args(pf *phaseFields) *cueField {
	p := pf.phase
	if p.ArgsField == nil {
		return nil
	}
	out := &cueField{label: "args", fields: []*cueField{}, comments: ac.take(p.ArgsField.Comments)}
	fn, known := schema.Function(p.Func)
	if !known {
		ac.warn(cmp.Or(p.FuncPos, p.Value).Errorf("unknown function %q: its arguments are as given", p.Func))
	}
	for _, f := range p.Args {
		name := f.Name
		if canonical := fn.Canonical(name); p.Arg(canonical) == nil {
			name = canonical
		}
		arg, found := fn.Arg(name)
		if known && !found {
			ac.warn(f.errorf("%s has no argument %s", p.Func, f.Name))
		}
		v := &argConverter{actionConverter: ac, pf: pf, arg: name, literal: literalArg(p.Func, name)}
		item := v.value(f.Value, arg.Value)
		out.fields = append(out.fields, &cueField{
			label: cueLabel(name), expr: item.expr, fields: item.fields, items: item.items, comments: ac.take(f.Comments),
		})
	}
	return out
}

// argConverter converts the value of one argument.
type argConverter struct {
	*actionConverter
	pf  *phaseFields
	arg string
	// literal strings are not templates.
	literal bool
}

// kindsOf are the kinds that a constraint takes; without one, all.
func kindsOf(constraint cue.Value) cue.Kind {
	if !constraint.Exists() {
		return cue.TopKind
	}
	return constraint.IncompleteKind()
}

// value converts v for a place with that constraint: in the ways that Kanister
// decodes it, a string makes a list of one string, an integer text, and so on.
func (c *argConverter) value(v *Value, constraint cue.Value) *cueItem {
	constraint = schema.TypeOf(constraint)
	kinds := kindsOf(constraint)
	switch v.Kind {
	case Map:
		return c.fields(v, constraint)
	case List:
		items := []*cueItem{}
		elem := constraint.LookupPath(cue.MakePath(cue.AnyIndex))
		for _, item := range v.Items {
			converted := c.value(item, elem)
			converted.comments = item.Comments
			items = append(items, converted)
		}
		return &cueItem{items: items}
	}
	if kinds == cue.ListKind && v.Kind != Null {
		elem := c.value(v, constraint.LookupPath(cue.MakePath(cue.AnyIndex)))
		return &cueItem{items: []*cueItem{elem}}
	}
	if v.Kind == String {
		return &cueItem{expr: c.text(v, kinds)}
	}
	return &cueItem{expr: c.scalar(v, kinds)}
}

func (c *argConverter) fields(v *Value, constraint cue.Value) *cueItem {
	fields := []*cueField{}
	for _, f := range v.Fields {
		name, sub := subConstraint(constraint, f.Name)
		inner := *c
		inner.literal = c.literal && !isObjectReference(f.Name)
		item := inner.value(f.Value, sub)
		out := &cueField{label: cueLabel(name), expr: item.expr, fields: item.fields, items: item.items, comments: c.take(f.Comments)}
		if !c.literal && isTemplate(f.Name) {
			out.label = c.templateLabel(v, f)
		}
		fields = append(fields, out)
	}
	return &cueItem{fields: fields}
}

// subConstraint finds the constraint of a field, whose name is matched without
// case as Kanister's decoder does.
func subConstraint(constraint cue.Value, name string) (string, cue.Value) {
	if !constraint.Exists() {
		return name, cue.Value{}
	}
	it, err := constraint.Fields(cue.Optional(true))
	if err != nil {
		return name, cue.Value{}
	}
	for it.Next() {
		if label := it.Selector(); label.IsString() && strings.EqualFold(label.Unquoted(), name) {
			return label.Unquoted(), it.Value()
		}
	}
	return name, constraint.LookupPath(cue.MakePath(cue.AnyString))
}

// templateLabel is the label for a key that is a template.
func (c *argConverter) templateLabel(v *Value, f *Field) string {
	key := &Value{Kind: String, Str: f.Name, Line: f.Line, Column: f.Column, src: v.src}
	label := c.string(key, c.arg+"_key", false, &c.pf.extra)
	if strings.HasPrefix(label, `"`) {
		return label
	}
	return "(" + label + ")"
}

// text converts a string for a place that takes those kinds.
func (c *argConverter) text(v *Value, kinds cue.Kind) string {
	plain := c.literal || !isTemplate(v.Str)
	switch {
	case plain && kinds&cue.StringKind == 0 && c.spelled(v.Str, kinds) != "":
		return c.spelled(v.Str, kinds)
	case plain:
		return quoteText(v.Str)
	case kinds == cue.BoolKind:
		c.uses.imports["strconv"] = true
		text := c.string(v, c.arg, false, &c.pf.extra)
		// Empty text means false.
		return "[if " + text + ` == "" {false}, if ` + text + ` != "" {strconv.ParseBool(` + text + ")}][0]"
	}
	return c.string(v, c.hiddenName(v), kinds == cue.IntKind, &c.pf.extra)
}

// spelled reads text that spells an integer or boolean; "" if it does not.
func (c *argConverter) spelled(text string, kinds cue.Kind) string {
	switch kinds {
	case cue.IntKind:
		if n, err := strconv.Atoi(text); err == nil {
			return strconv.Itoa(n)
		}
	case cue.BoolKind:
		switch text {
		case "1", "t", "T", "TRUE", "true", "True":
			return "true"
		case "", "0", "f", "F", "FALSE", "false", "False":
			return "false"
		}
	}
	return ""
}

// hiddenName names a template that is kept: a script is called that.
func (c *argConverter) hiddenName(v *Value) string {
	if strings.Contains(v.Str, "\n") {
		return "script"
	}
	return c.arg
}

// scalar converts a value that is no string.
func (c *argConverter) scalar(v *Value, kinds cue.Kind) string {
	switch v.Kind {
	case Bool:
		return boolFor(v.Bool, kinds)
	case Int:
		return intFor(v.Int, kinds)
	case Float:
		text := formatFloat(v.Float)
		if kinds == cue.StringKind {
			return quoteText(text)
		}
		return text
	}
	c.warn(v.Errorf("%s is empty (null)", c.arg))
	return "null"
}
