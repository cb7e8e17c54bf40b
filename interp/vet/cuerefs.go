package vet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema/suggest"
)

// undefinedField handles a selection of what does not exist: an output, an input,
// a phase, an artifact.
func (c *cueChecker) undefinedField(m mistake) bool {
	name := strings.TrimPrefix(m.text, undefinedPrefix)
	if s, err := strconv.Unquote(name); err == nil {
		name = s
	}
	pos := m.pos
	if c.pkg.source(pos) == nil {
		for _, p := range m.positions {
			if c.pkg.source(p) != nil {
				pos = p
				break
			}
		}
	}
	nodes := c.nodesAt(pos)
	operand, part, whole := selection(nodes, pos)
	if whole == nil {
		return c.wrongValue(m)
	}
	owner := c.target(m.path, operand)
	if owner == nil {
		owner = c.target(c.pathOf(nodes), operand) // CUE has no path for what stands in a let.
	}
	if n := len(owner); n > 0 && owner[n-1] == "phases" && len(locate(c.files, sub(owner, name))) > 0 {
		// The phase is there, but something else in the action is wrong.
		return false
	}
	c.addAt(part, m.path, c.selectionFinding(name, owner))
	return c.blankReference(nodes, whole)
}

// badInterpolation handles a text with a value that does not exist: CUE says where
// that is selected, but not what.
func (c *cueChecker) badInterpolation(m mistake) bool {
	for _, pos := range m.positions {
		if pos == m.pos || c.pkg.source(pos) == nil {
			continue
		}
		_, part, _ := selection(c.nodesAt(pos), pos)
		if label, ok := part.(ast.Label); ok {
			if name, _, err := ast.LabelName(label); err == nil {
				m.pos, m.text = pos, undefinedPrefix+name
				return c.undefinedField(m)
			}
		}
	}
	expr := c.valueExpr(m, c.conflicting(m))
	if expr == nil {
		return false
	}
	c.vague = append(c.vague, c.placed(expr, m.path, c.describeValue(m, expr)))
	return replace(c.files, expr)
}

// addVague adds what is said of texts as a whole, unless more was said about something
// in them.
func (c *cueChecker) addVague() {
	for _, v := range c.vague {
		if !slices.ContainsFunc(c.findings, v.holds) {
			c.add(v)
		}
	}
}

// holds tells whether the other finding is about a part of what f is about.
func (f Finding) holds(other Finding) bool {
	after := other.Line > f.Line || other.Line == f.Line && other.Column >= f.Column
	before := other.Line < f.EndLine || other.Line == f.EndLine && other.Column < f.EndColumn
	return other.File == f.File && after && before
}

const undefinedPrefix = "undefined field: "

// leftOver handles a let that nothing refers to. After something was taken out, that
// is no mistake of the user's, so the let is taken out too.
func (c *cueChecker) leftOver(m mistake) bool {
	if len(c.findings) == 0 {
		return c.wrongValue(m)
	}
	for _, n := range c.nodesAt(m.pos) {
		if let, ok := n.(*ast.LetClause); ok {
			return removeDecl(c.files, let)
		}
	}
	return false
}

// blankReference takes a reference out. In the clause of a comprehension that means
// that its body is not evaluated here: it is a branch then.
func (c *cueChecker) blankReference(nodes []ast.Node, whole ast.Expr) bool {
	for i := len(nodes) - 1; i >= 0; i-- {
		switch n := nodes[i].(type) {
		case *ast.IfClause:
			n.Condition = ast.NewBool(false)
			return true
		case *ast.ForClause:
			n.Source = ast.NewList()
			return true
		case *ast.StructLit:
			return replace(c.files, whole)
		}
	}
	return replace(c.files, whole)
}

// selection finds, among the nodes around pos, the selection whose last part is at
// pos: its operand, that part, and the longest expression that it begins.
func selection(nodes []ast.Node, pos token.Pos) (operand ast.Expr, part ast.Node, whole ast.Expr) {
	for _, n := range nodes {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if whole == nil {
				whole = n
			}
			if within(pos, n.Sel) {
				operand, part = n.X, n.Sel
			}
		case *ast.IndexExpr:
			if within(pos, n.Index) {
				whole, operand, part = n, n.X, n.Index
			} else if whole == nil {
				whole = n
			}
		case *ast.Ident, *ast.BasicLit:
		default:
			if operand == nil {
				whole = nil
			}
		}
	}
	if operand == nil {
		return nil, nil, nil
	}
	return operand, part, whole
}

