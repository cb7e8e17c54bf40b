// Package access says which permissions of the Kubernetes API functions ask for. Each
// function declares its own beside its code; what several share is here.
package access

import "slices"

// A Need is a permission that a phase asks for.
type Need struct {
	Where Where
	// Group and Resource as RBAC has them: pods/log is a resource of its own.
	Group, Resource string
	// Names restricts the need to objects of these names; none means any.
	Names []string
	Verbs []string
	// Either says that it depends on the cluster which of the verbs it wants: an account
	// that lacks one may do.
	Either bool
	// Why says what it is for, as the rest of "to …".
	Why string
	// Optional says that the function goes on where this is refused: it only explains
	// less, or checks less ahead.
	Optional bool
}

// Rule returns the needs of one call of a function.
type Rule func(Call) []Need

// All joins rules.
func All(rules ...Rule) Rule {
	return func(c Call) []Need {
		var all []Need
		for _, r := range rules {
			all = append(all, r(c)...)
		}
		return all
	}
}

// None is the rule of functions that ask the API for nothing.
func None(Call) []Need { return nil }

// On is a rule with the needs of one resource in a namespace, or in none.
func On(at Place, group, resource, why string, verbs ...string) Rule {
	return func(c Call) []Need {
		return []Need{{Where: at(c), Group: group, Resource: resource, Verbs: verbs, Why: why}}
	}
}

// Optionally makes the needs of a rule optional.
func Optionally(r Rule) Rule {
	return func(c Call) []Need {
		needs := slices.Clone(r(c))
		for i := range needs {
			needs[i].Optional = true
		}
		return needs
	}
}

// If applies the rule only to calls that are so.
func If(is func(Call) bool, r Rule) Rule {
	return func(c Call) []Need {
		if !is(c) {
			return nil
		}
		return r(c)
	}
}

// Not turns a condition round.
func Not(is func(Call) bool) func(Call) bool { return func(c Call) bool { return !is(c) } }

// Given tells whether an argument is given, or may be.
func Given(argument string) func(Call) bool {
	return func(c Call) bool {
		switch v := c.Args[argument].(type) {
		case nil:
			return false
		case string:
			return v != ""
		case map[string]any:
			return len(v) > 0
		default:
			return true
		}
	}
}

// Surely tells whether an argument is known to be given.
func Surely(argument string) func(Call) bool {
	return func(c Call) bool {
		_, unknown := c.Args[argument].(Unknown)
		return !unknown && Given(argument)(c)
	}
}
