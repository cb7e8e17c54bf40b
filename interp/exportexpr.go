package interp

import (
	"errors"
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	cueliteral "cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
)

// expression of a value that is no struct or list: a constant, if nothing of it is
// only known in a run.
func (x *exporter) expression(v cue.Value) (compat.Expr, error) {
	if x.depth++; x.depth > maxDepth {
		return nil, errors.New("references that go round in a circle")
	}
	defer func() { x.depth-- }()
	if e, ok := writtenOut(v); ok {
		return e, nil
	}
	s, err := x.syntax(v)
	if errors.Is(err, errNoSyntax) {
		return x.parts(v, err)
	}
	if err != nil {
		return nil, err
	}
	if s.readsElsewhere() && selectsUnnamed(v, 0) {
		if e, err := x.parts(v, nil); err == nil {
			return e, nil
		}
	}
	if !s.runTime(s.top, nil) {
		if e, ok := concrete(v); ok {
			return e, nil
		}
	}
	e, err := s.expr(s.top, nil)
	if errors.As(err, new(unknownName)) {
		return x.parts(v, err)
	}
	return e, err
}

// selectsUnnamed says whether a value reads a field of a struct that has no place
// of its own, such as (#Dump & {ns: x}).args. CUE then writes the field of #Dump in
// its expression, and forgets what it was unified with.
func selectsUnnamed(v cue.Value, depth int) bool {
	op, parts := v.Expr()
	if op == cue.NoOp || depth > maxDepth {
		return false
	}
	if op == cue.SelectorOp || op == cue.IndexOp {
		_, path := v.ReferencePath()
		return len(path.Selectors()) == 0
	}
	for _, p := range parts {
		if selectsUnnamed(p, depth+1) {
			return true
		}
	}
	return false
}

// readsElsewhere says whether the expression itself reads something outside of the
// action.
func (s *selfContained) readsElsewhere() (found bool) {
	ast.Walk(s.top, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if let := s.lets[id.Name]; let != nil && !s.x.isMarker(let) {
				_, own := s.x.ownPath(originalPath(let))
				found = found || !own
			}
		}
		_, isLet := n.(*ast.LetClause)
		return !found && !isLet
	}, nil)
	return found
}

// writtenOut knows the constants that stand in the source as they are, perhaps
// beside constraints: most values are, and writing expressions takes its time.
func writtenOut(v cue.Value) (compat.Expr, bool) {
	op, parts := v.Expr()
	if op != cue.AndOp {
		parts = []cue.Value{v}
	}
	literal := false
	for _, p := range parts {
		if op, _ := p.Expr(); op != cue.NoOp {
			return nil, false
		}
		if _, ok := written(p).(*ast.BasicLit); ok {
			literal = true
		} else if p.IsConcrete() {
			return nil, false
		}
	}
	if !literal {
		return nil, false
	}
	return concrete(v)
}

// concrete is the constant that a value is.
func concrete(v cue.Value) (compat.Expr, bool) {
	if d, ok := v.Default(); ok {
		v = d
	}
	switch v.Kind() {
	case cue.StringKind:
		text, err := v.String()
		return compat.TextExpr(text), err == nil
	case cue.BytesKind:
		text, err := v.Bytes()
		return compat.TextExpr(text), err == nil
	case cue.BoolKind:
		b, err := v.Bool()
		return compat.BoolExpr(b), err == nil
	case cue.IntKind, cue.FloatKind, cue.NumberKind:
		text, err := v.MarshalJSON()
		return compat.NumberExpr(text), err == nil
	}
	return nil, false
}

