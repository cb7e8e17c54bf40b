package vet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// expected is a rule and, if that is said, the text under the caret: //~ RULE`TEXT`.
var expected = regexp.MustCompile("([a-z]+(?:-[a-z]+)*)(?:`([^`]*)`)?")

// TestMistakes: each mistake is found once, at its place.
func TestMistakes(t *testing.T) {
	eachBlueprint(t, "testdata/mistakes.txtar", func(t *testing.T, name, text string) {
		var want, got []string
		spans := map[string]bool{}
		for i, line := range strings.Split(text, "\n") {
			_, comment, _ := strings.Cut(line, "//~ ")
			for _, m := range expected.FindAllStringSubmatch(comment, -1) {
				want = append(want, fmt.Sprintf("%d %s", i+1, m[1]))
				spans[fmt.Sprintf("%d %s %s", i+1, m[1], m[2])] = m[2] != ""
			}
		}
		if len(want) == 0 {
			t.Error("the blueprint says nothing about what is wrong with it")
		}
		for _, f := range checkText(name, text) {
			line := fmt.Sprintf("%d %s", f.Line, f.Rule)
			if f.Severity != Error && !slices.Contains(want, line) {
				continue
			}
			got = append(got, line)
			delete(spans, line+" "+marked(text, f))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for missing, matters := range spans {
			if matters {
				t.Errorf("nothing is found at %s", missing)
			}
		}
	})
}

// TestSound: where nothing is wrong, nothing is found, but that there is no way back.
func TestSound(t *testing.T) {
	eachBlueprint(t, "testdata/sound.txtar", func(t *testing.T, name, text string) {
		for _, f := range checkText(name, text) {
			if f.Severity != Info && f.Rule != ruleMissingCounterpart {
				t.Errorf("%s:%d: %s [%s]", f.File, f.Line, f.Message, f.Rule)
			}
		}
	})
}

func eachBlueprint(t *testing.T, archive string, check func(t *testing.T, name, text string)) {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil || len(a.Files) < 25 {
		t.Fatalf("%d blueprints, %v", len(a.Files), err)
	}
	for _, f := range a.Files {
		t.Run(strings.TrimSuffix(f.Name, ".cue"), func(t *testing.T) {
			t.Parallel()
			check(t, f.Name, string(f.Data))
		})
	}
}

func checkText(name, text string) []Finding {
	return Check(Unit{Language: CUE, Files: []File{{Name: name, Data: []byte(text)}}})
}

// marked is the text under the caret of a finding.
func marked(text string, f Finding) string {
	if f.Line == 0 || f.EndLine != f.Line {
		return ""
	}
	line := strings.Split(text, "\n")[f.Line-1]
	return line[f.Column-1 : f.EndColumn-1]
}
