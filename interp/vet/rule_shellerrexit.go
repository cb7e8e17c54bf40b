package vet

import (
	"slices"

	"mvdan.cc/sh/v3/syntax"
)

// shellErrexit warns of scripts that go on after a command that failed: the phase
// succeeds if only the last command does.
func shellErrexit(o *outline) {
	o.eachScript(func(_ *outlinePhase, s *script) {
		if s.shellOptions()["errexit"] {
			return
		}
		for _, form := range s.forms {
			if stmt := ignoredFailure(form.file); stmt != nil {
				s.at(form, stmt, Finding{
					Rule:       ruleShellErrexit,
					Message:    "if this command fails, the script goes on, and the phase may succeed all the same",
					Suggestion: errexitAdvice(s),
				})
				return
			}
		}
	})
}

// ignoredFailure is the first statement of the script, but for the last, that can
// fail unseen.
func ignoredFailure(file *syntax.File) *syntax.Stmt {
	if file == nil {
		return nil
	}
	for i, stmt := range file.Stmts {
		if i < len(file.Stmts)-1 && canFail(stmt) {
			return stmt
		}
	}
	return nil
}

// ignoresFailure tells whether a command of the script, but for the last, can fail
// unseen.
func (s *script) ignoresFailure() bool {
	return slices.ContainsFunc(s.forms, func(f scriptForm) bool { return ignoredFailure(f.file) != nil })
}

func errexitAdvice(s *script) string {
	if s.shell == "bash" {
		return "begin the command with: bash, -o, errexit, -o, pipefail, -c"
	}
	return "begin the command with: " + s.shell + ", -ec"
}