// chain writes a selection as names: phases.dump["output"] is phases, dump, output.
// It is nil for anything that is computed.
func chain(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.Ident:
		return []string{e.Name}
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(e.Sel)
		if head := chain(e.X); head != nil && err == nil {
			return append(head, name)
		}
	case *ast.IndexExpr:
		lit, ok := e.Index.(*ast.BasicLit)
		if head := chain(e.X); ok && head != nil {
			name := lit.Value
			if s, err := strconv.Unquote(name); err == nil {
				name = s
			}
			return append(head, name)
		}
	}
	return nil
}

// resolve finds what names mean where the path's value is written: the innermost
// scope that has the first of them. The result is nil if no scope has.
func (c *cueChecker) resolve(path, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	for n := len(path); n >= 0; n-- {
		if at := sub(path[:n], names[0]); c.lookup(at...).Exists() {
			return append(at, names[1:]...)
		}
	}
	return nil
}

// target finds what a selection means where the path's value is written, also where it
// begins with an alias or a let.
func (c *cueChecker) target(path []string, e ast.Expr) []string {
	names, id := chain(e), firstIdent(e)
	if len(names) == 0 || id == nil || loopOf(id) != nil {
		return nil
	}
	switch n := id.Node.(type) {
	case *ast.LetClause:
		if base := c.target(path, n.Expr); base != nil {
			return sub(base, names[1:]...)
		}
		return nil
	case *ast.Field: // The label has the alias.
		return sub(c.pathOf(c.nodesAt(n.Label.Pos())), names[1:]...)
	case *ast.Alias:
		return sub(c.pathOf(c.nodesAt(n.Pos())), names[1:]...)
	case *ast.ImportSpec:
		return nil
	}
	return c.resolve(path, names)
}

// selectionFinding says that what stands at owner has no part of that name, in the
// terms of what owner is.
func (c *cueChecker) selectionFinding(name string, owner []string) Finding {
	n := len(owner)
	names := fieldNames(c.lookup(owner...), name)
	switch {
	case n == 0:
		return Finding{Rule: ruleUnknownReference, Message: fmt.Sprintf("undefined field %q", name)}
	case owner[n-1] == "phases":
		return Finding{Rule: ruleUnknownPhase, Message: fmt.Sprintf("this action has no phase %q", name)}.hint(name, "phases", names)
	case owner[n-1] == "output" && n >= 2:
		return c.outputFinding(name, owner[:n-1], names)
	case owner[n-1] == "input" && n >= 2:
		kind := c.text(sub(owner[:n-1], "kind")...)
		f := Finding{Rule: ruleUnknownInput, Message: fmt.Sprintf("an action on kind %s has no input %q", kind, name)}
		return f.hint(name, "inputs", names)
	case contains(owner, "artifactsIn"):
		return artifactFinding(name, owner, names)
	case owner[n-1] == "secrets" || owner[n-1] == "configMaps":
		f := Finding{Rule: ruleUnknownObject, Message: fmt.Sprintf("the phase declares no object %q", name)}
		return f.hint(name, "declared objects", names)
	case contains(owner, "input"):
		f := Finding{Rule: ruleUnknownInput, Message: fmt.Sprintf("%s has no field %q", owner[n-1], name)}
		return f.hint(name, "fields", names)
	}
	f := Finding{Rule: ruleUnknownReference, Message: fmt.Sprintf("%s has no field %q", owner[n-1], name)}
	return f.hint(name, "fields", names)
}

func (c *cueChecker) outputFinding(name string, phase, names []string) Finding {
	function := c.text(sub(phase, "func")...)
	f := Finding{Rule: ruleUnknownOutput, Message: fmt.Sprintf("phase %q (%s) has no output %q", phase[len(phase)-1], function, name)}
	f = f.hint(name, "outputs", names)
	if f.Replacement == "" && scripted(c.unit.schema(), function) {
		f.Suggestion = fmt.Sprintf("if its command writes it, declare it in the phase: output: %s: string", name)
	}
	return f
}

func artifactFinding(name string, owner, names []string) Finding {
	f := Finding{Rule: ruleUnknownArtifact}
	if owner[len(owner)-1] == "artifactsIn" {
		f.Message = fmt.Sprintf("the action that this one takes artifacts from writes no artifact %q", name)
		return f.hint(name, "artifacts", names)
	}
	f.Message = fmt.Sprintf("artifact %s has no %q", strings.Join(afterLast(owner, "artifactsIn"), "."), name)
	return f.hint(name, "keys", names)
}

