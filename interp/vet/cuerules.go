package vet

import (
	"fmt"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/schema"
)

// rules finds what the types of the schema cannot.
func (c *cueChecker) rules() {
	blueprints := c.blueprints()
	for _, field := range blueprints {
		if !c.typed(field) {
			if c.reported(field) {
				continue
			}
			c.addAt(c.labelNode(field), []string{field}, Finding{
				Rule:       ruleNoBlueprint,
				Message:    fmt.Sprintf("field %q looks like a blueprint, but is not checked: it does not unify with the schema", field),
				Suggestion: fmt.Sprintf("import %q and write %s: schema.#Blueprint & {…}", schema.Module+"/schema", field),
			})
			continue
		}
		c.requiredFields(field)
		c.blueprintRules(field)
		c.absentFields(field)
	}
	c.operands()
	if len(blueprints) == 0 && len(c.findings) == 0 && !c.unit.Library {
		c.add(whole(c.unit.Files[0].Name, ruleNoBlueprint, "there is no blueprint here", blueprintAdvice))
	}
}

// reported tells whether something was found in what a field is made of, so that the
// schema may be missing for that.
func (c *cueChecker) reported(field string) bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Rule == ruleUnknownReference && f.Path == field })
}

// blueprints lists the top-level fields that have actions.
func (c *cueChecker) blueprints() []string {
	return slices.DeleteFunc(slices.Clone(c.given()), func(name string) bool {
		return !c.root.LookupPath(cue.MakePath(cue.Str(name), cue.Str("actions"))).Exists()
	})
}

// typed tells whether the schema knows of a blueprint: it gives each action a name.
func (c *cueChecker) typed(field string) bool {
	for _, action := range c.given(field, "actions") {
		for _, phase := range c.given(field, "actions", action, "phases") {
			if !c.lookup(field, "actions", action, "phases", phase, "secrets").Exists() {
				return false
			}
		}
	}
	return true
}

func (c *cueChecker) blueprintRules(field string) {
	actions := []string{field, "actions"}
	for _, name := range c.given(actions...) {
		a := &cueAction{cueChecker: c, path: sub(actions, name)}
		a.phases = c.phaseNames(a.path)
		for i := range a.phases {
			a.checkPhase(i)
		}
		a.checkPhaseNames()
		a.podOverrides()
		a.checkInputs()
		a.checkArtifacts(c.writtenArtifacts(actions))
	}
}

// phaseNames lists the phases of an action in the order written; CUE has those of
// comprehensions first.
func (c *cueChecker) phaseNames(action []string) []string {
	return remembered(c.memo.phases, action, func() []string {
		if names := c.plainPhases(sub(action, "phases")); names != nil {
			return names
		}
		names, err := interp.PhaseNames(c.lookup(action...))
		if err != nil {
			return c.given(sub(action, "phases")...)
		}
		return names
	})
}

// plainPhases lists phases that all stand as literals in one struct, so that the source
// alone tells their order; nil if they do not. To ask CUE for it costs an evaluation of
// each part of each phase.
func (c *cueChecker) plainPhases(at []string) []string {
	places := locate(c.files, at)
	if len(places) != 1 {
		return nil
	}
	written, ok := places[0].value.(*ast.StructLit)
	if !ok {
		return nil
	}
	var names []string
	for _, d := range written.Elts {
		f, ok := d.(*ast.Field)
		if _, comment := d.(*ast.CommentGroup); comment {
			continue
		}
		if !ok {
			return nil
		}
		name, _, err := ast.LabelName(f.Label)
		if _, literal := f.Value.(*ast.StructLit); err != nil || !literal {
			return nil
		}
		names = append(names, name)
	}
	if !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(c.given(at...)))) {
		return nil
	}
	return names
}

// writtenArtifacts lists the names of the artifacts that the blueprint's actions
// write.
func (c *cueChecker) writtenArtifacts(actions []string) []string {
	var names []string
	for _, action := range c.given(actions...) {
		names = append(names, c.given(sub(actions, action, "outputArtifacts")...)...)
	}
	return names
}

// A cueAction is the action that is checked.
type cueAction struct {
	*cueChecker
	path   []string
	phases []string
}

func (a *cueAction) checkPhase(i int) {
	at := sub(a.path, "phases", a.phases[i])
	a.checkAliases(at)
	a.checkObjectNames(at)
	for _, p := range locate(a.files, at) {
		walkChains(p.value, func(n ast.Node, names []string) {
			a.checkOrder(i, n, names)
			a.checkObject(i, n, names)
		})
	}
}

func (a *cueAction) checkAliases(phase []string) {
	call := a.call(phase)
	for _, arg := range call.given {
		if call.function.Canonical(arg) != arg {
			at := sub(phase, "args", arg)
			a.addAt(a.labelNode(at...), at, aliasFinding(call.function, arg))
		}
	}
}

// checkObjectNames finds objects that the phase declares without a name: it could not read
// them.
func (a *cueAction) checkObjectNames(phase []string) {
	declared := sub(phase, "objects")
	for _, object := range a.given(declared...) {
		at := sub(declared, object)
		if v := a.lookup(sub(at, "name")...); v.Exists() && !v.IsConcrete() && !a.somewhere(sub(at, "name")) && a.somewhere(at) {
			a.addAt(a.labelNode(at...), at, Finding{
				Rule:       ruleObjectReference,
				Message:    fmt.Sprintf("object %q has no name", object),
				Suggestion: fmt.Sprintf("say which it is: objects: %s: name: …", object),
			})
		}
	}
}

