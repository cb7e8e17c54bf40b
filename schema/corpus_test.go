package schema

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
	yamlenc "cuelang.org/go/encoding/yaml"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// corpus finds a folder of published blueprints: $RESCUE_CORPUS, or shared/corpus
// beside the repository or above it.
func corpus(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("RESCUE_CORPUS"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if at := filepath.Join(dir, "shared", "corpus"); isDir(at) {
			return at
		}
	}
	t.Skip("there is no corpus: set RESCUE_CORPUS to a folder with published blueprints")
	return ""
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Published blueprints fail exactly where they name a function or an argument
// that does not exist, or leave out one that is needed.
func TestPublishedBlueprints(t *testing.T) {
	files, err := yamlFiles(filepath.Join(corpus(t), "blueprints"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, file := range files {
		if len(mistakes(t, file)) > 0 {
			want[file] = true
		}
	}
	ctx := cuecontext.New()
	definition := legacyBlueprint(t, ctx)
	got := map[string]bool{}
	for _, file := range files {
		src, err := yamlenc.Extract(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		v := definition.Unify(ctx.BuildFile(src))
		if err := v.Validate(cue.Concrete(true)); err != nil {
			got[file] = true
			t.Logf("%s: %v", filepath.Base(file), err)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("blueprints with errors (-want +got):\n%s", diff)
	}
	t.Logf("%d of %d blueprints have errors", len(got), len(files))
}

// legacyBlueprint is what `cue vet -d '#Blueprint' ./kanister` checks against.
func legacyBlueprint(t *testing.T, ctx *cue.Context) cue.Value {
	t.Helper()
	insts := load.Instances([]string{"./kanister"}, nil)
	if err := insts[0].Err; err != nil {
		t.Fatal(err)
	}
	return ctx.BuildInstance(insts[0]).LookupPath(cue.ParsePath("#Blueprint"))
}

func yamlFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".yaml") {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

type legacyPhase struct {
	Func string         `json:"func"`
	Args map[string]any `json:"args"`
}

// mistakes looks for them in another way than the schema does.
func mistakes(t *testing.T, file string) []string {
	t.Helper()
	var blueprint struct {
		Actions map[string]struct {
			Phases     []legacyPhase `json:"phases"`
			DeferPhase *legacyPhase  `json:"deferPhase"`
		} `json:"actions"`
	}
	if err := yaml.Unmarshal([]byte(read(t, file)), &blueprint); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, a := range blueprint.Actions {
		for _, p := range a.Phases {
			found = append(found, p.mistakes()...)
		}
		if a.DeferPhase != nil {
			found = append(found, a.DeferPhase.mistakes()...)
		}
	}
	return found
}

func (p legacyPhase) mistakes() []string {
	f, ok := Function(p.Func)
	if !ok {
		return []string{p.Func}
	}
	var found []string
	given := map[string]bool{}
	for name := range p.Args {
		if _, ok := f.Arg(name); !ok {
			found = append(found, name)
		}
		given[f.Canonical(name)] = true
	}
	for _, name := range f.Required {
		if !given[name] {
			found = append(found, name)
		}
	}
	return found
}
