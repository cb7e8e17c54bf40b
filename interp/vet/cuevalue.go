package vet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// wrongValue handles a value that does not fit, at the expression that gives it.
func (c *cueChecker) wrongValue(m mistake) bool {
	if c.listMistake(m) || c.badClause(m) {
		return true
	}
	places := c.conflicting(m)
	expr := c.valueExpr(m, places)
	f := c.describeValue(m, expr)
	if expr == nil {
		c.addAt(c.firstNode(m.positions), m.path, f)
		return false
	}
	if f.Suggestion == "" {
		f.Suggestion = c.otherValue(expr, places)
	}
	c.addAt(expr, m.path, f)
	return replace(c.files, expr)
}

// conflicting lists the user's expressions that CUE names as those that give the value at
// the mistake's path.
func (c *cueChecker) conflicting(m mistake) []ast.Expr {
	var all []ast.Expr
	for _, p := range locate(c.files, m.path) {
		if slices.ContainsFunc(m.positions, func(pos token.Pos) bool { return within(pos, p.value) }) {
			all = append(all, p.value)
		}
	}
	return all
}

// valueExpr is the user's expression that gives the value at the mistake's path: of those
// that CUE names the last literal, which is what was added to what there was; or else the
// first of all.
func (c *cueChecker) valueExpr(m mistake, named []ast.Expr) ast.Expr {
	var last ast.Expr
	for _, e := range named {
		after := last == nil || e.Pos().Filename() == last.Pos().Filename() && e.Pos().Offset() > last.Pos().Offset()
		if literalText(e) != "" && after {
			last = e
		}
	}
	if last != nil {
		return last
	}
	if len(named) > 0 {
		return named[0]
	}
	if places := locate(c.files, m.path); len(places) > 0 && !isTop(places[0].value) {
		return places[0].value
	}
	if e := c.partExpr(m); e != nil {
		return e
	}
	if e := c.lastLiteral(m); e != nil {
		return e
	}
	if expr, ok := c.firstNode(m.positions).(ast.Expr); ok && !isTop(expr) {
		return expr
	}
	return nil
}

// partExpr is the expression that CUE names within the smallest part around the mistake's
// path that the user wrote, or nil: a comprehension makes items that stand nowhere.
func (c *cueChecker) partExpr(m mistake) ast.Expr {
	for n := len(m.path) - 1; n > 0; n-- {
		places := locate(c.files, m.path[:n])
		for _, p := range places {
			for _, pos := range m.positions {
				if !within(pos, p.value) || pos.Offset() == p.value.Pos().Offset() {
					continue
				}
				nodes := c.nodesAt(pos)
				if e, ok := nodes[len(nodes)-1].(ast.Expr); ok && !isTop(e) {
					return e
				}
			}
		}
		if len(places) > 0 {
			return nil
		}
	}
	return nil
}

// lastLiteral is the last literal that CUE names, or nil: what a loop goes through stands
// outside of the phase that it makes.
func (c *cueChecker) lastLiteral(m mistake) ast.Expr {
	for _, pos := range slices.Backward(m.positions) {
		if nodes := c.nodesAt(pos); len(nodes) > 0 {
			if lit, ok := nodes[len(nodes)-1].(*ast.BasicLit); ok {
				return lit
			}
		}
	}
	return nil
}

// otherValue tells where the other of two literals is that do not agree; empty if there
// is none.
func (c *cueChecker) otherValue(expr ast.Expr, named []ast.Expr) string {
	for _, e := range named {
		src := c.pkg.source(e.Pos())
		if e == expr || literalText(e) == "" || src == nil {
			continue
		}
		line, _ := src.position(e.Pos().Offset())
		return fmt.Sprintf("%s:%d gives it another value", src.name, line)
	}
	return ""
}

func isTop(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}

func within(pos token.Pos, n ast.Node) bool {
	return pos.IsValid() && pos.Filename() == n.Pos().Filename() &&
		pos.Offset() >= n.Pos().Offset() && pos.Offset() < n.End().Offset()
}

var outOfBound = regexp.MustCompile(`\(out of bound (.+)\)`)

var mismatchedTypes = regexp.MustCompile(`\(mismatched types (\S+) and (\S+)\)`)