// checkOrder finds outputs that are read before their phase can have run. Without
// `after` that phase waits for all those written before it.
func (a *cueAction) checkOrder(reader int, n ast.Node, names []string) {
	if names[0] == "phases" {
		names = names[1:]
	}
	if len(names) < 2 || names[1] != "output" {
		return
	}
	writer := slices.Index(a.phases, names[0])
	if writer < reader || writer > reader && a.hasAfter(names[0]) {
		return
	}
	f := Finding{
		Rule:       rulePhaseOrder,
		Message:    fmt.Sprintf("phase %q reads the output of phase %q, which runs later", a.phases[reader], names[0]),
		Suggestion: fmt.Sprintf("move phase %q down, or give phase %q an `after` without it", a.phases[reader], names[0]),
	}
	if writer == reader {
		f.Message, f.Suggestion = fmt.Sprintf("phase %q reads its own output", names[0]), ""
	}
	a.addAt(n, sub(a.path, "phases", a.phases[reader]), f)
}

// checkPhaseNames finds phases.NAME of phases that the action does not have.
func (a *cueAction) checkPhaseNames() {
	at := sub(a.path, "phases")
	for _, p := range locate(a.files, a.path) {
		walkChains(p.value, func(n ast.Node, names []string) {
			if names[0] != "phases" || slices.Contains(a.phases, names[1]) || len(locate(a.files, sub(at, names[1]))) > 0 {
				return
			}
			a.addAt(lastPart(n, 2), a.pathOf(a.nodesAt(n.Pos())), a.selectionFinding(names[1], at))
		})
	}
}

// lastPart is the last name of the first count names of a selection.
func lastPart(n ast.Node, count int) ast.Node {
	for {
		switch e := n.(type) {
		case *ast.SelectorExpr:
			if len(chain(e)) == count {
				return e.Sel
			}
			n = e.X
		case *ast.IndexExpr:
			if len(chain(e)) == count {
				return e.Index
			}
			n = e.X
		default:
			return n
		}
	}
}

// checkObject finds Secrets and ConfigMaps that a phase does not declare. CUE cannot,
// because it takes an object's kind for open until it is set.
func (a *cueAction) checkObject(reader int, n ast.Node, names []string) {
	phase, all := a.phases[reader], len(names)
	if names[0] == "phases" {
		names = names[1:]
	}
	if len(names) > 2 && slices.Contains(a.phases, names[0]) {
		phase, names = names[0], names[1:]
	}
	if len(names) < 2 || names[0] != "secrets" && names[0] != "configMaps" {
		return
	}
	declared := a.given(sub(a.path, "phases", phase, "objects")...)
	if slices.Contains(declared, names[1]) {
		return
	}
	f := Finding{Rule: ruleUnknownObject, Message: fmt.Sprintf("phase %q declares no object %q", phase, names[1])}
	a.addAt(lastPart(n, all-len(names)+2), sub(a.path, "phases", a.phases[reader]), f.hint(names[1], "objects", declared))
	if e, ok := n.(ast.Expr); ok {
		replace(a.files, e) // What stands in its place says nothing more.
	}
}

// hasAfter tells whether the author says what a phase waits for.
func (a *cueAction) hasAfter(phase string) bool {
	return a.has(sub(a.path, "phases", phase), "after")
}

// checkArtifacts finds artifacts that are read and that no action writes. With
// `artifactsFrom` the types do that.
func (a *cueAction) checkArtifacts(written []string) {
	if a.artifactsUnknown[a.path[len(a.path)-1]] || a.takesNothing() || a.has(a.path, "artifactsFrom") {
		return
	}
	for _, p := range locate(a.files, a.path) {
		walkChains(p.value, func(n ast.Node, names []string) {
			if len(names) < 3 || names[0] != "input" || names[1] != "artifactsIn" || slices.Contains(written, names[2]) {
				return
			}
			f := Finding{
				Rule:     ruleUnknownArtifact,
				Severity: Warning,
				Message:  fmt.Sprintf("no action of this blueprint writes the artifact %q", names[2]),
			}
			f = f.hint(names[2], "artifacts", written)
			if len(written) == 0 {
				f.Suggestion = "whoever runs the action has to provide it"
			}
			a.addAt(lastPart(n, 3), a.path, f)
		})
	}
}

// takesNothing reports what is read of the artifacts of another action that writes none, and
// whether it does so: CUE takes them for such that are still to come.
func (a *cueAction) takesNothing() bool {
	from := a.text(sub(a.path, "artifactsFrom")...)
	source := sub(a.path[:len(a.path)-1], from)
	if from == "" || !a.somewhere(source) || a.somewhere(sub(source, "outputArtifacts")) {
		return false
	}
	for _, p := range locate(a.files, a.path) {
		walkChains(p.value, func(n ast.Node, names []string) {
			if len(names) > 2 && names[0] == "input" && names[1] == "artifactsIn" {
				a.addAt(lastPart(n, 3), a.path, Finding{
					Rule:       ruleUnknownArtifact,
					Message:    fmt.Sprintf("action %q writes no artifacts, so there is no %q", from, names[2]),
					Suggestion: fmt.Sprintf("write outputArtifacts: %s: keyValue: … in action %q", names[2], from),
				})
			}
		})
	}
	return true
}

// walkChains calls visit for each selection that starts at a name, the longest
// ones.
func walkChains(n ast.Node, visit func(ast.Node, []string)) {
	ast.Walk(n, func(n ast.Node) bool {
		switch e := n.(type) {
		case *ast.SelectorExpr:
			if names := chain(e); names != nil {
				visit(e, names)
				return false
			}
		case *ast.IndexExpr:
			if names := chain(e); names != nil {
				visit(e, names)
				return false
			}
		}
		return true
	}, nil)
}
