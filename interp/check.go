package interp

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// Checked is what became of a comparison of a blueprint with its conversion.
type Checked struct {
	// Compared counts the values that were compared.
	Compared int `json:"compared"`
	// Differences has the first of each place.
	Differences []Difference `json:"differences"`
	// Unchecked are the places for which no generated parameters were such that the
	// function would take them.
	Unchecked []string `json:"unchecked"`
	// Changing are the values that are others each time they are rendered, as with
	// uuidv4 or now: there is nothing to compare with.
	Changing []string `json:"changing"`
}

// A Difference is a value that Kanister's engine and the conversion render
// differently.
type Difference struct {
	// Path of the value, such as actions.backup.phases.dump.args.image.
	Path string `json:"path"`
	// YAML and CUE are what each makes of it: a value, or why there is none.
	YAML any `json:"yaml"`
	CUE  any `json:"cue"`
	// Params show it, as `rescue render --params` takes them.
	Params *compat.Params `json:"params"`
}

// CheckConversion renders a blueprint with Kanister's engine, and its conversion as
// a run would, over as many generated parameters for each action as samples says.
func CheckConversion(name string, bp *compat.Blueprint, conv *compat.Conversion, samples int) (*Checked, error) {
	inst, err := convertedInstance(schema.Embedded(), name, conv.CUE)
	if err != nil {
		return nil, err
	}
	b, err := fromInstance(cuecontext.New(), inst, name, "")
	if err != nil {
		return nil, err
	}
	c := &checker{bp: b, out: Checked{Differences: []Difference{}, Changing: []string{}}, seen: map[string]bool{}, compared: map[string]bool{}}
	for _, a := range bp.Actions {
		for seed := range int64(samples) {
			c.action(a, compat.Sample(a, seed))
		}
	}
	c.out.Unchecked = c.unchecked()
	return &c.out, nil
}

type checker struct {
	bp  *Blueprint
	out Checked
	// seen are the places that were met, with whether they were compared.
	seen, compared map[string]bool
	params         *compat.Params
}

func (c *checker) unchecked() []string {
	places := slices.Sorted(maps.Keys(c.seen))
	return slices.DeleteFunc(places, func(p string) bool { return c.compared[p] })
}

func (c *checker) action(a *compat.BlueprintAction, params *compat.Params) {
	c.params = params
	at := "actions." + a.Key
	plan, err := c.bp.Plan(a.Key, params)
	if err != nil {
		c.unplanned(at, a, err)
		return
	}
	c.compared[at] = true
	state := plan.NewState(params, compat.Engine{}.Render)
	for i, p := range a.Phases {
		if i < len(plan.Phases) {
			c.phase(at+".phases."+plan.Phases[i].Name, p, plan.Phases[i], state)
		}
	}
	if a.DeferPhase != nil && plan.Defer != nil {
		c.phase(at+".deferPhase", a.DeferPhase, plan.Defer, state)
	}
	c.artifacts(at+".outputArtifacts", a, state)
}

// unplanned is a difference, unless Kanister cannot render the action either, or
// its functions would not take what it renders.
func (c *checker) unplanned(at string, a *compat.BlueprintAction, err error) {
	for _, p := range a.AllPhases() {
		for _, f := range p.Args {
			v, renderErr := (compat.Engine{}).RenderedArg(p, f, c.params)
			if renderErr != nil || !compat.FitsValue(v, constraintOf(p, f.Name)) {
				c.seen[at] = true
				return
			}
		}
	}
	c.report(at, "can be rendered", err)
}

func (c *checker) report(path string, yaml, native any) {
	c.compared[path] = true
	known := func(d Difference) bool { return d.Path == path }
	if !slices.ContainsFunc(c.out.Differences, known) {
		c.out.Differences = append(c.out.Differences, Difference{path, shown(yaml), shown(native), c.params})
	}
}

func shown(v any) any {
	if err, ok := v.(error); ok {
		return "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return v
}

// rendered are the values of one part of an action, by name.
type rendered map[string]any

// A part of an action: what Kanister renders of it, and what the conversion gives.
type part struct {
	at                 string
	yaml               rendered
	native             map[string]any
	yamlErr, nativeErr error
	// constraint of a value; nil where any text will do.
	constraint func(name string) cue.Value
	// again renders a value of the YAML once more.
	again func(name string) (any, error)
}

func (p part) of(name string) cue.Value {
	if p.constraint == nil {
		return cue.Value{}
	}
	return p.constraint(name)
}

func (c *checker) compare(p part) {
	c.seen[p.at] = true
	switch {
	case p.nativeErr != nil && !p.fits():
		return
	case p.nativeErr != nil && p.yamlErr == nil:
		c.report(p.at, "can be rendered", p.nativeErr)
	case p.nativeErr == nil && p.yamlErr != nil:
		c.report(p.at, p.yamlErr, "can be evaluated")
	}
	c.compared[p.at] = true
	if p.nativeErr != nil || p.yamlErr != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.yaml)) {
		c.out.Compared++
		if got, ok := p.native[name]; !ok {
			c.report(p.at+"."+name, p.yaml[name], "(nothing)")
		} else if !compat.SameDecoded(p.yaml[name], got, p.of(name)) {
			c.differs(p, name, got)
		}
	}
}

