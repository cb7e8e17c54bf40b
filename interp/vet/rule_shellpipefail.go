package vet

import "mvdan.cc/sh/v3/syntax"

// shellPipefail warns of pipes whose first command may fail unseen: what it should
// have given is cut off, and the phase succeeds. Only bash is asked for pipefail: not
// every sh has it.
func shellPipefail(o *outline) {
	o.eachScript(func(_ *outlinePhase, s *script) {
		options := s.shellOptions()
		if s.shell != "bash" || options["pipefail"] || !options["errexit"] && s.ignoresFailure() {
			return // What a missing errexit is about comes first: it has the same remedy.
		}
		done := false
		s.walk(func(form scriptForm, n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.CmdSubst, *syntax.IfClause, *syntax.WhileClause, *syntax.ProcSubst:
				return false // Their result is looked at, or was never meant to count.
			case *syntax.Stmt:
				if pipe, ok := n.Cmd.(*syntax.BinaryCmd); ok && !done && pipe.Op == syntax.Pipe && pipedFailure(pipe) {
					done = true
					s.at(form, pipe, Finding{
						Rule:       ruleShellPipefail,
						Message:    "if a command before the last | fails, the phase succeeds all the same, with what came through until then",
						Suggestion: "begin the command with: bash, -o, errexit, -o, pipefail, -c",
					})
				}
			case *syntax.BinaryCmd:
				return n.Op != syntax.OrStmt
			}
			return !done
		})
	})
}

// pipedFailure tells whether a command before the last | can fail.
func pipedFailure(pipe *syntax.BinaryCmd) bool {
	if left, ok := pipe.X.Cmd.(*syntax.BinaryCmd); ok && left.Op == syntax.Pipe && pipedFailure(left) {
		return true
	}
	return canFail(pipe.X)
}
