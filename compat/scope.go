package compat

import (
	"regexp"
	"strconv"
	"strings"
)

// actionScope is what the templates of an action can see, and how they read it.
type actionScope struct {
	// phaseFuncs are the functions that the phases call, by phase.
	phaseFuncs map[string]string
	hasDefer   bool
	deferFunc  string
	// strict are the paths whose value must exist.
	strict map[string]bool
	// declared are the structs of the data of objects that phases declare.
	declared map[string]bool
	// canLet says that there is a place for lets before the present string.
	canLet bool
	// taken counts the names of lets and hidden fields, so that none occurs twice.
	taken map[string]int
	// countsOptions says that a template asks whether there are any options, so
	// that none may be declared.
	countsOptions bool
}

// templateText is a string of an action that Kanister renders.
type templateText struct {
	text string
	// value has the position: of the string, or of the map whose key it is.
	value *Value
	phase *BlueprintPhase
}

// eachText calls visit for every string of the action that Kanister renders.
func (a *BlueprintAction) eachText(visit func(templateText)) {
	for _, p := range a.AllPhases() {
		for _, f := range p.Args {
			textsIn(f.Value, literalArg(p.Func, f.Name), p, visit)
		}
		for _, f := range p.Objects {
			textsIn(f.Value, false, p, visit)
		}
	}
	for _, o := range a.OutputArtifacts {
		for _, f := range o.KeyValue {
			textsIn(f.Value, false, nil, visit)
		}
		if o.KopiaSnapshot != nil {
			textsIn(o.KopiaSnapshot.Value, false, nil, visit)
		}
	}
}

// literalArg says whether an argument is not rendered: the two Wait functions
// have a template language of their own.
func literalArg(function, arg string) bool {
	return isWait(function) && arg == "conditions"
}

func isObjectReference(field string) bool { return strings.EqualFold(field, "objectReference") }

func isWait(function string) bool { return function == "Wait" || function == "WaitV2" }

// textsIn visits v. In a literal value only the object references are rendered.
func textsIn(v *Value, literal bool, p *BlueprintPhase, visit func(templateText)) {
	if v.Kind == String && !literal {
		visit(templateText{v.Str, v, p})
	}
	for _, item := range v.Items {
		textsIn(item, literal, p, visit)
	}
	for _, f := range v.Fields {
		if !literal && isTemplate(f.Name) {
			visit(templateText{f.Name, v, p})
		}
		textsIn(f.Value, literal && !isObjectReference(f.Name), p, visit)
	}
}

func isTemplate(text string) bool { return strings.Contains(text, "{{") }

// references are all that the templates of an action read. Those of a template
// that does not parse are not known.
func (a *BlueprintAction) references() []TemplateRef {
	var refs []TemplateRef
	a.eachText(func(t templateText) {
		if !isTemplate(t.text) {
			return
		}
		if use, err := TemplateRefs(t.text); err == nil {
			refs = append(refs, use.Refs...)
		}
	})
	return refs
}

// newScope looks at the whole action first: how a key is read in one place
// decides how it can be written in another.
func newScope(a *BlueprintAction) *actionScope {
	s := &actionScope{
		phaseFuncs: map[string]string{}, strict: map[string]bool{}, declared: map[string]bool{},
		canLet: true, taken: map[string]int{},
	}
	for _, p := range a.Phases {
		s.phaseFuncs[p.Name] = p.Func
		s.declare(cueSelect("phases", p.Name), p)
	}
	if a.DeferPhase != nil {
		s.hasDefer, s.deferFunc = true, a.DeferPhase.Func
		s.declare("deferPhase", a.DeferPhase)
	}
	strict := map[string]bool{}
	a.eachText(func(t templateText) {
		if !isTemplate(t.text) {
			return
		}
		if _, uses, err := s.translate(t.text, false); err == nil {
			for path := range uses.strict {
				strict[path] = true
			}
			s.countsOptions = s.countsOptions || uses.countsOptions
		}
	})
	s.strict, s.taken = strict, map[string]int{}
	return s
}

var notInLabel = regexp.MustCompile(`[^A-Za-z0-9_]+`)

// hiddenLabel makes a name for a hidden field that is not yet taken in the action.
func (s *actionScope) hiddenLabel(name string) string {
	return s.unique("_" + notInLabel.ReplaceAllString(name, "_"))
}

// unique puts a number behind a name that is taken.
func (s *actionScope) unique(name string) string {
	s.taken[name]++
	if n := s.taken[name]; n > 1 {
		name += strconv.Itoa(n)
	}
	return name
}

func (s *actionScope) declare(phase string, p *BlueprintPhase) {
	for _, o := range p.Objects {
		if kind := objectKind(o); kind != "" {
			s.declared[objectData(phase, kind, o.Name)] = true
		}
	}
}

// objectKind is the struct that an object stands in: secrets or configMaps.
func objectKind(o *Field) string {
	kind, ok := o.Value.Get("kind").Text()
	switch {
	case strings.EqualFold(kind, "ConfigMap"):
		return "configMaps"
	case strings.EqualFold(kind, "Secret"), !ok || kind == "":
		return "secrets"
	}
	return ""
}

func objectData(phase, kind, object string) string {
	return cueSelect(phase+"."+kind, object) + ".data"
}
