package vet

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

// scripts that a shell reads, and such that it does not. $BAD marks where the
// mistake is.
var shellScripts = []struct{ name, shell, script string }{
	{"plain", "sh", "echo {{ .Time }} | wc -c"},
	{"what bash has, in sh", "sh", "[[ a == b ]] && x=(a b) && cat <(echo)"},
	{"subshell in a subshell", "bash", "x=$((cat a | grep b) 2>&1); ((cat a) | cat)"},
	{"arithmetic", "bash", "x=$(( {{ .Options.n }} + 1 )); (( x++ ))"},
	{"here document", "bash", "cat <<EOF\n{{ .Time }} it's\nEOF"},
	{"branches", "bash", "{{ if .Options.a }}if true; then{{ else }}while false; do{{ end }} echo {{ if .Options.a }}; fi{{ else }}; done{{ end }}"},
	{"loop", "bash", "for p in {{ range .StatefulSet.Pods }} {{ . }}{{ end }}; do echo $p; done"},
	{"joined lines", "bash", "a \\\n{{- if .Options.a }} --b{{ end }} c"},
	{"variables only", "bash", "{{ $x := .Time }}{{ $x = .Time }}echo {{ $x }}"},
	{"functions", "sh", "f() { echo \"$@\"; }; case $1 in a|b) f ;; *) ;; esac"},

	{"no end of if", "sh", "$BADif true; then echo"},
	{"no end of a quote", "bash", "echo $BAD\"a"},
	{"no command", "bash", "echo $BAD| | wc"},
	{"only in the branch", "bash", "echo\n{{ if .Options.a }}$BADfor x in a; do echo{{ end }}"},
	{"only in the other branch", "bash", "echo\n{{ if .Options.a }}a{{ else }}b $BAD){{ end }}"},
	{"after a value", "bash", "ä {{ .Time }}{{ .Time }} $BAD)"},
}

func TestScripts(t *testing.T) {
	for _, s := range shellScripts {
		t.Run(s.name, func(t *testing.T) {
			script := strings.Replace(s.script, "$BAD", "", 1)
			offset, problem := scriptProblem(t, script, s.shell)
			want := strings.Index(s.script, "$BAD")
			switch {
			case want < 0 && problem != "":
				t.Errorf("found %q at %q", problem, script[offset:])
			case want >= 0 && (problem == "" || offset != want):
				t.Errorf("found %q at %q, want it at %q", problem, script[offset:], script[want:])
			}
		})
	}
}

func formsOf(t *testing.T, text string) []*trial {
	t.Helper()
	use, err := compat.TemplateRefs(text)
	if err != nil {
		t.Fatal(err)
	}
	return templateForms(text, use)
}

// scriptProblem is what is wrong with a script, at which offset of its template.
func scriptProblem(t *testing.T, text, shell string) (offset int, problem string) {
	t.Helper()
	for _, form := range newScript(&filledText{forms: formsOf(t, text)}, shell, nil).forms {
		if form.problem != "" {
			return form.source(form.offset), form.problem
		}
	}
	return 0, ""
}

// TestScriptsAsBashDoes asks the real shell about the same scripts.
func TestScriptsAsBashDoes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	for _, s := range shellScripts {
		fails := false
		for _, form := range formsOf(t, strings.Replace(s.script, "$BAD", "", 1)) {
			cmd := exec.Command(bash, "-n", "-c", form.String())
			fails = fails || cmd.Run() != nil
		}
		if want := strings.Contains(s.script, "$BAD"); fails != want {
			t.Errorf("%s: bash fails: %v, want %v", s.name, fails, want)
		}
	}
}

func TestShellScript(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"bash -c S", "S"}, {"/bin/sh -ec S arg", "S"}, {"bash -o errexit -o pipefail -c S", "S"}, {"sh -x -c S", "S"},
		{"sh script.sh -c", ""}, {"bash", ""}, {"sh -c", ""}, {"python -c S", ""}, {"bash --norc -c S", "S"},
	} {
		command := &outlineValue{}
		for w := range strings.FieldsSeq(c.words) {
			form := &trial{}
			form.literally(w, 0)
			command.items = append(command.items, &outlineValue{text: &filledText{forms: []*trial{form}}})
		}
		got := ""
		if script := scriptOf(command, false); script != nil {
			got, _ = script.text.literal()
		}
		if got != c.want {
			t.Errorf("%s: script %q, want %q", c.words, got, c.want)
		}
	}
}

// FuzzTrial: whatever the template, its text's offsets lead into it.
func FuzzTrial(f *testing.F) {
	for _, s := range shellScripts {
		f.Add(s.script)
	}
	f.Fuzz(func(t *testing.T, text string) {
		use, err := compat.TemplateRefs(text)
		if err != nil {
			t.Skip()
		}
		for _, trial := range templateForms(text, use) {
			for i := range trial.Len() + 1 {
				if at := trial.source(i); at < 0 || at > len(text) {
					t.Fatalf("offset %d of %q leads to %d of %q", i, trial.String(), at, text)
				}
			}
			parseScript(trial.String(), "sh")
		}
	})
}
