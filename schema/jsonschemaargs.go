package schema

import (
	"maps"
	"slices"
	"unicode"

	"cuelang.org/go/cue"
)

// phase makes a phase, whose arguments depend on its function.
func (w *jsonWriter) phase(fields []Field) object {
	p := w.fields(fields)
	names := w.set.Names()
	var docs []string
	var cases []any
	for _, name := range names {
		f, _ := w.set.Function(name)
		docs = append(docs, plainDoc(f.Doc))
		w.definitions[name] = arguments(f)
		cases = append(cases, object{
			"if":   object{"properties": object{"func": object{"const": name}}, "required": []string{"func"}},
			"then": w.call(f),
		})
	}
	properties := p["properties"].(object)
	properties["func"] = object{"enum": names, "enumDescriptions": docs, "description": "func is the function to call."}
	properties["args"] = object{"type": "object", "description": "args of the function."}
	p["required"] = []string{"func"}
	p["allOf"] = cases
	return p
}

// call says what a phase must have that calls the function.
func (w *jsonWriter) call(f Func) object {
	then := object{"properties": object{"args": object{"$ref": "#/definitions/" + f.Name}}}
	if len(f.Required)+len(f.ExactlyOne)+len(f.Unless) > 0 {
		then["required"] = []string{"args"}
	}
	return then
}

// arguments makes a schema of the arguments of a function, with the rules between them.
func arguments(f Func) object {
	properties := object{}
	for _, a := range f.Args {
		s := described(argument(a.Value), a.Doc)
		if name, alias := f.Aliases[a.Name]; alias {
			s["description"] = "Another spelling of " + name + "."
			s["deprecationMessage"] = "Kanister itself wants " + name + "."
		}
		if a.Default != "" {
			s["description"] = s["description"].(string) + " By default it is " + a.Default + "."
		}
		properties[a.Name] = s
	}
	o := object{"type": "object", "description": plainDoc(f.Doc), "properties": properties, "additionalProperties": false}
	required := slices.DeleteFunc(slices.Clone(f.Required), func(name string) bool { return len(spellings(f, name)) > 1 })
	if len(required) > 0 {
		o["required"] = required
	}
	if rules := argumentRules(f); len(rules) > 0 {
		o["allOf"] = rules
	}
	return o
}

// spellings of an argument, its own first.
func spellings(f Func, name string) []string {
	all := []string{name}
	for _, alias := range slices.Sorted(maps.Keys(f.Aliases)) {
		if f.Aliases[alias] == name {
			all = append(all, alias)
		}
	}
	return all
}

