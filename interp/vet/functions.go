package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/schema"
)

// objectKinds are the kinds of objects that an action can work on.
var objectKinds = [...]string{"StatefulSet", "Deployment", "DeploymentConfig", "PVC", "Namespace", "Object", "Any"}

// functionFinding says that there is no such function.
func functionFinding(set *schema.Set, name string) Finding {
	f := Finding{Rule: ruleUnknownFunction, Message: fmt.Sprintf("unknown function %q", name), Found: name}
	f = f.hint(name, "functions", set.Names())
	switch became, instead := drafts(name); {
	case became != "":
		f.Message += ": " + became
		f.Suggestion, f.Replacement = instead, ""
	case f.Replacement == "":
		f.Suggestion = "`rescue explain` lists the functions"
	}
	return f
}

// aliasFinding advises to write an argument as Kanister's code spells it.
func aliasFinding(function schema.Func, name string) Finding {
	canonical := function.Canonical(name)
	return Finding{
		Rule:        ruleArgumentAlias,
		Message:     fmt.Sprintf("%s: %q is the documentation's spelling of %q, which Kanister itself refuses", function.Name, name, canonical),
		Suggestion:  fmt.Sprintf("write %q", canonical),
		Replacement: canonical,
	}
}

// scripted says whether the function's outputs are what its command writes.
func scripted(set *schema.Set, function string) bool {
	f, ok := set.Function(function)
	return ok && f.Script
}

// TypeText is the type of an argument for people.
func TypeText(a schema.Arg) string {
	switch {
	case a.Kind == cue.StructKind:
		return "map"
	case isList(a):
		return "list"
	case strings.Contains(a.Type, "time.Duration()"):
		return "duration"
	case strings.HasPrefix(a.Type, "#"):
		return kindText(a.Kind)
	}
	if alternatives := strings.Split(a.Type, " | "); slices.Contains(alternatives, kindText(a.Kind)) {
		// The others are defaults.
		return kindText(a.Kind)
	}
	return strings.TrimPrefix(a.Type, "*")
}

// kindText is a kind, as in "string or list".
func kindText(kind cue.Kind) string {
	return strings.Join(strings.Split(strings.Trim(kind.String(), "()"), "|"), " or ")
}

// A call is the use of a function: which arguments it gives, not whether their
// values fit.
type call struct {
	function schema.Func
	// given are the names of the arguments as written; certain those that hold a
	// value for sure, unlike an empty text or a template.
	given, certain []string
	// text returns the value of an argument that is known text, fields the names in
	// one that is a map.
	text   func(arg string) (string, bool)
	fields func(arg string) ([]string, bool)
}

// An argumentProblem is what is wrong with the arguments of a call as a whole.
type argumentProblem struct {
	finding Finding
	// arg is the argument that it is about; empty: the call.
	arg string
	// missing arguments, or fields of arg, would mend it; surplus arguments are in
	// the way.
	missing, surplus []string
}

// problems applies the rules of the function's schema.
func (c call) problems() []argumentProblem {
	problems := c.missing(c.function.Required, "")
	problems = append(problems, c.doubles()...)
	for _, group := range c.function.ExactlyOne {
		problems = append(problems, c.choice(group)...)
	}
	for _, unless := range sortedKeys(c.function.Unless) {
		if !slices.Contains(c.meant(), unless) {
			problems = append(problems, c.missing(c.function.Unless[unless], " without "+unless)...)
		}
	}
	for _, arg := range sortedKeys(c.function.When) {
		if value, ok := c.text(arg); ok {
			problems = append(problems, c.missing(c.function.When[arg][value], " with "+arg+" "+value)...)
		}
	}
	return append(problems, c.partProblems()...)
}

// meant are the given arguments in the spelling of the code.
func (c call) meant() []string {
	meant := make([]string, len(c.given))
	for i, g := range c.given {
		meant[i] = c.function.Canonical(g)
	}
	return meant
}