// differs reports a value, unless the YAML does not give the same twice either.
func (c *checker) differs(p part, name string, got any) {
	path := p.at + "." + name
	if again, err := p.again(name); err == nil && !compat.SameDecoded(p.yaml[name], again, p.of(name)) {
		if !slices.Contains(c.out.Changing, path) {
			c.out.Changing = append(c.out.Changing, path)
		}
		return
	}
	c.report(path, p.yaml[name], got)
}

// fits says whether the function would take what was rendered.
func (p part) fits() bool {
	for name, v := range p.yaml {
		if !compat.FitsValue(v, p.of(name)) {
			return false
		}
	}
	return true
}

func (c *checker) phase(at string, p *compat.BlueprintPhase, ph *Phase, state *State) {
	args, fields := rendered{}, map[string]*compat.Field{}
	var errs []error
	for _, f := range p.Args {
		v, err := (compat.Engine{}).RenderedArg(p, f, c.params)
		errs = append(errs, err)
		if err == nil {
			args[canonical(p, f.Name)], fields[canonical(p, f.Name)] = v, f
		}
	}
	got, err := state.Args(ph)
	constraint := func(name string) cue.Value { return constraintOf(p, name) }
	again := func(name string) (any, error) { return compat.Engine{}.RenderedArg(p, fields[name], c.params) }
	c.compare(part{at + ".args", args, got, errors.Join(errs...), err, constraint, again})
	c.objects(at, p, ph, state)
}

// canonical is the name that the conversion gives to an argument.
func canonical(p *compat.BlueprintPhase, name string) string {
	fn, _ := schema.Function(p.Func)
	if to := fn.Canonical(name); p.Arg(to) == nil {
		return to
	}
	return name
}

func (c *checker) objects(at string, p *compat.BlueprintPhase, ph *Phase, state *State) {
	want, texts := rendered{}, map[string]string{}
	var errs []error
	for _, o := range p.Objects {
		for _, f := range o.Value.Fields {
			if text, ok := f.Value.Text(); ok && text != "" && (f.Name == "name" || f.Name == "namespace") {
				v, err := (compat.Engine{}).Render(text, c.params)
				errs = append(errs, err)
				want[o.Name+"."+f.Name], texts[o.Name+"."+f.Name] = v, text
			}
		}
	}
	if len(want) == 0 {
		return
	}
	refs, err := state.Objects(ph)
	got := map[string]any{}
	for name, ref := range refs {
		got[name+".name"], got[name+".namespace"] = ref.Name, ref.Namespace
	}
	again := func(name string) (any, error) { return compat.Engine{}.Render(texts[name], c.params) }
	c.compare(part{at + ".objects", want, got, errors.Join(errs...), err, nil, again})
}

func (c *checker) artifacts(at string, a *compat.BlueprintAction, state *State) {
	want, values := rendered{}, map[string]*compat.Value{}
	var errs []error
	add := func(name string, v *compat.Value) {
		text, err := (compat.Engine{}).RenderValue(v.Any(), c.params)
		errs = append(errs, err)
		want[name], values[name] = text, v
	}
	for _, o := range a.OutputArtifacts {
		for _, k := range o.KeyValue {
			add(o.Name+".keyValue."+k.Name, k.Value)
		}
		if o.KopiaSnapshot != nil {
			add(o.Name+".kopiaSnapshot", o.KopiaSnapshot.Value)
		}
	}
	if len(want) == 0 {
		return
	}
	artifacts, err := state.Artifacts()
	got := map[string]any{}
	for name, artifact := range artifacts {
		for k, v := range artifact.KeyValue {
			got[name+".keyValue."+k] = v
		}
		got[name+".kopiaSnapshot"] = artifact.KopiaSnapshot
	}
	again := func(name string) (any, error) { return compat.Engine{}.RenderValue(values[name].Any(), c.params) }
	c.compare(part{at, want, got, errors.Join(errs...), err, nil, again})
}

// constraintOf is what the function takes for an argument.
func constraintOf(p *compat.BlueprintPhase, name string) cue.Value {
	fn, _ := schema.Function(p.Func)
	arg, _ := fn.Arg(fn.Canonical(name))
	return schema.TypeOf(arg.Value)
}
