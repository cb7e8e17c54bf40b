package vet

import (
	"errors"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// parseScript parses a script, or returns what is wrong and where. Scripts for sh may
// use what bash has: often sh is bash. Of a script that is right, file is nil if it
// could only be read with changes.
func parseScript(script, shell string) (file *syntax.File, offset int, problem string) {
	variants := []syntax.LangVariant{syntax.LangBash}
	if shell != "bash" {
		variants = []syntax.LangVariant{syntax.LangPOSIX, syntax.LangBash}
	}
	var err error
	for _, variant := range variants {
		if file, err = readScript(script, variant); err == nil {
			return file, 0, ""
		}
	}
	offset, problem = placeOf(err)
	return nil, offset, problem
}

// readScript parses a script. Where two brackets are no arithmetic, a shell takes
// them for a subshell in a subshell; this parser does not, so they are pulled apart.
func readScript(script string, variant syntax.LangVariant) (*syntax.File, error) {
	if tooDeep(script) {
		return nil, nil
	}
	file, first := parseShell(script, variant)
	if first == nil {
		return file, nil
	}
	// No script has more of them; one that was made to would take for ever.
	const most = 50
	err := first
	for range most {
		offset, _ := placeOf(err)
		i := strings.LastIndex(script[:min(offset+2, len(script))], "((")
		if i < 0 {
			return nil, first
		}
		script = script[:i+1] + " " + script[i+1:]
		if _, err = parseShell(script, variant); err == nil {
			return nil, nil // Its offsets are not those of the script.
		}
	}
	return nil, first
}

func parseShell(script string, variant syntax.LangVariant) (*syntax.File, error) {
	file, err := syntax.NewParser(syntax.Variant(variant), syntax.KeepComments(false)).Parse(strings.NewReader(script), "")
	if err != nil {
		return nil, err
	}
	return file, declarations(file)
}

// noName begins like the name of a variable, and is none: the = is a -.
var noName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*-`)

const isNoName = " is no name of a variable"

// declarations finds `export A-${b}`, which parses and which every shell refuses.
func declarations(file *syntax.File) error {
	var found error
	syntax.Walk(file, func(n syntax.Node) bool {
		decl, ok := n.(*syntax.DeclClause)
		if !ok || found != nil {
			return found == nil
		}
		for _, a := range decl.Args {
			if a.Value == nil || len(a.Value.Parts) == 0 {
				continue
			}
			if lit, ok := a.Value.Parts[0].(*syntax.Lit); ok && a.Naked && noName.MatchString(lit.Value) {
				found = syntax.ParseError{Pos: a.Pos(), Text: noName.FindString(lit.Value) + isNoName}
			}
		}
		return true
	})
	return found
}

// The parser calls itself for each bracket and keyword that opens something, and a
// stack that runs over cannot be recovered from: what is nested deeper than anybody
// writes is not looked at.
const (
	maxScript      = 512 << 10
	maxScriptDepth = 1000
)

// tooDeep counts what brackets open and leave open. Keywords are not counted: in a
// script of that size there is no room for too many.
func tooDeep(script string) bool {
	if len(script) > maxScript {
		return true
	}
	depth, deepest := 0, 0
	for i := range len(script) {
		switch script[i] {
		case '(', '{', '[':
			depth++
			deepest = max(deepest, depth)
		case ')', '}', ']':
			depth = max(0, depth-1)
		}
	}
	return deepest > maxScriptDepth
}

// placeOf takes the parser's error apart.
func placeOf(err error) (offset int, problem string) {
	var syntactic syntax.ParseError
	var dialect syntax.LangError
	switch {
	case errors.As(err, &syntactic):
		return int(syntactic.Pos.Offset()), syntactic.Text
	case errors.As(err, &dialect):
		return int(dialect.Pos.Offset()), dialect.Error()
	}
	return 0, err.Error()
}

// lineFrom is the part of the text from start to the end of its line, without the
// space at its end.
func lineFrom(text string, start int) (from, to int) {
	start = min(start, len(text))
	line, _, _ := strings.Cut(text[start:], "\n")
	return start, start + len(strings.TrimRight(line, " \t\r"))
}
