package compat

import (
	"slices"
	"strings"
)

// The fields of an action and of a phase. Standing where an action or an argument
// belongs, they show that lines are not indented enough.
var (
	actionKeys = []string{"name", "kind", "type", "phases", "deferPhase", "outputArtifacts",
		"inputArtifactNames", "secretNames", "configMapNames"}
	phaseKeys = []string{"name", "func", "args", "objects"}
)

// gathered is a field, with those that stand beside it and belong inside of it.
type gathered struct {
	*Field
	// strays are the fields that belong inside.
	strays []*Field
}

// gatherFields finds fields of the given names between the others, and gives them
// to the field before them if that is empty or a map:
//
//	delete:
//	kind: Namespace
//	phases: []
func gatherFields(fields []*Field, names []string) []gathered {
	var all []gathered
	for _, f := range fields {
		last := len(all) - 1
		if last >= 0 && slices.Contains(names, f.Name) && !isAction(f.Value) && all[last].takes(f) {
			all[last].strays = append(all[last].strays, f)
			continue
		}
		all = append(all, gathered{Field: f})
	}
	for i := range all {
		all[i].include()
	}
	return all
}

// gatherArgs finds arguments beside an empty args.
func gatherArgs(fields []*Field) []gathered {
	var all []gathered
	args := -1
	for _, f := range fields {
		if f.Name == "args" && f.Value.Kind == Null {
			args = len(all)
		}
		if args >= 0 && !slices.Contains(phaseKeys, f.Name) {
			all[args].strays = append(all[args].strays, f)
			continue
		}
		all = append(all, gathered{Field: f})
	}
	if args >= 0 {
		all[args].include()
	}
	return all
}

func (g gathered) takes(f *Field) bool {
	return g.Value.Kind == Null || g.Value.Kind == Map && g.Value.Get(f.Name) == nil
}

// include puts the strays where they belong. The document itself stays as it is.
func (g *gathered) include() {
	if len(g.strays) == 0 {
		return
	}
	inside, outside := *g.Value, *g.Field
	inside.Kind = Map
	inside.Fields = append(slices.Clone(inside.Fields), g.strays...)
	outside.Value = &inside
	g.Field = &outside
}

// misplaced reports the strays of a field, all in one: they have one cause.
func (r *blueprintReader) misplaced(g gathered, what string) {
	if len(g.strays) == 0 {
		return
	}
	var names []string
	for _, f := range g.strays {
		names = append(names, f.Name)
	}
	verb := "stand"
	if len(names) == 1 {
		verb = "stands"
	}
	r.add(g.errorf("%s %s beside %s and not in it", strings.Join(names, ", "), verb, what).
		hint("indent what belongs to %s by two more spaces, from line %d on", g.Name, g.strays[0].Line))
}

// isAction tells whether v has the form of an action.
func isAction(v *Value) bool {
	phases := v.Get("phases")
	return phases != nil && phases.Kind == List || v.Get("deferPhase") != nil
}

// strayActions tells whether actions stand beside the field that they belong in.
func strayActions(root *Value) bool {
	return slices.ContainsFunc(root.Fields, func(f *Field) bool { return f.Name != "actions" && isAction(f.Value) })
}

// strayAction reads an action that stands beside the field actions.
func (r *blueprintReader) strayAction(b *Blueprint, f *Field) {
	r.add(f.errorf("%s stands beside actions and not in it, so the blueprint does not have this action", f.Name).
		hint("indent %s and what belongs to it by two more spaces, below actions", f.Name))
	b.Actions = append(b.Actions, r.action(gathered{Field: f}))
}