// undefinedName handles a name that no scope has.
func (c *cueChecker) undefinedName(m mistake) bool {
	nodes := c.nodesAt(m.pos)
	var whole ast.Expr
	var name *ast.Ident
	for _, n := range nodes {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if whole == nil {
				whole = n
			}
		case *ast.Ident:
			name = n
			if whole == nil {
				whole = n
			}
		default:
			whole = nil
		}
	}
	if name != nil && isTop(name) {
		return false // reported and taken out already
	}
	if name == nil || whole == nil {
		return c.wrongValue(m)
	}
	path := c.pathOf(nodes)
	if c.dashed(nodes, path) {
		return true
	}
	f := Finding{Rule: ruleUnknownReference, Message: fmt.Sprintf("%q is not defined", name.Name)}
	if name.Name == "deferPhase" && suggest.Nearest(name.Name, namesInReach(nodes)) != "" {
		return c.blankReference(nodes, whole) // The field is there, misspelt, which is reported.
	}
	if name.Name == "input" && len(path) > 2 {
		c.inputNotInScope(name, path)
	} else if (name.Name == "secrets" || name.Name == "configMaps") && contains(path, "phases") {
		f.Suggestion = fmt.Sprintf("write `%s: _` in the phase: it brings those that it declares into scope", name.Name)
		c.addAt(name, path, f)
	} else if alias := c.calledHere(name); alias != "" {
		f.Suggestion, f.Replacement = fmt.Sprintf("this file imports it as %s", alias), alias
		c.addAt(name, path, f)
	} else if f = c.placed(name, path, f.hint(name.Name, "names in reach", besidesItself(namesInReach(nodes), path))); hidden(name.Name) {
		c.noteUse(name.Name, f) // However often it is used, one definition is missing.
	} else {
		c.add(f)
	}
	return c.blankReference(nodes, whole)
}

// besidesItself leaves out the field whose value refers to the name.
func besidesItself(names, path []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return len(path) > 0 && name == path[len(path)-1] })
}

// inputNotInScope notes the first use of inputs in an action without `input: _`: all
// of them have the one cause.
func (c *cueChecker) inputNotInScope(name *ast.Ident, path []string) {
	f := c.placed(name, path, Finding{
		Rule:       ruleUnknownInput,
		Message:    `"input" is not defined`,
		Suggestion: "write `input: _` in the action: it brings the inputs into scope",
	})
	c.noteUse(strings.Join(path[:3], "\x00"), f)
}

// noteUse keeps the first use of something that is missing.
func (c *cueChecker) noteUse(missing string, f Finding) {
	if first, ok := c.firstUse[missing]; !ok || compare(f, first) < 0 {
		c.firstUse[missing] = f
	}
}

// pathOf is the path of the innermost field among the nodes.
func (c *cueChecker) pathOf(nodes []ast.Node) []string {
	var path []string
	for _, n := range nodes {
		if f, ok := n.(*ast.Field); ok {
			if name, _, err := ast.LabelName(unaliased(f.Label)); err == nil {
				path = append(path, name)
			}
		}
	}
	return path
}

// namesInReach lists the fields of the structs around a place, the nearest first.
func namesInReach(nodes []ast.Node) []string {
	var names []string
	for i := len(nodes) - 1; i >= 0; i-- {
		switch n := nodes[i].(type) {
		case *ast.StructLit:
			names = append(names, namesOf(n)...)
		case *ast.Comprehension:
			names = append(names, variableNames(n)...)
		}
	}
	return names
}

// variableNames lists those that the clauses of a comprehension declare.
func variableNames(branch *ast.Comprehension) []string {
	var names []string
	for _, clause := range branch.Clauses {
		switch clause := clause.(type) {
		case *ast.ForClause:
			for _, id := range []*ast.Ident{clause.Key, clause.Value} {
				if id != nil {
					names = append(names, id.Name)
				}
			}
		case *ast.LetClause:
			names = append(names, clause.Ident.Name)
		}
	}
	return names
}

// namesOf lists the fields and the lets of a struct by which what stands in it can refer
// to them.
func namesOf(s *ast.StructLit) []string {
	var names []string
	for _, d := range s.Elts {
		switch d := d.(type) {
		case *ast.Field:
			if name, isIdent, err := ast.LabelName(d.Label); err == nil && isIdent {
				names = append(names, name)
			}
		case *ast.LetClause:
			names = append(names, d.Ident.Name)
		}
	}
	return names
}

// index reads the number of an item.
func index(name string) (int, bool) {
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0
}

func contains(path []string, name string) bool {
	for _, p := range path {
		if p == name {
			return true
		}
	}
	return false
}

func afterLast(path []string, name string) []string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == name {
			return path[i+1:]
		}
	}
	return path
}

// fieldNamesOf lists the fields that stand in a struct itself.
func fieldNamesOf(s *ast.StructLit) []string {
	var names []string
	for _, d := range s.Elts {
		if f, ok := d.(*ast.Field); ok {
			names = append(names, labelText(f.Label))
		}
	}
	return names
}
