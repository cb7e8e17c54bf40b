package vet

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A mutation is one mistake at one place of a text.
type mutation struct {
	// kind of mistake, and the rules of which one must find it; it is an error unless
	// warning says otherwise.
	kind    string
	rules   []string
	warning bool
	// start and end delimit what is replaced.
	start, end int
	by         string
	// at is the place whose line the finding must name.
	at int
}

// misspell puts a letter into a name, which no name has there.
func misspell(name string) string {
	i := (len(name) + 1) / 2
	return name[:i] + "q" + name[i:]
}

func (m mutation) apply(text string) string { return text[:m.start] + m.by + text[m.end:] }

// mostMutations of each kind are tried in one file: they are spread over it.
const mostMutations = 2

// spread takes some of the mutations of each kind, always the same.
func spread(all []mutation) []mutation {
	byKind := map[string][]mutation{}
	for _, m := range all {
		byKind[m.kind] = append(byKind[m.kind], m)
	}
	var some []mutation
	for _, kind := range sortedKeys(byKind) {
		list := byKind[kind]
		n := min(len(list), mostMutations)
		for i := range n {
			some = append(some, list[i*len(list)/n])
		}
	}
	return some
}

// tryMutations makes each mistake by itself in a blueprint that has no errors, and
// wants exactly one finding more: of the right rule, on the right line, and the same
// each time.
func tryMutations(t *testing.T, name, text string, mutations []mutation) map[string]int {
	t.Helper()
	unit := func(text string) Unit {
		f := File{Name: name, Data: []byte(text)}
		return Unit{Language: languageOf(f), Files: []File{f}, Config: &Config{}}
	}
	before := Check(unit(text))
	if anyError(before) {
		t.Fatalf("%s has errors: %v", name, before)
	}
	tried := map[string]int{}
	for _, m := range spread(mutations) {
		tried[m.kind]++
		mutant := m.apply(text)
		found := Check(unit(mutant))
		line := strings.Count(mutant[:m.at], "\n") + 1
		if problem := m.judge(found, before, line); problem != "" {
			t.Errorf("%s: %s of %q: %s; got", name, m.kind, text[m.start:m.end], problem)
			for _, f := range found {
				t.Errorf("  %s %s: %s [%s]", location(f), f.Severity, f.Message, f.Rule)
			}
			continue
		}
		if tried[m.kind] > 1 {
			continue // Once for each kind will do.
		}
		if again := Check(unit(mutant)); !slices.Equal(found, again) {
			t.Errorf("%s: %s of %q: the second check says something else", name, m.kind, text[m.start:m.end])
		}
	}
	return tried
}

// judge compares what is found with what should be. Nothing that was not there before
// may come beside it, whatever its severity: what looks at the whole blueprint is
// silent then, and may be missing.
func (m mutation) judge(found, before []Finding, line int) string {
	known := map[string]int{}
	for _, f := range before {
		known[f.Rule]++
	}
	var hits []Finding
	for _, f := range found {
		switch {
		case f.Line == line && slices.Contains(m.rules, f.Rule):
			hits = append(hits, f)
		case known[f.Rule] > 0:
			known[f.Rule]--
		default:
			return fmt.Sprintf("want nothing beside %v on line %d, not %s on line %d", m.rules, line, f.Rule, f.Line)
		}
	}
	want := Error
	if m.warning {
		want = Warning
	}
	if len(hits) != 1 || hits[0].Severity != want {
		return fmt.Sprintf("want one %s of %v on line %d", want, m.rules, line)
	}
	return ""
}

// countKinds adds to what was tried.
func countKinds(total, tried map[string]int) {
	for kind, n := range tried {
		total[kind] += n
	}
}

// wantKinds makes sure that the test tries what it says: mistakes of each kind.
func wantKinds(t *testing.T, total map[string]int, least int, kinds ...string) {
	t.Helper()
	for _, kind := range kinds {
		if total[kind] < least {
			t.Errorf("only %d mistakes of the kind %q were tried", total[kind], kind)
		}
	}
	t.Logf("tried %v", total)
}

// soundYAML lists legacy blueprints without errors, by name.
func soundYAML(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"testdata/ok/*.yaml", "testdata/styles/*.yaml", "../../examples/*/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if looksLikeLegacy(data) {
				texts[path] = string(data)
			}
		}
	}
	if len(texts) < 20 {
		t.Fatalf("only %d blueprints", len(texts))
	}
	return texts
}
