package vet

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// onePhase is a blueprint of one phase, whose arguments begin on line 9.
func onePhase(args string) string {
	return "apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nmetadata: {name: shop}\nactions:\n  check:\n    phases:\n" +
		"    - func: KubeTask\n      name: look\n      args:\n" + args
}

// report is the rules and lines of what is found in text, at a path of its own.
func report(t *testing.T, path, text string, config *Config) []string {
	t.Helper()
	f := File{Name: filepath.Base(path), Path: path, Data: []byte(text)}
	var found []string
	for _, f := range Check(Unit{Language: languageOf(f), Files: []File{f}, Config: config}) {
		found = append(found, string(f.Severity)+" "+f.Rule+" "+itoa(f.Line))
	}
	return found
}

const untagged = "        image: shop\n        command: [look]\n"

// TestConfigLookup: the nearest configuration counts, those above the repository do not.
func TestConfigLookup(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) { writeTo(t, filepath.Join(root, path), text) }
	write(".rescue.yaml", "rules: {image-tag: error}\n")
	write("repo/.git/HEAD", "")
	write("repo/near/.rescue.yaml", "rules: {image-tag: off}\n")
	for path, want := range map[string][]string{
		"outside.yaml":          {"error image-tag 10"},
		"repo/bp.yaml":          {"warning image-tag 10"},
		"repo/near/bp.yaml":     nil,
		"repo/near/sub/bp.yaml": nil,
	} {
		got := report(t, filepath.Join(root, path), onePhase(untagged), nil)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s -want +got:\n%s", path, diff)
		}
	}
	if got := report(t, filepath.Join(root, "outside.yaml"), onePhase(untagged), &Config{}); len(got) != 1 || got[0] != "warning image-tag 10" {
		t.Errorf("with no configuration: %v", got)
	}
}

// TestSeverities: rules, overrides, and rules that are off by default.
func TestSeverities(t *testing.T) {
	const args = "        image: shop\n        command: [look, '{{ toJson .Profile }}']\n"
	for _, c := range []struct {
		name, config string
		want         []string
	}{
		{"nothing", "", []string{"warning image-tag 10"}},
		{"optional", "rules: {profile-in-command: info}", []string{"warning image-tag 10", "info profile-in-command 11"}},
		{"bare off", "rules:\n  image-tag: off", nil},
		{"quoted off", "rules:\n  image-tag: 'off'", nil},
		{"override", "rules: {image-tag: error}\noverrides: [{paths: ['*.yaml'], rules: {image-tag: info}}]", []string{"info image-tag 10"}},
		{"other path", "overrides: [{paths: ['sub/**'], rules: {image-tag: info}}]", []string{"warning image-tag 10"}},
		{"last override", "overrides: [{paths: ['**'], rules: {image-tag: info}}, {paths: [bp.yaml], rules: {image-tag: off}}]", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writeTo(t, filepath.Join(dir, ConfigName), c.config)
			if diff := cmp.Diff(c.want, report(t, filepath.Join(dir, "bp.yaml"), onePhase(args), nil)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestConfigMistakes compares what is said about bad configurations with the golden
// file.
func TestConfigMistakes(t *testing.T) {
	var text bytes.Buffer
	for _, path := range fixtures(t, "config/*.yaml") {
		config, err := LoadConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(config.problems) == 0 {
			t.Errorf("%s: nothing found", path)
		}
		for i := range config.problems {
			config.problems[i].File = filepath.Base(path)
		}
		if err := WriteText(&text, config.problems, TextOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, filepath.Join("testdata", "config", "findings.txt"), text.Bytes())
}

// TestConfigProblemsAreFindings: they come with those of what is checked, once.
func TestConfigProblemsAreFindings(t *testing.T) {
	dir := t.TempDir()
	writeTo(t, filepath.Join(dir, ConfigName), "rules: {image-tags: off}\n")
	var units []Unit
	for _, name := range []string{"a.yaml", "b.yaml"} {
		units = append(units, Unit{Files: []File{{Name: name, Path: filepath.Join(dir, name), Data: []byte(onePhase(untagged))}}})
	}
	findings, err := CheckAll(units)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, f := range findings {
		rules = append(rules, f.Rule)
		if f.Rule == ruleConfiguration && (f.Line != 1 || f.Replacement != "image-tag" || filepath.Base(f.File) != ConfigName) {
			t.Errorf("%+v", f)
		}
	}
	if strings.Count(strings.Join(rules, " "), ruleConfiguration) != 1 || len(rules) != 3 {
		t.Errorf("found %v", rules)
	}
}

// TestExclude: searches leave files out, and names do not.
func TestExclude(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yaml", "b-draft.yaml", "vendor/deep/c.yaml", "sub/vendor/d.yaml"} {
		writeTo(t, filepath.Join(dir, name), onePhase(untagged))
	}
	writeTo(t, filepath.Join(dir, ConfigName), "exclude: ['vendor', '**/*-draft.yaml']\n")
	collect := func(paths ...string) []string {
		units, _, err := new(Collector).Collect(paths)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, u := range units {
			rel, err := filepath.Rel(dir, u.Files[0].path())
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(rel))
		}
		return names
	}
	if diff := cmp.Diff([]string{"a.yaml", "sub/vendor/d.yaml"}, collect(dir)); diff != "" {
		t.Errorf("a folder -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b-draft.yaml"}, collect(filepath.Join(dir, "b-draft.yaml"))); diff != "" {
		t.Errorf("a named file -want +got:\n%s", diff)
	}
	if !FindConfig(filepath.Join(dir, "a.yaml")).Excludes(filepath.Join(dir, "vendor", "x.cue")) {
		t.Error("a file in an excluded folder is not excluded")
	}
	if new(Config).Excludes("a") || (*Config)(nil).Excludes("a") {
		t.Error("an empty configuration excludes")
	}
}

// TestLoadConfigMissing: that there is no file is an error of reading, no finding.
func TestLoadConfigMissing(t *testing.T) {
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.yaml")); !os.IsNotExist(err) {
		t.Errorf("error %v", err)
	}
}

// FuzzConfig: whatever the configuration, reading it ends with findings or without.
func FuzzConfig(f *testing.F) {
	for _, path := range fixtures(f, "config/*.yaml") {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := parseConfig("c", t.TempDir(), []byte(text))
		c.Excludes("a/b.yaml")
		c.severity(ruleImageTag, "a/b.yaml")
	})
}
