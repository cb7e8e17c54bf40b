package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// classify turns a mistake into a finding at the user's line, and takes what
// caused it out of the tree. It reports whether it could.
func (c *cueChecker) classify(m mistake) bool {
	said := c.schemaField(m.path)
	switch {
	case said >= 0:
		return c.schemaError(m, said)
	case strings.HasPrefix(m.text, "unreferenced "):
		return c.leftOver(m)
	case m.text == "invalid interpolation":
		return c.badInterpolation(m)
	case strings.HasPrefix(m.text, "reference "):
		return !c.once(m.pos.String()) || c.undefinedName(m)
	case isNumbered(m):
		return c.numberedField(m)
	case noPart.MatchString(m.text):
		return !c.once(m.pos.String()) || c.partOfNone(m)
	case strings.HasPrefix(m.text, "undefined field: "):
		return !c.once(m.pos.String()) || c.undefinedField(m)
	case c.noFunction(m):
		return true
	case strings.HasSuffix(m.text, "field not allowed"):
		return c.notAllowed(m)
	default:
		return c.wrongValue(m)
	}
}

// schemaError handles what the schema says with error(…), by the hidden field that
// says it.
func (c *cueChecker) schemaError(m mistake, said int) bool {
	at := m.path[:said]
	switch m.path[said] {
	case "_func":
		return c.unknownFunction(sub(at, "func"))
	case "_kind":
		return c.unknownKind(sub(at, "kind"))
	case "_artifactsFrom":
		return c.unknownAction(sub(at, "artifactsFrom"))
	case "_args":
		return !c.once(strings.Join(at, "\x00")) || c.argumentSet(m, at)
	case "_after":
		return c.unknownPredecessor(m, at)
	default:
		c.addAt(c.labelNode(at...), at, Finding{Rule: valueRule(at), Message: m.text})
		return c.blank(at)
	}
}

// valueRule is the rule for a value that does not fit at the path.
func valueRule(path []string) string {
	if contains(path, "args") {
		return ruleArgumentType
	}
	return ruleStructure
}

// sub is path with names after it, in memory of its own.
func sub(path []string, names ...string) []string {
	return append(slices.Clone(path), names...)
}

func (c *cueChecker) unknownFunction(at []string) bool {
	c.addAt(c.valueNode(at...), at, functionFinding(c.unit.schema(), c.text(at...)))
	return c.blank(at)
}

func (c *cueChecker) unknownKind(at []string) bool {
	kind := c.text(at...)
	f := Finding{Rule: ruleUnknownKind, Message: fmt.Sprintf("unknown kind %q", kind)}
	f = f.hint(kind, "kinds", objectKinds[:])
	c.addAt(c.valueNode(at...), at, f)
	places := locate(c.files, at)
	if len(places) == 0 || f.Replacement == "" {
		return c.blank(at)
	}
	// Go on with the kind that was meant, which has the inputs that are read.
	return replaceBy(c.files, places[0].value, ast.NewString(f.Replacement))
}

func (c *cueChecker) unknownAction(at []string) bool {
	name := c.text(at...)
	action := at[len(at)-2]
	actions := fieldNames(c.lookup(at[:len(at)-2]...), action)
	f := Finding{Rule: ruleUnknownAction, Message: fmt.Sprintf("this blueprint has no action %q", name)}
	c.addAt(c.valueNode(at...), at, f.hint(name, "other actions", actions))
	c.artifactsUnknown[action] = true
	return c.remove(at)
}

// unknownPredecessor handles a name in a phase's `after` that is no phase's. The
// schema reports it as "PHASE NUMBER".
func (c *cueChecker) unknownPredecessor(m mistake, action []string) bool {
	last := m.path[len(m.path)-1]
	i := strings.LastIndexByte(last, ' ')
	if i < 0 {
		return false
	}
	at := sub(action, "phases", last[:i], "after", last[i+1:])
	name := c.text(at...)
	f := Finding{Rule: ruleUnknownPhase, Message: fmt.Sprintf("this action has no phase %q to wait for", name)}
	f = f.hint(name, "phases", c.given(sub(action, "phases")...))
	c.addAt(c.valueNode(at...), at, f)
	return c.blank(at)
}

// argumentSet handles arguments that are missing, or that exclude each other.
func (c *cueChecker) argumentSet(m mistake, phase []string) bool {
	problems := c.call(phase).problems()
	// Arguments that are no struct were reported, and taken out.
	silent, mended := c.blanked(sub(phase, "args")), false
	for _, p := range problems {
		if !silent {
			c.addAt(c.argumentNode(phase, p.arg), sub(phase, "args"), p.finding)
		}
		mended = c.mend(phase, p) || mended
	}
	if len(problems) == 0 {
		c.addAt(c.phaseNode(phase), sub(phase, "args"), Finding{Rule: ruleMissingArgument, Message: m.text})
	}
	return mended
}

// argumentNode is where a phase gives an argument, or else names its function.
func (c *cueChecker) argumentNode(phase []string, arg string) ast.Node {
	if node := c.labelNode(sub(phase, "args", arg)...); arg != "" && node != nil {
		return node
	}
	return c.phaseNode(phase)
}

// call reads which arguments a phase gives.
func (c *cueChecker) call(phase []string) call {
	function, _ := c.unit.schema().Function(c.text(sub(phase, "func")...))
	given := c.given(sub(phase, "args")...)
	return call{
		function: function,
		given:    given,
		certain:  given,
		text: func(arg string) (string, bool) {
			s := c.text(sub(phase, "args", arg)...)
			return s, s != "" && slices.Contains(given, arg)
		},
		fields: func(arg string) ([]string, bool) {
			at := sub(phase, "args", arg)
			return c.given(at...), slices.Contains(given, arg) && !c.blanked(at)
		},
	}
}

