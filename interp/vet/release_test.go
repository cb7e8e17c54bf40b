package vet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/schema"
)

// TestCheckRelease asks about releases before and after each change.
func TestCheckRelease(t *testing.T) {
	for _, path := range []string{"testdata/release/blueprint.yaml", "testdata/release/blueprint.cue"} {
		var report bytes.Buffer
		for _, release := range []string{"0.111", "0.113", "v0.114.0", "0.115", "0.119", "0.120"} {
			r, err := ParseRelease(release)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&report, "# %s\n", release)
			for _, f := range CheckRelease([]Unit{unitOf(t, path)}, r) {
				fmt.Fprintf(&report, "%s: %s\n", location(f), f.Message)
				if f.Rule != ruleKanisterRelease || f.Severity != Error {
					t.Errorf("%+v", f)
				}
			}
		}
		golden(t, path+".txt", report.Bytes())
	}
}

func unitOf(t *testing.T, path string) Unit {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := File{Name: filepath.Base(path), Path: path, Data: data}
	return Unit{Language: languageOf(f), Files: []File{f}}
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]string{
		"0.119": "0.119.0", "v0.119.1": "0.119.1", "1.0": "1.0.0",
		"": "", "0": "", "latest": "", "0.119.x": "", "0.99999999999999999999": "",
	} {
		r, err := ParseRelease(text)
		if got := r.String(); want != "" && (err != nil || got != want) || want == "" && err == nil {
			t.Errorf("%q: %s, %v, want %q", text, got, err, want)
		}
	}
}

// TestReleasesOfTheSchema: all that the schema says of releases can be read.
func TestReleasesOfTheSchema(t *testing.T) {
	k := schema.Kanister()
	releases := []string{k.First, k.Newest, k.ConfigMapObjects, k.RepositoryServer}
	for _, name := range schema.FunctionNames() {
		f, _ := schema.Function(name)
		releases = append(releases, f.Since, f.Removed)
		for arg, release := range f.ArgSince {
			if _, ok := f.Arg(arg); !ok {
				t.Errorf("%s has no argument %s", name, arg)
			}
			releases = append(releases, release)
		}
		for arg, values := range f.ValueSince {
			for value, release := range values {
				if a, _ := f.Arg(arg); !strings.Contains(a.Type, value) {
					t.Errorf("%s: %s cannot be %s", name, arg, value)
				}
				releases = append(releases, release)
			}
		}
	}
	for _, text := range releases {
		if _, err := ParseRelease(text); text != "" && err != nil {
			t.Error(err)
		}
	}
	for text, want := range map[string]bool{k.First: true, k.Newest: true, "0.110.9": false, "0.120.0": false, "9.0": false} {
		r, err := ParseRelease(text)
		if _, _, known := r.Known(); err != nil || known != want {
			t.Errorf("%s is known: %v, %v", text, known, err)
		}
	}
}

// TestJoinRelease: the release's own finding takes the place of the warning.
func TestJoinRelease(t *testing.T) {
	at := func(line int, s Severity) Finding { return Finding{File: "f", Line: line, Column: 1, Severity: s} }
	got := JoinRelease([]Finding{at(1, Warning), at(2, Warning), at(3, Error)}, []Finding{at(1, Error), at(3, Error)})
	if len(got) != 4 || got[0] != at(2, Warning) {
		t.Errorf("%+v", got)
	}
}
