package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
)

// describe reads an entry of #Functions.
func describe(name string, v cue.Value) (Func, error) {
	f := Func{Name: name, Args: fields(v, "args"), Outputs: fields(v, "output")}
	f.Doc, f.Example = splitExample(comment(v))
	for path, target := range map[string]any{
		"required":   &f.Required,
		"exactlyOne": &f.ExactlyOne,
		"unless":     &f.Unless,
		"when":       &f.When,
		"fields":     &f.Fields,
		"anyField":   &f.AnyField,
		"aliases":    &f.Aliases,
		"script":     &f.Script,
		"deprecated": &f.Deprecated,
		"since":      &f.Since,
		"removed":    &f.Removed,
		"argSince":   &f.ArgSince,
		"valueSince": &f.ValueSince,
		"extensions": &f.Extensions,
	} {
		if err := decode(v, path, target); err != nil {
			return Func{}, fmt.Errorf("function %s: %w", name, err)
		}
	}
	return f, nil
}

func fields(v cue.Value, path string) []Arg {
	it, err := v.LookupPath(cue.ParsePath(path)).Fields(cue.Optional(true))
	if err != nil {
		return nil // An entry with script has no output.
	}
	var args []Arg
	for it.Next() {
		c := it.Value()
		args = append(args, Arg{
			Name:     it.Selector().Unquoted(),
			Doc:      comment(c),
			Type:     typeOf(c),
			Default:  defaultOf(c),
			Optional: it.IsOptional(),
			Kind:     TypeOf(c).IncompleteKind(),
			Value:    c,
		})
	}
	return args
}

// TypeOf returns the type in a constraint that has conditions beside it: a list
// that must not be empty evaluates to nothing at all before it has elements.
func TypeOf(constraint cue.Value) cue.Value {
	if !constraint.Exists() || constraint.IncompleteKind() != cue.BottomKind {
		return constraint
	}
	op, operands := cue.Dereference(constraint).Expr()
	if op != cue.AndOp {
		return constraint
	}
	for _, o := range operands {
		if o.IncompleteKind() != cue.ListKind || o.LookupPath(cue.MakePath(cue.AnyIndex)).Exists() {
			return o
		}
	}
	return constraint
}

// typeOf writes a constraint as its author did, without the message for values
// that break it. An enumeration is spelt out also where it has a name.
func typeOf(c cue.Value) string {
	if _, path := c.ReferencePath(); len(path.Selectors()) > 0 && !isEnumeration(c) {
		return path.String()
	}
	field, ok := c.Source().(*ast.Field)
	if !ok || isEnumeration(c) {
		return fmt.Sprint(c)
	}
	src, err := format.Node(withoutError(field.Value))
	if err != nil {
		return fmt.Sprint(c)
	}
	return string(src)
}

func isEnumeration(c cue.Value) bool {
	op, alternatives := cue.Dereference(c).Expr()
	return op == cue.OrOp && !slices.ContainsFunc(alternatives, func(a cue.Value) bool {
		return a.Exists() && !a.IsConcrete()
	})
}

// withoutError takes the error("…") off the end of a disjunction.
func withoutError(x ast.Expr) ast.Expr {
	or, ok := x.(*ast.BinaryExpr)
	if !ok || or.Op != token.OR {
		return x
	}
	if call, ok := or.Y.(*ast.CallExpr); ok {
		if fun, ok := call.Fun.(*ast.Ident); ok && fun.Name == "error" {
			return or.X
		}
	}
	return x
}

// defaultOf returns the marked default of a text, a number or a truth value. CUE
// counts more as a default, such as the empty list of an open one.
func defaultOf(c cue.Value) string {
	d, marked := c.Default()
	scalar := d.IncompleteKind()&(cue.StringKind|cue.NumberKind|cue.BoolKind) != 0
	if !marked || !scalar || !d.IsConcrete() {
		return ""
	}
	return fmt.Sprint(d)
}

// decode leaves target as it is where the entry says nothing.
func decode(v cue.Value, path string, target any) error {
	c := v.LookupPath(cue.ParsePath(path))
	if d, ok := c.Default(); ok {
		c = d
	}
	if !c.Exists() || !c.IsConcrete() {
		return nil
	}
	return c.Decode(target)
}

func comment(v cue.Value) string {
	var text []string
	for _, g := range v.Doc() {
		text = append(text, strings.TrimSpace(g.Text()))
	}
	return strings.Join(text, "\n")
}

// splitExample takes the indented end of a comment apart.
func splitExample(comment string) (doc, example string) {
	doc, example, _ = strings.Cut(comment, "\n\n\t")
	example = strings.ReplaceAll(example, "\n\t", "\n")
	return doc, example
}
