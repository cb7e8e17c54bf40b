package vet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
)

// podOverrides checks the overrides of an action's phases against the spec of a pod. The
// schema leaves them open: it would be ten times its size.
func (a *cueAction) podOverrides() {
	for _, phase := range a.allPhases() {
		function, _ := a.unit.schema().Function(a.text(sub(phase, "func")...))
		at := sub(phase, "args", "podOverride")
		if _, has := function.Arg("podOverride"); !has || !a.has(sub(phase, "args"), "podOverride") {
			continue
		}
		a.podFields(at, "PodSpec")
	}
}

// allPhases lists the paths of the phases, the defer phase last.
func (a *cueAction) allPhases() [][]string {
	var paths [][]string
	for _, name := range a.phases {
		paths = append(paths, sub(a.path, "phases", name))
	}
	if a.has(a.path, "deferPhase") {
		paths = append(paths, sub(a.path, "deferPhase"))
	}
	return paths
}

// podFields checks the fields of what stands at a path against a type of podSpec.
func (a *cueAction) podFields(at []string, typ string) {
	fields := podSpec()[typ]
	for _, name := range a.given(at...) {
		path := sub(at, name)
		field, ok := fieldNamed(fields, name)
		switch {
		case strings.HasPrefix(name, "$"): // A directive of the merge.
		case ok:
			a.podField(path, field)
		default:
			f := Finding{Rule: rulePodOverride, Message: fmt.Sprintf("%s has no field %q", podTypeText(typ), name)}
			f = f.hint(name, "fields", podFieldNames(fields))
			if typ == "PodSpec" && ofContainer(name) {
				f.Suggestion = "it is a field of a container: write it in `containers`"
			}
			a.podFinding(path, true, f)
		}
	}
}

func (a *cueAction) podField(path []string, field podField) {
	v := a.lookup(path...)
	switch {
	case v.IncompleteKind() == cue.NullKind:
	case field.list:
		a.podList(path, field)
	case field.dict && a.podKind(path, "map", cue.StructKind):
		for _, name := range a.given(path...) {
			a.podValue(sub(path, name), field.typ)
		}
	case !field.dict:
		a.podValue(path, field.typ)
	}
}

func (a *cueAction) podList(path []string, field podField) {
	if !a.podKind(path, "list", cue.ListKind) {
		return
	}
	for i, item := range givenItems(a.lookup(path...)) {
		at := sub(path, strconv.Itoa(i))
		a.podValue(at, field.typ)
		names := givenFields(item)
		if field.key != "" && item.IncompleteKind() == cue.StructKind && item.Err() == nil && !slices.Contains(names, field.key) && !slices.Contains(names, "$patch") && !misspelt(field.key, names) {
			a.podFinding(at, false, Finding{
				Rule:       rulePodOverride,
				Message:    fmt.Sprintf("this item of %s has no %s, by which it is merged with the pod's own", field.name, field.key),
				Suggestion: fmt.Sprintf("add `%s: …`", field.key),
			})
		}
	}
}

// podValue checks a single value.
func (a *cueAction) podValue(path []string, typ string) {
	if values := podChoices(typ); values != nil {
		a.podChoice(path, values)
		return
	}
	switch typ {
	case "any":
	case "string":
		a.podKind(path, typ, cue.StringKind)
	case "bool":
		a.podKind(path, typ, cue.BoolKind)
	case "int":
		a.podKind(path, typ, cue.IntKind)
	case "scalar":
		a.podKind(path, "int or string", cue.IntKind|cue.StringKind)
	case "quantity":
		a.podKind(path, "an amount such as 500Mi or 2G", cue.NumberKind|cue.StringKind)
	default:
		if a.podKind(path, "map", cue.StructKind) {
			a.podFields(path, typ)
		}
	}
}

// podKind reports a value that is of no such kind whatever the run brings. It says whether
// it is of that kind.
func (a *cueAction) podKind(path []string, expected string, kinds cue.Kind) bool {
	v := a.lookup(path...)
	kind := v.IncompleteKind()
	if kind == cue.BottomKind || kind&kinds != 0 {
		return kind != cue.BottomKind
	}
	found := kindText(kind)
	if node := a.valueNode(path...); node != nil {
		if places := locate(a.files, path); literalText(places[0].value) != "" {
			found = literalText(places[0].value)
		}
	}
	a.podFinding(path, false, Finding{
		Rule:     rulePodOverride,
		Message:  fmt.Sprintf("%s: expected %s, found %s", podFieldPath(pathText(path)), expected, found),
		Expected: expected,
		Found:    found,
	})
	return false
}

// podFinding places a finding at a field's name or value, or else at the phase: what a
// function makes is nowhere to be seen.
func (a *cueAction) podFinding(path []string, label bool, f Finding) {
	o := &cueOutliner{cueChecker: a.cueChecker, path: a.path}
	for n := len(path); n > len(a.path); n-- {
		places := o.find(path[:n])
		if len(places) == 0 {
			continue
		}
		if label || n < len(path) {
			a.addAt(places[0].label(), path, f)
		} else {
			a.addAt(places[0].value, path, f)
		}
		return
	}
	a.addAt(a.labelNode(a.path...), path, f)
}
