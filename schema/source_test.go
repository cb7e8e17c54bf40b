package schema

import (
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

// The language as one file is the language: it evaluates, and has all functions.
func TestSource(t *testing.T) {
	src, err := Embedded().Source()
	if err != nil {
		t.Fatal(err)
	}
	v := cuecontext.New().CompileBytes(src)
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range FunctionNames() {
		if !v.LookupPath(cue.ParsePath("#Functions." + name)).Exists() {
			t.Errorf("it lacks %s", name)
		}
	}
	if !strings.Contains(string(src), "// KubeTask runs a command in a new pod") || !strings.HasPrefix(string(src), "// Package schema") {
		t.Errorf("it lacks comments:\n%.300s", src)
	}
}

func TestLegacySource(t *testing.T) {
	src, err := LegacySource()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"package kanister\n", `import "github.com/rescuecue/rescue/schema"`, "#RepositoryServer: {"} {
		if strings.Count(string(src), want) != 1 {
			t.Errorf("it has %q %d times", want, strings.Count(string(src), want))
		}
	}
}
