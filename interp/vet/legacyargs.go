package vet

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
	"github.com/rescuecue/rescue/schema/suggest"
)

// nulls reports every null below the field: Kanister's controller dies of one.
func (p *legacyPhase) nulls(field *compat.Field) {
	if field == nil {
		return
	}
	p.nullsIn(field.Value, p.path+".args")
}

func (p *legacyPhase) nullsIn(v *compat.Value, path string) {
	for _, f := range v.Fields {
		at := path + "." + f.Name
		if f.Value.Kind == compat.Null {
			p.key(f, at, Finding{
				Rule:       ruleNullArgument,
				Message:    fmt.Sprintf("%q is null: there is nothing after it", f.Name),
				Found:      "null",
				Suggestion: "give it a value, or remove it",
			})
		}
		p.nullsIn(f.Value, at)
	}
	for i, item := range v.Items {
		at := fmt.Sprintf("%s.%d", path, i)
		if item.Kind == compat.Null {
			p.value(item, at, Finding{Rule: ruleNullArgument, Message: "this item is null: there is nothing in it", Found: "null"})
		}
		p.nullsIn(item, at)
	}
}

// arguments checks names and values of the arguments against the function's schema.
func (p *legacyPhase) arguments(function schema.Func) {
	for _, f := range p.phase.Args {
		path := p.path + ".args." + f.Name
		arg, known := function.Arg(f.Name)
		switch {
		case !known:
			p.key(f, path, argumentFinding(function, f.Name, p.argumentNames()))
			continue
		case function.Canonical(f.Name) != f.Name:
			p.key(f, path, aliasFinding(function, f.Name))
		}
		if f.Value.Kind != compat.Null {
			t := typeChecker{p.legacyChecker, function.Name}
			t.check(f.Value, arg, path)
		}
	}
	if misspelt("args", fieldNamesIn(p.phase.Unknown)) {
		return // They are there, under a name that is none.
	}
	for _, problem := range p.call(function).problems() {
		if field := p.phase.Arg(problem.arg); field != nil {
			p.key(field, p.path+".args."+problem.arg, problem.finding)
			continue
		}
		p.value(p.phase.FuncPos, p.path+".args", problem.finding)
	}
}

// call reads which arguments are given. A misspelt one counts as the one that was
// meant: its own finding is enough.
func (p *legacyPhase) call(function schema.Func) call {
	c := call{function: function, text: p.literal, fields: p.fieldsOf}
	for _, f := range p.phase.Args {
		name := f.Name
		if _, known := function.Arg(name); !known {
			if meant := meantArgument(function, name, p.argumentNames()); meant != "" {
				name = meant
			}
		}
		c.given = append(c.given, name)
		if s, text := f.Value.Text(); !text || s != "" && !isTemplate(s) {
			c.certain = append(c.certain, name)
		}
	}
	return c
}

// argumentNames lists the arguments as they are written.
func (p *legacyPhase) argumentNames() []string {
	names := make([]string, len(p.phase.Args))
	for i, f := range p.phase.Args {
		names[i] = f.Name
	}
	return names
}

// literal is the text of an argument that is no template.
func (p *legacyPhase) literal(arg string) (string, bool) {
	f := p.phase.Arg(arg)
	if f == nil {
		return "", false
	}
	s, ok := f.Value.Text()
	return s, ok && !isTemplate(s)
}

// fieldsOf lists the names in an argument that is a map, in the schema's case.
func (p *legacyPhase) fieldsOf(arg string) ([]string, bool) {
	f := p.phase.Arg(arg)
	if f == nil || f.Value.Kind != compat.Map {
		return nil, false
	}
	function, _ := p.set.Function(p.phase.Func)
	constraint, _ := function.Arg(arg)
	known := fieldNames(constraint.Value)
	var names []string
	for _, x := range f.Value.Fields {
		name := inCase(x.Name, known)
		switch near := suggest.Nearest(name, known); {
		case slices.Contains(known, name):
			names = append(names, name)
		case near != "":
			// A misspelt one counts as the one that was meant.
			names = append(names, near)
		default:
			// One that is reported as unknown may have been meant as one of these.
			names = append(names, function.AnyField[arg]...)
		}
	}
	return names, true
}

