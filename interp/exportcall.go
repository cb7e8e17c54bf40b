package interp

import (
	"cmp"
	"errors"
	"strings"

	"cuelang.org/go/cue/ast"

	"github.com/rescuecue/rescue/compat"
)

// callName is the function's name with that of its package, whatever the file
// calls the package.
func callName(n *ast.CallExpr, imports map[string]string) string {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		pkg, ok := f.X.(*ast.Ident)
		name, _, err := ast.LabelName(f.Sel)
		if ok && err == nil {
			return cmp.Or(imports[pkg.Name], pkg.Name) + "." + name
		}
	}
	return "a computed function"
}

// importNames maps the names that a file gives to packages to their own.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for spec := range f.ImportSpecs() {
		path, err := unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		own := path[strings.LastIndexByte(path, '/')+1:]
		names[own] = own
		if spec.Name != nil {
			names[spec.Name.Name] = own
		}
	}
	return names
}

func (s *selfContained) call(n *ast.CallExpr, sc *scope) (compat.Expr, error) {
	if list, ok := s.choiceCall(n); ok {
		if c, ok, err := s.choice(list, sc); ok {
			return c, err
		}
	}
	call := compat.CallExpr{Func: callName(n, s.imports)}
	for _, arg := range n.Args {
		e, err := s.argument(arg, sc)
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, e)
	}
	return call, nil
}

// argument of a call: other than elsewhere it may be a list, or null.
func (s *selfContained) argument(n ast.Expr, sc *scope) (compat.Expr, error) {
	if lit, ok := n.(*ast.BasicLit); ok && lit.Value == "null" {
		return compat.TextExpr(""), nil
	}
	switch n.(type) {
	case *ast.Ident, *ast.SelectorExpr:
		r, err := s.resolve(n, sc)
		if err != nil {
			return nil, err
		}
		if lit, ok := r.(litRef); ok {
			if list, inner, ok := s.listLiteral(lit); ok {
				return s.listExpr(list, inner)
			}
		}
	}
	return s.expr(n, sc)
}

// listExpr reads a list: its elements, or a single loop.
func (s *selfContained) listExpr(n *ast.ListLit, sc *scope) (compat.Expr, error) {
	list := compat.ListExpr{}
	for _, e := range n.Elts {
		c, ok := e.(*ast.Comprehension)
		if ok && len(n.Elts) == 1 {
			return s.loop(c, sc)
		}
		if ok {
			return nil, errors.New("a list with if or for among its elements")
		}
		item, err := s.expr(e, sc)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

// loop reads [for k, v in list if condition {body}].
func (s *selfContained) loop(c *ast.Comprehension, sc *scope) (compat.Expr, error) {
	head, ok := c.Clauses[0].(*ast.ForClause)
	if !ok {
		return nil, errors.New("a list of an element that is there or not")
	}
	loop := compat.LoopExpr{Value: head.Value.Name}
	inner := &scope{outer: sc, vars: map[string]bool{loop.Value: true}}
	if head.Key != nil {
		loop.Key = head.Key.Name
		inner.vars[loop.Key] = true
	}
	var err error
	if loop.Over, err = s.argument(head.Source, sc); err != nil {
		return nil, err
	}
	if loop.If, inner, err = s.conditions(c.Clauses[1:], inner); err != nil {
		return nil, err
	}
	loop.Body, err = s.expr(c.Value, inner)
	return loop, err
}

// conditions reads the clauses of a comprehension behind the first for.
func (s *selfContained) conditions(clauses []ast.Clause, sc *scope) (compat.Expr, *scope, error) {
	var all compat.Expr
	for _, clause := range clauses {
		switch clause := clause.(type) {
		case *ast.LetClause:
			sc = &scope{outer: sc, let: clause}
		case *ast.IfClause:
			e, err := s.expr(clause.Condition, sc)
			if err != nil {
				return nil, nil, err
			}
			if all != nil {
				e = compat.OpExpr{Op: "&&", Args: []compat.Expr{all, e}}
			}
			all = e
		default:
			return nil, nil, errors.New("a loop in a loop within one list")
		}
	}
	return all, sc, nil
}

// choiceCall finds the list in what callChoices has made of [if x {…}, …][0].
func (s *selfContained) choiceCall(n *ast.CallExpr) (ast.Expr, bool) {
	if callName(n, s.imports) != "or" || len(n.Args) != 1 {
		return nil, false
	}
	slice, ok := n.Args[0].(*ast.CallExpr)
	if !ok || callName(slice, s.imports) != "list.Slice" || len(slice.Args) != 3 {
		return nil, false
	}
	return slice.Args[0], true
}

// choice recognises [if x {…}, if y {…}, …], of which the first counts.
func (s *selfContained) choice(n ast.Expr, sc *scope) (compat.Expr, bool, error) {
	list, inner, ok := s.listLiteral(litRef{node: n, scope: sc})
	if !ok || len(list.Elts) == 0 {
		return nil, false, nil
	}
	if _, ok := list.Elts[0].(*ast.Comprehension); !ok {
		return nil, false, nil
	}
	var choice compat.ChoiceExpr
	for _, e := range list.Elts {
		b, err := s.branch(e, inner)
		if err != nil {
			return nil, true, err
		}
		choice = append(choice, b)
		if b.If == nil {
			break
		}
	}
	return choice, true, nil
}

func (s *selfContained) branch(e ast.Expr, sc *scope) (compat.Branch, error) {
	c, ok := e.(*ast.Comprehension)
	if !ok {
		then, err := s.expr(e, sc)
		return compat.Branch{Then: then}, err
	}
	cond, inner, err := s.conditions(c.Clauses, sc)
	if err != nil {
		return compat.Branch{}, err
	}
	then, err := s.expr(c.Value, inner)
	return compat.Branch{If: cond, Then: then}, err
}