// expr reads an expression.
func (s *selfContained) expr(n ast.Node, sc *scope) (compat.Expr, error) {
	switch n := n.(type) {
	case *ast.ParenExpr:
		return s.expr(n.X, sc)
	case *ast.BasicLit:
		return basic(n)
	case *ast.Interpolation:
		return s.interpolation(n, sc)
	case *ast.StructLit:
		return s.embedded(n, sc)
	case *ast.UnaryExpr:
		return s.unary(n, sc)
	case *ast.BinaryExpr:
		return s.binary(n, sc)
	case *ast.CallExpr:
		return s.call(n, sc)
	case *ast.ListLit:
		return s.listExpr(n, sc)
	case *ast.IndexExpr:
		if index, ok := n.Index.(*ast.BasicLit); ok && index.Value == "0" {
			if c, ok, err := s.choice(n.X, sc); ok {
				return c, err
			}
		}
		return s.follow(n, sc)
	case *ast.Ident:
		if isType(n.Name) {
			return nil, fmt.Errorf("a value that nothing sets: it is %s", n.Name)
		}
		return s.follow(n, sc)
	case *ast.SelectorExpr:
		return s.follow(n, sc)
	}
	return nil, fmt.Errorf("an expression that a template has no words for")
}

func basic(n *ast.BasicLit) (compat.Expr, error) {
	switch n.Kind {
	case token.STRING:
		text, err := unquote(n.Value)
		return compat.TextExpr(text), err
	case token.INT, token.FLOAT:
		return compat.NumberExpr(n.Value), nil
	case token.TRUE, token.FALSE:
		return compat.BoolExpr(n.Kind == token.TRUE), nil
	}
	return nil, fmt.Errorf("%s, which Kanister cannot take", n.Value)
}

// interpolation reads "…\(x)…".
func (s *selfContained) interpolation(n *ast.Interpolation, sc *scope) (compat.Expr, error) {
	first, ok1 := n.Elts[0].(*ast.BasicLit)
	last, ok2 := n.Elts[len(n.Elts)-1].(*ast.BasicLit)
	if !ok1 || !ok2 {
		return nil, errors.New("a text that does not begin or end")
	}
	info, start, _, err := cueliteral.ParseQuotes(first.Value, last.Value)
	if err != nil {
		return nil, err
	}
	var parts compat.JoinExpr
	for i, elt := range n.Elts {
		if i%2 == 1 {
			e, err := s.expr(elt, sc)
			if err != nil {
				return nil, err
			}
			parts = append(parts, e)
			continue
		}
		lit, ok := elt.(*ast.BasicLit)
		if !ok {
			return nil, errors.New("a text with an odd part")
		}
		text, err := info.Unquote(lit.Value[start:])
		if err != nil {
			return nil, err
		}
		parts = append(parts, compat.TextExpr(text))
		// Behind an expression stands its closing parenthesis.
		start = 1
	}
	return parts, nil
}

// embedded reads {x}, which is x.
func (s *selfContained) embedded(n *ast.StructLit, sc *scope) (compat.Expr, error) {
	inner := &scope{outer: sc, fields: n}
	var parts []ast.Expr
	for _, e := range n.Elts {
		switch e := e.(type) {
		case *ast.EmbedDecl:
			parts = append(parts, conjuncts(e.Expr)...)
		case *ast.LetClause:
		default:
			return nil, errors.New("a struct in a text")
		}
	}
	return s.unify(parts, inner)
}

func (s *selfContained) unary(n *ast.UnaryExpr, sc *scope) (compat.Expr, error) {
	e, err := s.expr(n.X, sc)
	if err != nil {
		return nil, err
	}
	number, isNumber := e.(compat.NumberExpr)
	switch {
	case n.Op == token.NOT:
		return compat.OpExpr{Op: "!", Args: []compat.Expr{e}}, nil
	case n.Op == token.SUB && isNumber:
		return "-" + number, nil
	case n.Op == token.ADD:
		return e, nil
	case n.Op == token.SUB:
		return compat.OpExpr{Op: "-", Args: []compat.Expr{compat.NumberExpr("0"), e}}, nil
	}
	return nil, fmt.Errorf("the operator %s has no counterpart in a template", n.Op)
}

func (s *selfContained) binary(n *ast.BinaryExpr, sc *scope) (compat.Expr, error) {
	switch n.Op {
	case token.AND:
		return s.unify(conjuncts(n), sc)
	case token.OR:
		if d := defaultOf(n); d != nil {
			return s.expr(d, sc)
		}
		return nil, errors.New("a value that may be one of several")
	case token.EQL, token.NEQ:
		if e, ok, err := s.existence(n, sc); ok {
			return e, err
		}
	}
	a, err := s.expr(n.X, sc)
	if err != nil {
		return nil, err
	}
	b, err := s.expr(n.Y, sc)
	return compat.OpExpr{Op: n.Op.String(), Args: []compat.Expr{a, b}}, err
}