// inCase returns the known name that differs from name only in upper and lower
// case, which Kanister takes for the same inside of arguments.
func inCase(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func isTemplate(s string) bool { return strings.Contains(s, "{{") }

// A typeChecker compares a YAML value with a constraint of the schema the way
// Kanister decodes arguments: weakly, so that 5 is text and "true" a boolean.
type typeChecker struct {
	*legacyChecker
	function string
}

func (t typeChecker) check(v *compat.Value, arg schema.Arg, path string) {
	switch {
	case plainText(v, arg):
	case arg.Kind == cue.StructKind:
		t.structure(v, arg.Value, arg.Name, path)
	default:
		t.scalarOrList(v, arg, path)
	}
}

// plainText is the commonest case: text where any text will do.
func plainText(v *compat.Value, arg schema.Arg) bool {
	return v.Kind == compat.String && (arg.Type == "string" || arg.Kind != cue.StructKind && isTemplate(v.Str))
}

func (t typeChecker) scalarOrList(v *compat.Value, arg schema.Arg, path string) {
	if v.Kind == compat.Map {
		t.mismatch(v, arg.Name, TypeText(arg), path)
		return
	}
	if isList(arg) {
		t.list(v, arg, path)
		return
	}
	if v.Kind == compat.List {
		if arg.Kind&cue.ListKind == 0 {
			t.mismatch(v, arg.Name, TypeText(arg), path)
		}
		return
	}
	if ok, expected := acceptsAny(arg.Value, coercions(v, arg.Kind)); !ok {
		t.mismatch(v, arg.Name, cmp.Or(expected, TypeText(arg)), path)
	}
}

func isList(arg schema.Arg) bool { return arg.Kind == cue.ListKind }

// list checks the items; a single value counts as a list of one.
func (t typeChecker) list(v *compat.Value, arg schema.Arg, path string) {
	if v.Kind != compat.List {
		if contains(scriptArguments, arg.Name) && v.Kind == compat.String && !isTemplate(v.Str) && strings.Contains(strings.TrimSpace(v.Str), " ") {
			t.mismatch(v, arg.Name, TypeText(arg), path) // No program has a name of several words.
		}
		return
	}
	if len(v.Items) == 0 {
		if ok, _ := acceptsAny(arg.Value, []any{[]string{}}); !ok {
			t.mismatch(v, arg.Name, "at least one item", path)
		}
	}
	for i, item := range v.Items {
		if item.Kind == compat.List || item.Kind == compat.Map {
			t.mismatch(item, fmt.Sprintf("%s.%d", arg.Name, i), "string", fmt.Sprintf("%s.%d", path, i))
		}
	}
}

// structure checks a map. A template gives text, which is no map.
func (t typeChecker) structure(v *compat.Value, constraint cue.Value, name, path string) {
	if v.Kind != compat.Map {
		t.mismatch(v, name, "map", path)
		return
	}
	names := fieldNames(constraint)
	for _, f := range v.Fields {
		at, value := path+"."+f.Name, partOf(constraint, inCase(f.Name, names))
		switch {
		case value.Exists():
			t.nested(f.Value, value, name+"."+f.Name, at)
		case len(names) > 0 && !isTemplate(f.Name):
			finding := Finding{Rule: ruleUnknownField, Message: fmt.Sprintf("%s: %s has no field %q", t.function, name, f.Name)}
			t.key(f, at, finding.hint(f.Name, "fields", names))
		}
	}
}

// nested checks a value inside of an argument.
func (t typeChecker) nested(v *compat.Value, constraint cue.Value, name, path string) {
	kind := constraint.IncompleteKind()
	switch {
	case v.Kind == compat.Null, kind == cue.TopKind:
	case kind == cue.StructKind:
		t.structure(v, constraint, name, path)
	case kind == cue.ListKind:
		items := constraint.LookupPath(cue.MakePath(cue.AnyIndex))
		for i, item := range v.Items {
			if items.Exists() {
				t.nested(item, items, fmt.Sprintf("%s.%d", name, i), fmt.Sprintf("%s.%d", path, i))
			}
		}
	default:
		arg := schema.Arg{Name: name, Type: fmt.Sprint(constraint), Kind: kind, Value: constraint}
		if !plainText(v, arg) {
			t.scalarOrList(v, arg, path)
		}
	}
}

func (t typeChecker) mismatch(v *compat.Value, name, expected, path string) {
	if t.known(v.Line, v.Column) || v.Kind == compat.Map && t.known(v.Line, v.Column+1) {
		return // It has the wrong type for another reason, which is reported.
	}
	found := foundText(v)
	t.value(v, path, Finding{
		Rule:     ruleArgumentType,
		Message:  fmt.Sprintf("argument %q: expected %s, found %s", name, expected, found),
		Expected: expected,
		Found:    found,
	})
}

func foundText(v *compat.Value) string {
	switch v.Kind {
	case compat.Bool:
		return "bool " + v.Str
	case compat.Int:
		return "int " + v.Str
	case compat.Float:
		return "float " + v.Str
	case compat.String:
		if strings.Contains(v.Str, "\n") || len(v.Str) > 60 {
			return "string"
		}
		return "string " + strconv.Quote(v.Str)
	case compat.List:
		return "list"
	case compat.Map:
		return "map"
	}
	return "null"
}

var digits = regexp.MustCompile(`^[+-]?[0-9]+$`)

// coercions lists what Kanister's decoder can make of a scalar for the kinds that
// are wanted.
func coercions(v *compat.Value, want cue.Kind) []any {
	var made []any
	if want&cue.StringKind != 0 && v.Kind != compat.Null {
		made = append(made, v.Str)
	}
	if want&cue.BoolKind != 0 {
		made = append(made, booleans(v)...)
	}
	if want&cue.IntKind != 0 {
		switch {
		case v.Kind == compat.Int:
			made = append(made, v.Int)
		case v.Kind == compat.String && digits.MatchString(v.Str):
			if n, err := strconv.ParseInt(v.Str, 10, 64); err == nil {
				made = append(made, n)
			}
		}
	}
	return made
}

func booleans(v *compat.Value) []any {
	switch v.Kind {
	case compat.Bool:
		return []any{v.Bool}
	case compat.Int:
		return []any{v.Int != 0}
	case compat.String:
		if v.Str == "" {
			return []any{false}
		}
		if b, err := strconv.ParseBool(v.Str); err == nil {
			return []any{b}
		}
	}
	return nil
}

// acceptsAny tells whether the constraint takes one of the values, and if not, what
// the schema says that it wants.
func acceptsAny(constraint cue.Value, values []any) (ok bool, expected string) {
	for _, v := range values {
		// The value's own context is dropped with it; the schema's would only grow.
		err := constraint.Unify(cuecontext.New().Encode(v)).Validate(cue.Concrete(true))
		if err == nil {
			return true, ""
		}
		for _, m := range mistakes(err) {
			if own, found := strings.CutPrefix(m.text, "must be "); found {
				expected = own
			}
		}
	}
	return false, expected
}
