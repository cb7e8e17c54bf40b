package vet

import (
	"errors"
	"path"
	"regexp"
	"strings"
	"text/template/parse"

	"mvdan.cc/sh/v3/syntax"

	"github.com/rescuecue/rescue/compat"
)

// scriptArguments are the arguments that can hold a shell's command line.
var scriptArguments = []string{"command", "backgroundCommand", "outputCommand", "initCommand"}

// scripts checks the syntax of the shell scripts in the phase's commands.
func (p *legacyPhase) scripts() {
	for _, name := range scriptArguments {
		field := p.phase.Arg(name)
		if field == nil || field.Value.Kind != compat.List {
			continue
		}
		if script, shell := shellScript(field.Value.Items); script != nil {
			p.script(script, shell, p.path+".args."+name)
		}
	}
}

// scriptFlag is an option that says that the next word is the script: -c, -ec.
var scriptFlag = regexp.MustCompile(`^-[a-zA-Z]*c[a-zA-Z]*$`)

// shellScript finds the script in a command line such as bash -o pipefail -c SCRIPT,
// and the name of the shell.
func shellScript(words []*compat.Value) (script *compat.Value, shell string) {
	if len(words) < 3 {
		return nil, ""
	}
	shell = path.Base(words[0].Str)
	if !shells[shell] {
		return nil, ""
	}
	for i, w := range words[1 : len(words)-1] {
		if scriptFlag.MatchString(w.Str) {
			return words[i+2], shell
		}
	}
	return nil, ""
}

// script checks one script.
func (p *legacyPhase) script(v *compat.Value, shell, at string) {
	if v.Kind != compat.String {
		return
	}
	use, err := compat.TemplateRefs(v.Str)
	if err != nil {
		return // It is reported as a template.
	}
	if offset, problem := scriptProblem(use.Tree.Root, shell); problem != "" {
		start, end := lineFrom(v.Str, offset)
		p.part(v, start, end, at, Finding{
			Rule:       ruleShellSyntax,
			Message:    scriptFails(problem) + problem,
			Suggestion: shellAdvice(problem),
		})
	}
}

// scriptProblem parses a script in both forms that its templates can give it, and
// returns what is wrong at which offset of the template.
func scriptProblem(root *parse.ListNode, shell string) (offset int, problem string) {
	for _, otherwise := range []bool{false, true} {
		t := renderTrial(root, otherwise)
		if offset, problem = parseScript(t.String(), shell); problem != "" {
			return t.source(offset), problem
		}
	}
	return 0, ""
}

// parseScript returns what is wrong and where. Scripts for sh may use what bash has:
// often sh is bash.
func parseScript(script, shell string) (offset int, problem string) {
	variants := []syntax.LangVariant{syntax.LangBash}
	if shell != "bash" {
		variants = []syntax.LangVariant{syntax.LangPOSIX, syntax.LangBash}
	}
	var err error
	for _, variant := range variants {
		if err = readScript(script, variant); err == nil {
			return 0, ""
		}
	}
	return placeOf(err)
}

// readScript parses a script. Where two brackets are no arithmetic, a shell takes
// them for a subshell in a subshell; this parser does not, so they are pulled apart.
func readScript(script string, variant syntax.LangVariant) error {
	if tooDeep(script) {
		return nil
	}
	read := func(script string) error {
		file, err := syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(script), "")
		if err != nil {
			return err
		}
		return declarations(file)
	}
	// No script has more of them; one that was made to would take for ever.
	const most = 50
	first := read(script)
	err := first
	for range most {
		if err == nil {
			return nil
		}
		offset, _ := placeOf(err)
		i := strings.LastIndex(script[:min(offset+2, len(script))], "((")
		if i < 0 {
			return first
		}
		script = script[:i+1] + " " + script[i+1:]
		err = read(script)
	}
	return first
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

func scriptFails(problem string) string {
	if strings.HasSuffix(problem, isNoName) {
		return "the script fails: "
	}
	return "the script cannot be parsed: "
}

func shellAdvice(problem string) string {
	switch {
	case strings.HasSuffix(problem, isNoName):
		return "write = if a value is meant"
	case strings.Contains(problem, "closing quote"):
		return "close the quote, or escape it if it is meant as a character"
	case strings.Contains(problem, "must be followed by"):
		return "write what is missing behind it"
	case strings.Contains(problem, "must end with"), strings.Contains(problem, "without matching"):
		return "close what is opened here"
	}
	return "run `bash -n` on the script to see what a shell makes of it"
}

// lineFrom is the part of the text from start to the end of its line, without the
// space at its end.
func lineFrom(text string, start int) (from, to int) {
	start = min(start, len(text))
	line, _, _ := strings.Cut(text[start:], "\n")
	return start, start + len(strings.TrimRight(line, " \t\r"))
}
