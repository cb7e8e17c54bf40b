package vet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func mustRead(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// tree writes files into a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const schemaImport = "import \"github.com/rescuecue/rescue/schema\"\n"

// TestFolder: blueprints are found by their content; files of a CUE package belong
// together.
func TestFolder(t *testing.T) {
	root := tree(t, map[string]string{
		"a.yaml":                  "kind: Blueprint\n",
		"b.yml":                   "kind: List\nitems:\n- kind: \"Blueprint\"\n",
		"deployment.yaml":         "kind: Deployment\n",
		"flow.yaml":               "{\"apiVersion\":\"v1\",\"kind\":\"Blueprint\"}\n",
		"notes.txt":               "kind: Blueprint\n",
		"p/one.cue":               "package p\n" + schemaImport,
		"p/two.cue":               "package p\n",
		"p/other.cue":             "package other\n",
		"p/p_tool.cue":            "package p\n",
		"cue.mod/pkg/x/x.cue":     schemaImport,
		".git/a.yaml":             "kind: Blueprint\n",
		"node_modules/x/bp.yaml":  "kind: Blueprint\n",
		"deep/er/broken.yaml":     "kind: Blueprint\nactions: {\n",
		"alone/x.cue":             schemaImport,
		"alone/y.cue":             schemaImport,
		"unrelated/settings.cue":  "package settings\n",
		"unrelated/settings.json": "{}",
	})
	units, findings, err := new(Collector).Collect([]string{root, filepath.Join(root, "a.yaml")})
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	var got []string
	for _, u := range units {
		var names []string
		for _, f := range u.Files {
			name, err := filepath.Rel(root, f.Name)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		got = append(got, strings.Join(names, "+"))
	}
	want := "a.yaml b.yml deep/er/broken.yaml flow.yaml alone/x.cue alone/y.cue p/one.cue+p/two.cue"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

func TestFolderWithoutBlueprints(t *testing.T) {
	_, findings, err := new(Collector).Collect([]string{tree(t, map[string]string{"a.txt": "x"})})
	if err != nil || len(findings) != 1 || findings[0].Rule != ruleNoBlueprint {
		t.Errorf("findings %v, error %v", findings, err)
	}
}

// TestUnreadable: what cannot be read is an error for each path, and the rest is
// returned all the same.
func TestUnreadable(t *testing.T) {
	root := tree(t, map[string]string{"a.yaml": "kind: Blueprint\n"})
	missing := filepath.Join(root, "missing.yaml")
	units, _, err := new(Collector).Collect([]string{missing, filepath.Join(root, "a.yaml")})
	if len(units) != 1 || err == nil || err.Error() != missing+": no such file or directory" {
		t.Errorf("%d units, error %v", len(units), err)
	}
}

func TestHugeFile(t *testing.T) {
	root := tree(t, map[string]string{"a.yaml": ""})
	path := filepath.Join(root, "a.yaml")
	if err := os.Truncate(path, MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	units, findings, err := new(Collector).Collect([]string{path})
	if err != nil || len(units) != 0 || len(findings) != 1 || findings[0].Rule != ruleFileSize {
		t.Errorf("units %v, findings %v, error %v", units, findings, err)
	}
}

// TestLanguage: without a name that says so, CUE is told from YAML by its content.
func TestLanguage(t *testing.T) {
	for text, want := range map[string]Language{
		"// c\n\npackage x\n": CUE, "import \"x\"\n": CUE, "import(\n": CUE, "@if(x)\npackage x": CUE,
		"kind: Blueprint": YAML, "": YAML, "package: x\n": YAML, "# package x\n": YAML,
	} {
		if got := languageOf(File{Name: "<stdin>", Data: []byte(text)}); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	if languageOf(File{Name: "x.cue"}) != CUE || languageOf(File{Name: "x.yaml", Data: []byte("package x")}) != YAML {
		t.Error("the extension does not count")
	}
}

// TestPackage: a mistake is reported in the file that it is in, also when that is
// another package of the user's module.
func TestPackage(t *testing.T) {
	root := tree(t, map[string]string{
		"cue.mod/module.cue": "module: \"example.com/shop\"\nlanguage: version: \"v0.17.0\"\n",
		"shared/stop.cue":    "package shared\n\nStop: {\n\tfunc: \"ScaleWorkload\"\n\targs: replica: 0\n}\n",
		"bp/bp.cue": "package bp\n\nimport (\n\t\"github.com/rescuecue/rescue/schema\"\n\t\"example.com/shop/shared\"\n)\n\n" +
			"blueprint: schema.#Blueprint & {name: \"shop\", actions: backup: phases: stop: shared.Stop}\n",
		"bp/more.cue": "package bp\n\nblueprint: actions: backup: phases: start: {func: \"ScaleWorkload\", args: replicas: \"1\"}\n",
	})
	units, _, err := new(Collector).Collect([]string{filepath.Join(root, "bp")})
	if err != nil || len(units) != 1 {
		t.Fatal(units, err)
	}
	findings := Check(units[0])
	var got []string
	for _, f := range findings {
		got = append(got, filepath.Base(f.File)+":"+itoa(f.Line)+" "+f.Rule)
	}
	if want := "more.cue:3 argument-type,stop.cue:5 unknown-argument"; strings.Join(got, ",") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
