package interp

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rescuecue/rescue/schema"
)

// sourceTree writes files below a folder of the test.
func sourceTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSourcesAreAllThatABlueprintIsMadeOf: also where the schema is vendored, which is
// not a part of it, and where there is no module.
func TestSourcesAreAllThatABlueprintIsMadeOf(t *testing.T) {
	const imports = "import \"github.com/rescuecue/rescue/schema\"\n"
	const blueprint = "blueprint: schema.#Blueprint & {name: \"b\", actions: a: phases: p: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"true\"]}}}\n"
	module := "module: \"example.com/shop\"\nlanguage: version: \"v0.17.0\"\n"
	vendored := "cue.mod/pkg/" + schema.Module + "/schema/phase.cue"
	for name, c := range map[string]struct {
		files map[string]string
		path  string
		want  []string
	}{
		"a file of no module": {map[string]string{"b.cue": "package b\n" + imports + blueprint, "c.cue": "package b\n"}, "b.cue", []string{"b.cue"}},
		"a folder with imports": {map[string]string{
			"cue.mod/module.cue": module, vendored: "package schema\n",
			"b/b.cue": "package b\n" + imports + blueprint, "b/c.cue": "package b\nimport \"example.com/shop/d\"\n_d: d.x\n",
			"d/d.cue": "package d\nx: 1\n", "e/e.cue": "package e\n",
		}, "b", []string{"b/b.cue", "b/c.cue", "cue.mod/module.cue", "d/d.cue"}},
		"YAML": {map[string]string{"b.yaml": "apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nmetadata: {name: b}\nactions: {a: {phases: [{func: KubeTask, name: p, args: {image: \"i:1\", command: [\"true\"]}}]}}\n"}, "b.yaml", nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sourceTree(t, c.files)
			b, err := Load(filepath.Join(dir, c.path), bytes.NewReader(nil))
			if err != nil {
				t.Fatal(err)
			}
			root, files, err := b.Sources()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, f := range files {
				below, err := filepath.Rel(root, f.Path)
				if err != nil || string(f.Text) != c.files[filepath.ToSlash(below)] {
					t.Errorf("%s: %q, error %v", f.Path, f.Text, err)
				}
				got[filepath.ToSlash(below)] = true
			}
			if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, c.want) {
				t.Errorf("files %v, expected %v", names, c.want)
			}
		})
	}
}