// argumentRules are those of the function's entry; see #Functions.
func argumentRules(f Func) []any {
	var rules []any
	for _, name := range f.Required {
		if all := spellings(f, name); len(all) > 1 {
			rules = append(rules, oneGiven(all))
		}
	}
	for _, group := range f.ExactlyOne {
		rules = append(rules, oneGiven(group))
		rules = append(rules, notTogether(group)...)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Unless)) {
		rules = append(rules, object{"if": object{"not": given(name)}, "then": given(f.Unless[name]...)})
	}
	for _, name := range slices.Sorted(maps.Keys(f.When)) {
		for _, value := range slices.Sorted(maps.Keys(f.When[name])) {
			is := object{"properties": object{name: object{"const": value}}, "required": []string{name}}
			rules = append(rules, object{"if": is, "then": given(f.When[name][value]...)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		rules = append(rules, inside(name, object{"allOf": keys(f.Fields[name])}))
	}
	for _, name := range slices.Sorted(maps.Keys(f.AnyField)) {
		rules = append(rules, inside(name, object{"anyOf": keys(f.AnyField[name])}))
	}
	return rules
}

func given(names ...string) object { return object{"required": names} }

func oneGiven(names []string) object {
	var any []any
	for _, name := range names {
		any = append(any, given(name))
	}
	return object{"anyOf": any}
}

// notTogether forbids two arguments that both hold a value: a template can turn out empty.
func notTogether(group []string) []any {
	value := object{"not": object{"type": "string", "pattern": `\{\{|^$`}}
	var rules []any
	for i, a := range group {
		for _, b := range group[i+1:] {
			rules = append(rules, object{"not": object{"required": []string{a, b}, "properties": object{a: value, b: value}}})
		}
	}
	return rules
}

// inside says something about an argument that is a map.
func inside(name string, rule object) object {
	return object{"properties": object{name: object{"if": object{"type": "object"}, "then": rule}}}
}

// keys demands names in any case, as Kanister takes them inside of arguments.
func keys(names []string) []any {
	var rules []any
	for _, name := range names {
		other := object{"not": object{"propertyNames": object{"not": object{"pattern": anyCase(name)}}}}
		rules = append(rules, object{"anyOf": []any{given(name), other}})
	}
	return rules
}

// anyCase is a pattern of a name in upper or lower case.
func anyCase(name string) string {
	pattern := "^"
	for _, c := range name {
		pattern += "[" + string(unicode.ToLower(c)) + string(unicode.ToUpper(c)) + "]"
	}
	return pattern + "$"
}

// Texts of a form that stand for something else.
var (
	template = object{"type": "string", "pattern": `\{\{`}
	scalar   = object{"type": []string{"string", "number", "boolean"}}
	number   = object{"type": "string", "pattern": "^[+-]?[0-9]+$"}
	truth    = object{"type": "string", "pattern": "^(|0|1|[tTfF]|TRUE|true|True|FALSE|false|False|[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$"}
)

// argument makes a schema of a constraint, as Kanister converts values: a text can be a number
// or a truth value, each of these a text, and a text with a template anything.
func argument(c cue.Value) object {
	// Before it has elements, a list that must have some is nothing at all.
	nonEmpty := c.IncompleteKind() == cue.BottomKind
	c = TypeOf(c)
	switch kind := c.IncompleteKind(); {
	case kind == cue.StructKind:
		return object{"anyOf": []any{structure(c), template}}
	case kind == cue.ListKind:
		return list(c, nonEmpty)
	case kind&cue.ListKind != 0:
		return object{"anyOf": []any{object{"type": "array", "items": scalar}, scalar}}
	case kind == cue.BoolKind:
		return object{"anyOf": []any{object{"type": "boolean"}, object{"enum": []int{0, 1}}, truth, template}}
	case kind&cue.NumberKind != 0 && kind&cue.StringKind == 0:
		return object{"anyOf": []any{numeric(c), number, template}}
	case kind == cue.StringKind:
		return text(c)
	}
	return object{}
}

// list takes one value for a list of one.
func list(c cue.Value, nonEmpty bool) object {
	items := scalar
	elem := c.LookupPath(cue.MakePath(cue.AnyIndex))
	if elem.Exists() && elem.IncompleteKind() == cue.StructKind {
		items = structure(elem)
	}
	array := object{"type": "array", "items": items}
	if nonEmpty {
		array["minItems"] = 1
	}
	return object{"anyOf": []any{array, scalar}}
}

// structure is a map: of any fields, of values of one form, or of certain fields.
func structure(c cue.Value) object {
	o := object{"type": "object"}
	if elem := c.LookupPath(cue.MakePath(cue.AnyString)); elem.Exists() {
		if elem.IncompleteKind() == cue.StringKind {
			o["additionalProperties"] = scalar
		}
		return o
	}
	it, err := c.Fields(cue.Optional(true))
	if err != nil {
		return o
	}
	properties, patterns := object{}, object{}
	for it.Next() {
		name := it.Selector().Unquoted()
		properties[name] = described(argument(it.Value()), comment(it.Value()))
		patterns[anyCase(name)] = argument(it.Value())
	}
	if len(properties) > 0 {
		o["properties"], o["patternProperties"], o["additionalProperties"] = properties, patterns, false
	}
	return o
}

// numeric takes the bounds of a number along.
func numeric(c cue.Value) object {
	o := object{"type": "integer"}
	for _, part := range parts(c, cue.AndOp) {
		op, operands := part.Expr()
		if len(operands) != 1 {
			continue
		}
		n, err := operands[0].Int64()
		if err != nil {
			continue
		}
		switch op {
		case cue.GreaterThanEqualOp:
			o["minimum"] = n
		case cue.LessThanEqualOp:
			o["maximum"] = n
		}
	}
	return o
}

// text is an enumeration, a text of a form, or any. What JSON Schema cannot say is left out.
func text(c cue.Value) object {
	var alternatives []any
	var values []string
	for _, alternative := range parts(c, cue.OrOp) {
		if alternative.IncompleteKind() == cue.BottomKind {
			continue // error("…")
		}
		if s, err := alternative.String(); err == nil {
			values = append(values, s)
			continue
		}
		pattern, ok := patternOf(alternative)
		if !ok {
			return scalar
		}
		alternatives = append(alternatives, pattern)
	}
	if values != nil {
		alternatives = append([]any{object{"enum": values}}, alternatives...)
	}
	return object{"anyOf": append(alternatives, template)}
}

// patternOf finds a regular expression among the conditions of a text.
func patternOf(c cue.Value) (object, bool) {
	for _, part := range parts(c, cue.AndOp) {
		op, operands := part.Expr()
		if op != cue.RegexMatchOp || len(operands) != 1 {
			continue
		}
		if pattern, err := operands[0].String(); err == nil && inBrowser(pattern) {
			return object{"type": "string", "pattern": pattern}, true
		}
	}
	return nil, false
}

// parts takes a constraint apart at an operator.
func parts(c cue.Value, op cue.Op) []cue.Value {
	found, operands := cue.Dereference(c).Expr()
	if found != op {
		return []cue.Value{c}
	}
	var all []cue.Value
	for _, o := range operands {
		all = append(all, parts(o, op)...)
	}
	return all
}
