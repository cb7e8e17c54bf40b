package vet

import (
	"path"
	"regexp"

	"mvdan.cc/sh/v3/syntax"
)

// scriptArguments are the arguments that can hold a shell's command line.
var scriptArguments = []string{"command", "backgroundCommand", "outputCommand", "initCommand"}

// A script is a shell script in a command, parsed once for all rules.
type script struct {
	text *filledText
	// shell is its name: sh or bash, for instance.
	shell string
	// flags are the words before the script: -o, pipefail, -c.
	flags []string
	forms []scriptForm
}

// A scriptForm is one form of the script's text.
type scriptForm struct {
	*trial
	// file is nil if the form cannot be parsed just as it is.
	file *syntax.File
	// problem is what keeps it from being parsed, at the offset.
	offset  int
	problem string
}

var shells = map[string]bool{"sh": true, "bash": true, "ash": true, "dash": true}

// scriptFlag is an option that says that the next word is the script: -c, -ec.
var scriptFlag = regexp.MustCompile(`^-[a-zA-Z]*c[a-zA-Z]*$`)

// scriptOf finds the script in a command line such as bash -o pipefail -c SCRIPT. It
// returns nil if there is none. In a pod's own spec Kubernetes reads it before the shell.
func scriptOf(command *outlineValue, inPod bool) *script {
	if command == nil || len(command.items) < 3 {
		return nil
	}
	var words []string
	for _, item := range command.items {
		word, _ := item.literal()
		words = append(words, word)
	}
	shell := path.Base(words[0])
	if !shells[shell] {
		return nil
	}
	for i := 1; i < len(words)-1; i++ {
		if text := command.items[i+1].text; scriptFlag.MatchString(words[i]) && text != nil {
			if inPod {
				text = text.inPod()
			}
			return newScript(text, shell, words[1:i+1])
		}
	}
	return nil
}

func newScript(text *filledText, shell string, flags []string) *script {
	s := &script{text: text, shell: shell, flags: flags}
	for _, t := range text.forms {
		form := scriptForm{trial: t}
		form.file, form.offset, form.problem = parseScript(t.String(), shell)
		if form.problem != "" && parsesClosed(t, shell) {
			form.problem = ""
		}
		s.forms = append(s.forms, form)
	}
	return s
}

// parsesClosed tells whether only a word in the place of open values keeps a script
// from being parsed.
func parsesClosed(t *trial, shell string) bool {
	text, ok := t.closed()
	if !ok {
		return false
	}
	_, _, problem := parseScript(text, shell)
	return problem == ""
}

// walk visits what each form of the script consists of.
func (s *script) walk(visit func(form scriptForm, n syntax.Node) bool) {
	for _, form := range s.forms {
		if form.file != nil {
			syntax.Walk(form.file, func(n syntax.Node) bool { return n == nil || visit(form, n) })
		}
	}
}

// at adds a finding about a node of a form.
func (s *script) at(form scriptForm, n syntax.Node, f Finding) {
	from, to := lineFrom(form.String(), int(n.Pos().Offset()))
	to = max(from, min(to, int(n.End().Offset())))
	s.text.report(form.source(from), max(form.source(from), form.source(to)), f)
}
