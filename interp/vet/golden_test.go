package vet

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// check reads a file of testdata and checks it under its base name.
func check(t *testing.T, path string) []Finding {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := File{Name: filepath.Base(path), Path: path, Data: data}
	return Check(Unit{Language: languageOf(f), Files: []File{f}})
}

func fixtures(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures match %s: %v", pattern, err)
	}
	return paths
}

// TestGolden compares the reports of each fixture with the golden files beside it.
func TestGolden(t *testing.T) {
	for _, path := range append(fixtures(t, "yaml/*.yaml"), fixtures(t, "cue/*.cue")...) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			findings := check(t, path)
			if len(findings) == 0 {
				t.Error("nothing found")
			}
			var text, document bytes.Buffer
			if err := WriteText(&text, findings, TextOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := WriteJSON(&document, findings); err != nil {
				t.Fatal(err)
			}
			golden(t, path+".txt", text.Bytes())
			golden(t, path+".json", document.Bytes())
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (run with -update to accept) -want +got:\n%s", path, diff)
	}
}

// TestFixtureOfEachRule makes sure that each rule is shown to find something, by a
// fixture of its name.
func TestFixtureOfEachRule(t *testing.T) {
	found := map[string]bool{}
	for _, path := range append(fixtures(t, "yaml/*.yaml"), fixtures(t, "cue/*.cue")...) {
		base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		for _, f := range check(t, path) {
			if f.Rule == base {
				found[f.Rule] = true
			}
		}
	}
	elsewhere := []string{ruleFileSize, ruleKanisterRelease, ruleConfiguration, ruleSecretInCommand, ruleProfileInCommand}
	for _, r := range Rules() {
		if !slices.Contains(elsewhere, r.Name) && !found[r.Name] {
			t.Errorf("rule %s: no fixture of that name in testdata/yaml or testdata/cue has such a finding", r.Name)
		}
	}
}

// TestOptionalRules: what nearly every blueprint has is found where it is asked for,
// and only there.
func TestOptionalRules(t *testing.T) {
	asked := &Config{rules: map[string]Severity{}}
	for _, r := range Rules() {
		if r.Optional() {
			asked.rules[r.Name] = r.Severity
		}
	}
	for _, path := range fixtures(t, "optional/*") {
		if strings.HasSuffix(path, ".txt") {
			continue
		}
		f := File{Name: filepath.Base(path), Path: path, Data: []byte(mustRead(t, path))}
		unit := Unit{Language: languageOf(f), Files: []File{f}, Config: asked}
		var text bytes.Buffer
		if err := WriteText(&text, Check(unit), TextOptions{}); err != nil {
			t.Fatal(err)
		}
		golden(t, path+".txt", text.Bytes())
		unit.Config = nil
		if found := Check(unit); len(found) > 0 {
			t.Errorf("%s: found without asking: %v", path, found)
		}
	}
}

// TestNothingFound checks blueprints that are right; what could be better in them does
// not count.
func TestNothingFound(t *testing.T) {
	for _, path := range fixtures(t, "ok/*") {
		for _, f := range wrong(check(t, path)) {
			t.Errorf("%s: %s [%s]", location(f), f.Message, f.Rule)
		}
	}
}

// wrong are the findings but for those of severity Info.
func wrong(findings []Finding) []Finding {
	return slices.DeleteFunc(findings, func(f Finding) bool { return f.Severity == Info })
}

// BenchmarkCUE checks one native blueprint.
func BenchmarkCUE(b *testing.B) { benchmark(b, "testdata/ok/common.cue") }

// BenchmarkYAML checks one legacy blueprint.
func BenchmarkYAML(b *testing.B) { benchmark(b, "testdata/ok/common.yaml") }

func benchmark(b *testing.B, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	f := File{Name: path, Data: data}
	unit := Unit{Language: languageOf(f), Files: []File{f}}
	for b.Loop() {
		if findings := wrong(Check(unit)); len(findings) > 0 {
			b.Fatal(findings)
		}
	}
}