func (c call) missing(needed []string, condition string) []argumentProblem {
	absent := lacking(needed, c.meant())
	if len(absent) == 0 {
		return nil
	}
	noun := "the argument "
	if len(absent) > 1 {
		noun = "the arguments "
	}
	finding := Finding{
		Rule:     ruleMissingArgument,
		Message:  c.function.Name + condition + " needs " + noun + strings.Join(absent, ", "),
		Expected: strings.Join(absent, ", "),
	}
	if a, ok := c.function.Arg(absent[0]); ok && a.Doc != "" {
		finding.Suggestion = absent[0] + " (" + TypeText(a) + "): " + firstSentence(a.Doc)
	}
	return []argumentProblem{{finding: finding, missing: absent}}
}

// doubles finds arguments that are given in both spellings.
func (c call) doubles() []argumentProblem {
	var problems []argumentProblem
	for _, alias := range sortedKeys(c.function.Aliases) {
		name := c.function.Aliases[alias]
		if slices.Contains(c.given, alias) && slices.Contains(c.given, name) {
			message := fmt.Sprintf("%s: %s and %s are the same argument", c.function.Name, alias, name)
			problems = append(problems, argumentProblem{
				finding: Finding{Rule: ruleArgumentChoice, Message: message, Suggestion: "remove " + alias},
				arg:     alias, surplus: []string{alias},
			})
		}
	}
	return problems
}

func (c call) choice(group []string) []argumentProblem {
	finding := Finding{Rule: ruleArgumentChoice, Expected: "one of " + strings.Join(group, ", ")}
	if len(common(group, c.given)) == 0 {
		finding.Message = fmt.Sprintf("%s needs one of the arguments %s", c.function.Name, strings.Join(group, ", "))
		return []argumentProblem{{finding: finding, missing: group[:1]}}
	}
	chosen := common(group, c.certain)
	if len(chosen) < 2 {
		return nil
	}
	finding.Message = fmt.Sprintf("%s takes only one of the arguments %s", c.function.Name, strings.Join(group, ", "))
	finding.Found = strings.Join(chosen, ", ")
	return []argumentProblem{{finding: finding, arg: chosen[1], surplus: chosen[1:]}}
}

// partProblems looks at the fields that the value of an argument must have.
func (c call) partProblems() []argumentProblem {
	var problems []argumentProblem
	add := func(arg, needs string, missing []string) {
		message := fmt.Sprintf("%s: %s needs %s", c.function.Name, arg, needs)
		finding := Finding{Rule: ruleArgumentType, Message: message, Expected: needs}
		problems = append(problems, argumentProblem{finding: finding, arg: arg, missing: missing})
	}
	for _, arg := range sortedKeys(c.function.Fields) {
		there, ok := c.fields(arg)
		if absent := lacking(c.function.Fields[arg], there); ok && len(absent) > 0 {
			add(arg, strings.Join(absent, ", "), absent)
		}
	}
	for _, arg := range sortedKeys(c.function.AnyField) {
		names := c.function.AnyField[arg]
		if there, ok := c.fields(arg); ok && len(common(names, there)) == 0 {
			add(arg, strings.Join(names, " or "), names[:1])
		}
	}
	return problems
}

func lacking(needed, given []string) []string {
	return slices.DeleteFunc(slices.Clone(needed), func(n string) bool { return slices.Contains(given, n) })
}

func common(names, given []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(given, n) })
}

// firstSentence is the first sentence of a comment, in one line.
func firstSentence(doc string) string {
	doc = strings.Join(strings.Fields(doc), " ")
	if i := strings.Index(doc, ". "); i >= 0 {
		return doc[:i]
	}
	return strings.TrimSuffix(doc, ".")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// fixedOutputs lists what a function always returns; ok is false if the function
// is not known.
func fixedOutputs(set *schema.Set, name string) (outputs []string, ok bool) {
	f, ok := set.Function(name)
	for _, o := range f.Outputs {
		outputs = append(outputs, o.Name)
	}
	return outputs, ok
}