// describeValue says what was expected and what was found.
func (c *cueChecker) describeValue(m mistake, expr ast.Expr) Finding {
	f := Finding{Rule: ruleStructure, Message: m.text, Found: literalText(expr)}
	if strings.Contains(m.text, "cycle") {
		f.Rule, f.Message, f.Found = ruleReferenceCycle, "this value depends on itself: "+m.text, ""
		return f
	}
	if len(m.path) == 0 {
		return f
	}
	f.Rule = valueRule(m.path)
	subject := fmt.Sprintf("field %q", m.path[len(m.path)-1])
	if i := slices.Index(m.path, "args"); i > 0 && i+1 < len(m.path) {
		subject = fmt.Sprintf("argument %q", strings.Join(m.path[i+1:], "."))
		f.Expected = c.argumentType(m.path[:i], m.path[i+1:])
	}
	if own, ok := strings.CutPrefix(m.text, "must be "); ok {
		f.Expected = own
	}
	if bound := outOfBound.FindStringSubmatch(m.text); bound != nil && f.Expected == "" {
		f.Expected = bound[1]
	}
	if f.Found == "" {
		f.Found = c.kindOf(m.path, expr)
	}
	f.expectFromTypes(m.text)
	if strings.Contains(m.text, "does not satisfy time.Duration") && f.Expected == "" {
		f.Expected = "a duration such as 90s or 1h30m"
	}
	switch {
	case strings.HasPrefix(m.text, "conflicting values ") && strings.HasPrefix(f.Found, f.Expected+" "):
		f.Message, f.Expected = subject+" has another value already", ""
	case f.Expected != "" && f.Found != "" && f.Expected != f.Found:
		f.Message = fmt.Sprintf("%s: expected %s, found %s", subject, f.Expected, f.Found)
	default:
		f.Message = fmt.Sprintf("%s: %s", subject, m.text)
	}
	return f
}

// argumentType is the schema's constraint on a phase's argument, or the kind of a
// part of one.
func (c *cueChecker) argumentType(phase, arg []string) string {
	function, ok := c.unit.schema().Function(c.text(sub(phase, "func")...))
	if !ok {
		return ""
	}
	a, _ := function.Arg(arg[0])
	if len(arg) == 1 {
		return TypeText(a)
	}
	v := a.Value
	for _, name := range arg[1:] {
		v = partOf(schema.TypeOf(v), name)
	}
	if kind := v.IncompleteKind(); kind != cue.BottomKind && kind != cue.TopKind {
		return kindText(kind)
	}
	return ""
}

// kindOf is the kind of what an expression refers to, or "".
func (c *cueChecker) kindOf(path []string, expr ast.Expr) string {
	names := chain(expr)
	if expr == nil || names == nil {
		return ""
	}
	at := c.resolve(path, names)
	if at == nil {
		return ""
	}
	if kind := c.lookup(at...).IncompleteKind(); kind != cue.BottomKind && kind != cue.TopKind {
		return kindText(kind)
	}
	return ""
}

// partOf is the constraint on a field or an item.
func partOf(v cue.Value, name string) cue.Value {
	if _, item := index(name); item {
		return v.LookupPath(cue.MakePath(cue.AnyIndex))
	}
	if field := optionalField(v, name); field.Exists() {
		return field
	}
	return v.LookupPath(cue.MakePath(cue.AnyString))
}

// expectFromTypes fills in expected and found from CUE's message on mismatched
// types.
func (f *Finding) expectFromTypes(text string) {
	m := mismatchedTypes.FindStringSubmatch(text)
	if m == nil {
		return
	}
	one, other := m[1], m[2]
	kind, _, _ := strings.Cut(f.Found, " ")
	if f.Expected != "" {
		// The found one is what the schema does not allow.
		if f.Found == "" {
			f.Found = one
			if strings.HasPrefix(f.Expected, one) || strings.Contains(f.Expected, one) {
				f.Found = other
			}
		}
		return
	}
	switch {
	case kind == one:
		f.Expected = other
	case kind == other:
		f.Expected = one
	default:
		f.Expected, f.Found = other, one
	}
}

// literalText is a literal with its type, as in `string "0"`, or "" for any other
// expression.
func literalText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return literalKind(e)
	case *ast.StructLit:
		return "struct"
	case *ast.ListLit:
		return "list"
	case *ast.Interpolation:
		return "string"
	case *ast.UnaryExpr:
		if lit, ok := e.X.(*ast.BasicLit); ok {
			kind, _, _ := strings.Cut(literalKind(lit), " ")
			return kind + " " + e.Op.String() + lit.Value
		}
	}
	return ""
}

func literalKind(lit *ast.BasicLit) string {
	switch lit.Kind {
	case token.STRING:
		if strings.Contains(lit.Value, "\n") {
			return "string"
		}
		return "string " + lit.Value
	case token.INT:
		return "int " + lit.Value
	case token.FLOAT:
		return "float " + lit.Value
	case token.TRUE, token.FALSE:
		return "bool " + lit.Value
	case token.NULL:
		return "null"
	}
	return lit.Value
}
