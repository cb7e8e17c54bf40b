package compat

import "strings"

// inOrder compares two numbers, or two texts, as gt and its relatives do.
func inOrder(operator, opposite string) func(*translator, []term) (term, error) {
	return func(_ *translator, args []term) (term, error) {
		if len(args) != 2 || args[0].maybe || args[1].maybe || args[0].typ.kind != args[1].typ.kind ||
			args[0].typ.kind != intParam && args[0].typ.kind != textParam {
			return term{}, kept("an order of values whose types are not known")
		}
		return term{
			cue: args[0].cue + " " + operator + " " + args[1].cue,
			not: args[0].cue + " " + opposite + " " + args[1].cue, typ: boolType,
		}, nil
	}
}

// arithmetic knows whole numbers. Of other values, sprig takes what looks like a number,
// and 0 for the rest.
func arithmetic(operator string) func(*translator, []term) (term, error) {
	return func(_ *translator, args []term) (term, error) {
		if len(args) < 2 {
			return term{}, kept("arithmetic with a single number")
		}
		operands := make([]string, len(args))
		for i, a := range args {
			if a.typ.kind != intParam || a.maybe {
				return term{}, kept("arithmetic with something that is not known to be a number")
			}
			operands[i] = a.cue
			if strings.Contains(a.cue, " ") {
				operands[i] = "(" + a.cue + ")"
			}
		}
		return term{cue: strings.Join(operands, " "+operator+" "), typ: intType}, nil
	}
}

// difference is sub, which takes two numbers.
func difference(t *translator, args []term) (term, error) {
	if len(args) != 2 {
		return term{}, kept("sub of %d numbers", len(args))
	}
	return arithmetic("-")(t, args)
}

// next is add1.
func next(t *translator, args []term) (term, error) {
	return arithmetic("+")(t, append(args, term{cue: "1", typ: intType}))
}
