package vet

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rescuecue/rescue/schema"
)

const moduleText = "-- cue.mod/module.cue --\nmodule: \"example.com/shop@v0\"\nlanguage: version: \"v0.17.0\"\n"

// importer is a unit that reads a package of its module.
const importer = "-- bp/bp.cue --\npackage bp\nimport \"example.com/shop/steps\"\nx: steps.#Image & \"good\"\n"

// What is loaded without CUE's loader is what that would load; the rest is left to it.
func TestOwnPackages(t *testing.T) {
	for _, c := range []struct {
		name, files string
		alone       bool
	}{
		{"one file", importer + "-- steps/a.cue --\npackage steps\n#Image: string\n", true},
		{"several files", importer + "-- steps/a.cue --\npackage steps\n#Image: _image\n-- steps/b.cue --\npackage steps\n_image: string\n", true},
		{"a mistake in it", importer + "-- steps/a.cue --\npackage steps\n#Image: \"other\"\n", true},
		{"a name that is not there", importer + "-- steps/a.cue --\npackage steps\n#Image: _imag\n", true},
		{"it imports another", importer + "-- steps/a.cue --\npackage steps\nimport \"example.com/shop/base/parts\"\n#Image: parts.#Part\n" +
			"-- base/parts/p.cue --\npackage parts\n#Part: string\n", true},
		{"it imports the schema", importer + "-- steps/a.cue --\npackage steps\nimport \"" + schema.Module + "/schema\"\n#Image: string\n#Phase: schema.#Phase\n", true},
		{"other packages in the folder", importer + "-- steps/a.cue --\npackage steps\n#Image: string\n-- steps/b.cue --\npackage other\n#Image: 1\n-- steps/c.cue --\n#Image: 2\n", true},
		{"files that do not count", importer + "-- steps/a.cue --\npackage steps\n#Image: string\n-- steps/a_test.cue --\npackage steps\n#Image: 1\n" +
			"-- steps/a_tool.cue --\npackage steps\n#Image: 2\n-- steps/_b.cue --\npackage steps\n#Image: 3\n-- steps/.c.cue --\npackage steps\n#Image: 4\n", true},
		{"files of the package above", importer + "-- steps/a.cue --\npackage steps\n#Image: string\n-- above.cue --\npackage steps\n#Image: \"other\"\n", false},
		{"a build tag", importer + "-- steps/a.cue --\npackage steps\n#Image: string\n-- steps/b.cue --\n@if(other)\npackage steps\n#Image: \"other\"\n", false},
		{"a module of its own", importer + "-- steps/a.cue --\npackage steps\n#Image: string\n-- steps/cue.mod/module.cue --\nmodule: \"example.com/steps@v0\"\nlanguage: version: \"v0.17.0\"\n", false},
		{"vendored, too", importer + "-- steps/a.cue --\npackage steps\n#Image: string\n-- cue.mod/usr/example.com/shop/steps/a.cue --\npackage steps\n#Image: \"other\"\n", false},
		{"not there", importer, false},
		{"of another name", importer + "-- steps/a.cue --\npackage other\n#Image: string\n", false},
		{"broken", importer + "-- steps/a.cue --\npackage steps\n#Image: {\n", false},
		{"a cycle", importer + "-- steps/a.cue --\npackage steps\nimport \"example.com/shop/parts\"\n#Image: parts.#Part\n" +
			"-- parts/p.cue --\npackage parts\nimport \"example.com/shop/steps\"\n#Part: string\n#Again: steps.#Image\n", false},
		{"an import that is not used", importer + "-- steps/a.cue --\npackage steps\nimport \"strings\"\n#Image: string\n", false},
		{"by the name of the package", "-- bp/bp.cue --\npackage bp\nimport \"example.com/shop/steps:other\"\nx: other.#Image & \"good\"\n-- steps/a.cue --\npackage other\n#Image: string\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for _, f := range txtar.Parse([]byte(moduleText + c.files)).Files {
				writeIn(t, filepath.Join(root, f.Name), f.Data)
			}
			path := filepath.Join(root, "bp", "bp.cue")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			u := Unit{Language: CUE, Files: []File{{Name: path, Path: path, Data: data}}}
			alone, whole := newPackage(u), newPackage(u)
			if got := alone.loadAlone(u, filepath.Dir(path)); got != c.alone {
				t.Fatalf("loaded alone: %v", got)
			}
			defer alone.close()
			if !c.alone {
				return
			}
			if err := whole.loadByCUE(u, filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(loaded(whole, path), loaded(alone, path)); diff != "" {
				t.Errorf("what CUE loads, and what was loaded:\n%s", diff)
			}
		})
	}
}

// loaded says what there is to say of a package: its files, and what is wrong with them.
func loaded(p *cuePackage, path string) []string {
	p.addImports(p.inst, filepath.Dir(path), filepath.Dir(path), map[*build.Instance]bool{})
	said := slices.Sorted(maps.Keys(p.sources))
	v := p.value()
	return append(said, fmt.Sprint(v), fmt.Sprint(v.Validate(cue.Concrete(false))))
}

// An editor's text of a file goes before the file, and a file may not be saved at all.
func TestOwnPackagesUnsaved(t *testing.T) {
	root := t.TempDir()
	for _, f := range txtar.Parse([]byte(moduleText + importer + "-- steps/a.cue --\npackage steps\n#Image: _image\n")).Files {
		writeIn(t, filepath.Join(root, f.Name), f.Data)
	}
	path := filepath.Join(root, "bp", "bp.cue")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	u := Unit{Language: CUE, Library: true, Files: []File{{Name: path, Path: path, Data: data}}}
	if findings := Check(u); len(findings) == 0 {
		t.Error("the missing field is not found")
	}
	u.Unsaved = map[string][]byte{filepath.Join(root, "steps", "b.cue"): []byte("package steps\n_image: string\n")}
	if findings := Check(u); len(findings) != 0 {
		t.Errorf("with the unsaved file: %v", findings)
	}
	u.Unsaved[filepath.Join(root, "steps", "a.cue")] = []byte("package steps\n#Image: 1\n")
	if findings := Check(u); len(findings) != 1 {
		t.Errorf("with a mistake that is not saved: %v", findings)
	}
}

func writeIn(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
