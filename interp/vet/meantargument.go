package vet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/schema"
	"github.com/rescuecue/rescue/schema/suggest"
)

// argumentFinding says that the function has no such argument, which is one of those that
// are given.
func argumentFinding(function schema.Func, name string, given []string) Finding {
	f := Finding{Rule: ruleUnknownArgument, Message: fmt.Sprintf("%s has no argument %q", function.Name, name)}
	f = f.hint(name, "arguments", function.ArgNames())
	_, hasOverride := function.Arg("podOverride")
	switch meant := meantArgument(function, name, given); {
	case meant != "":
		f.Suggestion, f.Replacement = fmt.Sprintf("did you mean %q?", meant), meant
	case hasOverride && ofContainer(name):
		f.Suggestion = "set it in podOverride, in the entry of the container"
	}
	return f
}

// meantArgument is the argument that an unknown one most likely was meant to be, or "".
// Where arguments are missing that must be there, it may also be short for one of them, as
// pd is for pod, or be one of them with more to it, as podName is.
func meantArgument(function schema.Func, name string, given []string) string {
	if near := suggest.Nearest(name, function.ArgNames()); near != "" {
		return near
	}
	if ofContainer(name) {
		return "" // It is what it says, but not in its place.
	}
	missing := slices.DeleteFunc(requiredOf(function), func(arg string) bool {
		return slices.Contains(given, arg) || !shortFor(name, arg) && !longFor(name, arg)
	})
	if len(missing) != 1 {
		return ""
	}
	return missing[0]
}

// requiredOf lists the arguments that every call gives, and those of which it gives one.
func requiredOf(function schema.Func) []string {
	required := slices.Clone(function.Required)
	for _, group := range function.ExactlyOne {
		required = append(required, group...)
	}
	return required
}

// shortFor tells whether a name is a word with letters left out: pd, cmd, ns.
func shortFor(name, word string) bool {
	name, word = strings.ToLower(name), strings.ToLower(word)
	if len(name) < 2 || len(name) >= len(word) || name[0] != word[0] {
		return false
	}
	for i := range len(name) {
		at := strings.IndexByte(word, name[i])
		if at < 0 {
			return false
		}
		word = word[at+1:]
	}
	return true
}

// longFor tells whether a name is a word with another one before or behind it: podName.
func longFor(name, word string) bool {
	name, word = strings.ToLower(name), strings.ToLower(word)
	return strings.HasPrefix(name, word) || strings.HasSuffix(name, word)
}