// existence reads x != _|_.
func (s *selfContained) existence(n *ast.BinaryExpr, sc *scope) (compat.Expr, bool, error) {
	if _, ok := unparen(n.Y).(*ast.BottomLit); !ok {
		return nil, false, nil
	}
	e, err := s.expr(n.X, sc)
	if err != nil {
		return nil, true, err
	}
	if p, ok := e.(compat.ParamExpr); ok {
		// Whether it is there, not what stands for it.
		p.Default = nil
		e = p
	}
	e = compat.ExistsExpr{Of: e}
	if n.Op == token.EQL {
		e = compat.OpExpr{Op: "!", Args: []compat.Expr{e}}
	}
	return e, true, nil
}

// follow reads what a path leads to.
func (s *selfContained) follow(n ast.Expr, sc *scope) (compat.Expr, error) {
	r, err := s.resolve(n, sc)
	if err != nil {
		return nil, err
	}
	return s.refExpr(r)
}

func (s *selfContained) refExpr(r ref) (compat.Expr, error) {
	switch r := r.(type) {
	case templateRef:
		return compat.TemplateExpr(r.text), nil
	case varRef:
		return compat.ParamExpr{Var: r.name, Path: r.steps}, nil
	case litRef:
		return s.literalExpr(r)
	case bothRef:
		return s.bothExpr(r)
	case pathRef:
		return s.x.pathExpr(r)
	}
	return nil, errors.New("a path that leads nowhere")
}

func (s *selfContained) literalExpr(r litRef) (compat.Expr, error) {
	if s.x.depth++; s.x.depth > maxDepth {
		return nil, errors.New("references that go round in a circle")
	}
	defer func() { s.x.depth-- }()
	return s.expr(r.node, r.scope)
}

// bothExpr reads several that are unified. A default beside a parameter stands for
// one that is missing: ({k: *"" | string} & input.options).k.
func (s *selfContained) bothExpr(refs bothRef) (compat.Expr, error) {
	var param *compat.ParamExpr
	var other compat.Expr
	problem := errors.New("a value that nothing sets")
	for _, r := range refs {
		if lit, ok := r.(litRef); ok && s.isConstraint(lit.node, lit.scope, 0) {
			continue
		}
		e, err := s.refExpr(r)
		if err != nil {
			problem = err
			continue
		}
		if p, ok := e.(compat.ParamExpr); ok {
			param = &p
		} else {
			other = e
		}
	}
	text, isText := other.(compat.TextExpr)
	switch {
	case param != nil && isText:
		def := string(text)
		param.Default = &def
		return *param, nil
	case param != nil:
		return *param, nil
	case other != nil:
		return other, nil
	}
	return nil, problem
}

// pathExpr reads a path in the action: a parameter, or a value that is known.
func (x *exporter) pathExpr(p pathRef) (compat.Expr, error) {
	if !p.isParameter() {
		v, ok := x.at(p)
		if !ok {
			return nil, fmt.Errorf("there is no %s", pathText(p))
		}
		return x.expression(v)
	}
	if len(p.steps) == 2 && p.steps[1].Name == "options" && x.hasDefaults(p) {
		return nil, errors.New("all options together, of which some have defaults: Kanister knows no defaults")
	}
	e := compat.ParamExpr{Path: p.steps}
	if v, ok := lookup(x.plain, p.steps); ok {
		if text, ok := defaultText(v); ok {
			e.Default = &text
		}
	}
	return e, nil
}

func (x *exporter) hasDefaults(p pathRef) bool {
	found := false
	if v, ok := lookup(x.plain, p.steps); ok {
		each(v, func(_ string, option cue.Value) {
			_, has := defaultText(option)
			found = found || has
		})
	}
	return found
}

func pathText(p pathRef) string {
	var names []string
	for _, s := range p.steps {
		names = append(names, s.Name)
	}
	return strings.Join(names, ".")
}