// blanked tells whether the value at the path was put there to go on.
func (c *cueChecker) blanked(path []string) bool {
	places := locate(c.files, path)
	return len(places) > 0 && !slices.ContainsFunc(places, func(p place) bool { return !isTop(p.value) })
}

// phaseNode is where a phase names its function, or else its own name.
func (c *cueChecker) phaseNode(phase []string) ast.Node {
	if n := c.valueNode(sub(phase, "func")...); n != nil {
		return n
	}
	return c.labelNode(phase...)
}

// mend gives a phase the arguments it lacks, with any value, and takes those away
// of which there are too many.
func (c *cueChecker) mend(phase []string, p argumentProblem) bool {
	for _, name := range p.surplus {
		if !c.remove(sub(phase, "args", name)) {
			return false
		}
	}
	places := locate(c.files, phase)
	if len(p.missing) == 0 || len(places) == 0 || places[0].field == nil {
		return len(p.surplus) > 0
	}
	var fields []ast.Decl
	for _, name := range p.missing {
		fields = append(fields, &ast.Field{Label: ast.NewString(name), Value: ast.NewPredeclared("_")})
	}
	if p.arg != "" {
		fields = nest(p.arg, fields)
	}
	field := places[0].field
	field.Value = &ast.BinaryExpr{X: field.Value, Op: token.AND, Y: &ast.StructLit{Elts: nest("args", fields)}}
	return true
}

// nest makes a field of the fields.
func nest(name string, fields []ast.Decl) []ast.Decl {
	return []ast.Decl{&ast.Field{Label: ast.NewString(name), Value: &ast.StructLit{Elts: fields}}}
}

// blank takes the value at the path out, remove the field.
func (c *cueChecker) blank(path []string) bool {
	places := locate(c.files, path)
	return len(places) > 0 && replace(c.files, places[0].value)
}

func (c *cueChecker) remove(path []string) bool {
	removed := false
	for _, p := range locate(c.files, path) {
		if p.field != nil && removeField(c.files, p.field) {
			removed = true
		}
	}
	return removed
}

// notAllowed handles a field that the schema does not have.
func (c *cueChecker) notAllowed(m mistake) bool {
	if len(m.path) == 0 {
		return c.wrongValue(m)
	}
	name, parent := m.path[len(m.path)-1], m.path[:len(m.path)-1]
	node := c.labelNode(m.path...)
	if node == nil {
		node = c.firstNode(m.positions)
	}
	f := c.unknownName(name, parent)
	c.addAt(node, m.path, f)
	return f.Replacement != "" && c.rename(m.path, f.Replacement) || c.remove(m.path)
}

// rename gives a misspelt field the name that was meant, unless that is taken:
// then its value is checked, and it counts as given.
func (c *cueChecker) rename(path []string, name string) bool {
	if slices.ContainsFunc(locate(c.files, sub(path[:len(path)-1], name)), place.given) {
		return false
	}
	for _, p := range locate(c.files, path) {
		if p.field != nil {
			label := ast.NewString(name)
			label.ValuePos = p.field.Label.Pos()
			p.field.Label = label
			return true
		}
	}
	return false
}

// given tells a field from one that only may be there.
func (p place) given() bool { return p.field == nil || p.field.Constraint != token.OPTION }

// unknownName says that parent has no field of that name, in the terms of what
// parent is.
func (c *cueChecker) unknownName(name string, parent []string) Finding {
	last := ""
	if len(parent) > 0 {
		last = parent[len(parent)-1]
	}
	if function, ok := c.unit.schema().Function(c.text(sub(parent[:max(0, len(parent)-1)], "func")...)); ok && last == "args" {
		return argumentFinding(function, name, c.given(parent...))
	}
	names := fieldNames(c.lookup(parent...), name)
	f := Finding{Rule: ruleUnknownField, Message: fmt.Sprintf("unknown field %q", name)}
	if what := fieldOwner(parent); what != "" {
		// The schema sets the names of actions and phases.
		names = slices.DeleteFunc(names, func(s string) bool { return s == "name" && (what == "a phase" || what == "an action") })
		f.Message = fmt.Sprintf("%s has no field %q", what, name)
	}
	closed := c.closedBy(parent)
	switch {
	case closed != nil && !slices.Contains(closed.fields, name):
		f.Message, names = fmt.Sprintf("%s is closed and has no field %q", closed.name, name), closed.fields
	case last == "output":
		f.Rule, f.Message = ruleUnknownOutput, fmt.Sprintf("%s has no output %q", c.text(sub(parent[:len(parent)-1], "func")...), name)
		return f.hint(name, "outputs", names)
	}
	return f.hint(name, "fields", names)
}

// fieldOwner names what stands at the path.
func fieldOwner(path []string) string {
	n := len(path)
	switch {
	case n == 0:
		return ""
	case path[n-1] == "deferPhase", n >= 2 && path[n-2] == "phases":
		return "a phase"
	case n >= 2 && path[n-2] == "actions":
		return "an action"
	case n >= 2 && path[n-2] == "outputArtifacts":
		return "an artifact"
	case n == 1:
		return "a blueprint"
	}
	return path[n-1]
}

// firstNode is the innermost node at the first of the positions that lies in a
// file of the user's.
func (c *cueChecker) firstNode(positions []token.Pos) ast.Node {
	for _, pos := range positions {
		if c.pkg.source(pos) == nil {
			continue
		}
		if nodes := c.nodesAt(pos); len(nodes) > 0 {
			return nodes[len(nodes)-1]
		}
	}
	return nil
}
