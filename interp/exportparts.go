package interp

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"github.com/rescuecue/rescue/compat"
)

// parts takes a value apart that CUE cannot write as an expression of its own:
// because it reads fields of a struct without a name, or fields whose names are no
// identifiers.
func (x *exporter) parts(v cue.Value, why error) (compat.Expr, error) {
	op, args := v.Expr()
	switch op {
	case cue.SelectorOp, cue.IndexOp, cue.NoOp:
		_, path := v.ReferencePath()
		if p, ok := x.ownPath(path.String()); ok {
			return x.pathExpr(p)
		}
		if to := cue.Dereference(v); to.Path().String() != v.Path().String() || to.Source() != v.Source() {
			return x.expression(to)
		}
		if e, ok := concrete(v); ok && op == cue.NoOp {
			return e, nil
		}
		return nil, why
	case cue.AndOp:
		for _, arg := range args {
			if e, err := x.expression(arg); err == nil {
				return e, nil
			}
		}
		return nil, why
	case cue.InterpolationOp:
		return x.joinParts(args)
	case cue.CallOp:
		return x.callParts(args, why)
	}
	if len(args) == 2 && compatOp(op) != "" {
		return x.binaryParts(compatOp(op), args)
	}
	return nil, why
}

func (x *exporter) joinParts(args []cue.Value) (compat.Expr, error) {
	var parts compat.JoinExpr
	for i, arg := range args {
		if text, err := arg.String(); i%2 == 0 && err == nil {
			// The text between two expressions.
			parts = append(parts, compat.TextExpr(text))
			continue
		}
		e, err := x.expression(arg)
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
	}
	return parts, nil
}

// callParts reads a call; the first part is the function.
func (x *exporter) callParts(args []cue.Value, why error) (compat.Expr, error) {
	name, err := source(args[0])
	if err != nil {
		return nil, why
	}
	file, err := parser.ParseFile("function", name)
	if err != nil || len(file.Decls) == 0 {
		return nil, why
	}
	embed, ok := file.Decls[len(file.Decls)-1].(*ast.EmbedDecl)
	if !ok {
		return nil, why
	}
	call := compat.CallExpr{Func: callName(&ast.CallExpr{Fun: embed.Expr}, importNames(file))}
	for _, arg := range args[1:] {
		e, err := x.expression(arg)
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, e)
	}
	return call, nil
}

func (x *exporter) binaryParts(op string, args []cue.Value) (compat.Expr, error) {
	a, err := x.expression(args[0])
	if err != nil {
		return nil, err
	}
	b, err := x.expression(args[1])
	return compat.OpExpr{Op: op, Args: []compat.Expr{a, b}}, err
}

func compatOp(op cue.Op) string {
	return map[cue.Op]string{
		cue.AddOp: "+", cue.SubtractOp: "-", cue.MultiplyOp: "*",
		cue.EqualOp: "==", cue.NotEqualOp: "!=", cue.BooleanAndOp: "&&", cue.BooleanOrOp: "||",
	}[op]
}
