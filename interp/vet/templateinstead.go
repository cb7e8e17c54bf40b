package vet

import (
	"fmt"
	"slices"
	"strings"
)

// insteadOf says what to write for a function that Helm or a newer sprig has, and Kanister's
// templates have not: a similar name among the known ones would be another thing. It is
// not ok for a name that nobody has.
func insteadOf(name string, known []string) (advice string, ok bool) {
	switch strings.ToLower(name) {
	case "get":
		return `that of a newer sprig is not there; write index MAP "key"`, true
	case "dig":
		return `that of a newer sprig is not there; write index MAP "key" "key in that", with default behind it`, true
	case "toyaml":
		return "that is Helm's; write toJson: JSON is YAML too", true
	case "fromyaml", "fromjson", "mustfromjson", "fromyamlarray", "fromjsonarray":
		return "no function reads YAML or JSON here; let the command do it, with jq or yq", true
	case "required":
		return `that is Helm's; an option or key that is missing fails the phase by itself, and fail "…" does`, true
	case "include", "tpl":
		return "that is Helm's; write what it would give, or let the command make it", true
	case "lookup":
		return "that is Helm's; name the Secret or ConfigMap in the phase's objects, and read .Phases.PHASE.Secrets", true
	}
	if plain := lowerFirst(strings.TrimPrefix(name, "must")); plain != name && slices.Contains(known, plain) {
		return fmt.Sprintf("that of a newer sprig is not there; write %s", plain), true
	}
	return "", false
}

// lowerFirst is the text with its first letter in lower case.
func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
