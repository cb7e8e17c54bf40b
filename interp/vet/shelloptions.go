package vet

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shellOptions tells which options a script is run with or sets: errexit, pipefail.
// One that is set at any place counts for all of the script.
func (s *script) shellOptions() map[string]bool {
	on := map[string]bool{}
	optionWords(s.flags, on)
	s.walk(func(_ scriptForm, n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok {
			return true
		}
		if words := literalWords(call.Args); len(words) > 0 {
			switch {
			case words[0] == "set":
				optionWords(words[1:], on)
			case words[0] == "trap" && strings.Contains(strings.Join(words[1:], " "), "ERR"):
				on["errexit"] = true
			}
		}
		return true
	})
	return on
}

// optionWords reads words such as -ex, -o, pipefail.
func optionWords(words []string, on map[string]bool) {
	for i, w := range words {
		if !strings.HasPrefix(w, "-") || strings.HasPrefix(w, "--") {
			continue
		}
		if strings.Contains(w, "e") {
			on["errexit"] = true
		}
		if strings.HasSuffix(w, "o") && i+1 < len(words) {
			on[words[i+1]] = true
		}
	}
}

// literalWords are the words of a command, "" for each that is computed.
func literalWords(words []*syntax.Word) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.Lit()
		if len(w.Parts) != 1 {
			continue
		}
		switch part := w.Parts[0].(type) {
		case *syntax.SglQuoted:
			all[i] = part.Value
		case *syntax.DblQuoted:
			if len(part.Parts) == 1 {
				if lit, ok := part.Parts[0].(*syntax.Lit); ok {
					all[i] = lit.Value
				}
			}
		}
	}
	return all
}

// harmless commands do not fail, or nobody minds if they do.
var harmless = map[string]bool{
	"echo": true, "printf": true, "set": true, "true": true, ":": true, "export": true, "exit": true, "sleep": true,
	"trap": true, "return": true, "shift": true, "unset": true, "local": true, "wait": true, "date": true, "break": true,
	"continue": true, "shopt": true, "umask": true,
}

// canFail tells whether a statement runs a command whose failure matters, and does
// nothing about it.
func canFail(stmt *syntax.Stmt) bool {
	if stmt.Negated || stmt.Background {
		return false
	}
	switch cmd := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		return len(cmd.Args) > 0 && !harmless[literalWords(cmd.Args[:1])[0]]
	case *syntax.BinaryCmd:
		// What stands behind an || does something about it.
		return cmd.Op != syntax.OrStmt && cmd.Op != syntax.AndStmt && canFail(cmd.Y)
	case *syntax.Subshell:
		return len(cmd.Stmts) > 0
	}
	return false
}
