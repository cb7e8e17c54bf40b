package vet

import (
	"strings"
	"testing"
)

// TestShellLimits: a script that would run the parser's stack over is not looked at.
func TestShellLimits(t *testing.T) {
	repeat := strings.Repeat
	for name, script := range map[string]string{
		"substitutions": repeat("$(", 1_000_000) + "true" + repeat(")", 1_000_000),
		"groups":        repeat("{ ", 1_000_000) + "true;" + repeat(" }", 1_000_000),
		"arithmetic":    "$((" + repeat("(", 100_000),
		"long":          repeat("if ", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, problem := parseScript(script, "bash"); problem != "" {
				t.Errorf("%.100s", problem)
			}
		})
	}
	if _, _, problem := parseScript(repeat("(", 900), "bash"); problem == "" {
		t.Error("nothing is wrong with a script within the limits that lacks its brackets")
	}
}

// TestDeclarations: what every shell refuses, though it parses.
func TestDeclarations(t *testing.T) {
	for script, want := range map[string]string{
		"export A-${b}":                      "A- is no name of a variable",
		"f() {\n  local x-1\n}":              "x- is no name of a variable",
		"export A=1 B C=${d}-e":              "",
		"export -f f; declare -A m; local x": "",
		"export $X; export ${X}-y":           "",
		"export A=-1; readonly -p":           "",
	} {
		if _, _, got := parseScript(script, "bash"); got != want {
			t.Errorf("%q: %q, want %q", script, got, want)
		}
	}
}
