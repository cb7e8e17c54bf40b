package compat

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"

	"github.com/rescuecue/rescue/schema"
)

// converted is a blueprint with its conversion, evaluated.
type converted struct {
	// name of the file below the corpus.
	name string
	file string
	bp   *Blueprint
	*Conversion
	value cue.Value
	// vet is what `cue vet -c=false` says.
	vet error
}

// corpusDir finds the published blueprints: $RESCUE_CORPUS, or shared/corpus
// beside a folder above this one.
func corpusDir(tb testing.TB) string {
	tb.Helper()
	dir := findCorpus(tb)
	if dir == "" {
		tb.Skip("no corpus of published blueprints: set RESCUE_CORPUS to its folder")
	}
	return dir
}

// findCorpus returns "" if there is none.
func findCorpus(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("RESCUE_CORPUS"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		at := filepath.Join(dir, "shared", "corpus")
		if _, err := os.Stat(at); err == nil {
			return at
		}
	}
	return ""
}

// corpusFiles lists the blueprints of the corpus.
func corpusFiles(tb testing.TB) []string {
	tb.Helper()
	root := filepath.Join(corpusDir(tb), "blueprints")
	var files []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".yaml") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		tb.Fatalf("%s: %d files, %v", root, len(files), err)
	}
	sort.Strings(files)
	return files
}

// corpus converts and evaluates the corpus, once for all tests that need it.
func corpus(tb testing.TB) []*converted {
	tb.Helper()
	files := corpusFiles(tb)
	corpusOnce.Do(func() {
		for _, file := range files {
			c := convertFile(tb, file)
			c.name = strings.TrimPrefix(file, filepath.Join(corpusDir(tb), "blueprints")+"/")
			corpusConverted = append(corpusConverted, c)
		}
	})
	return corpusConverted
}

var (
	corpusOnce      sync.Once
	corpusConverted []*converted
)

// convertFile converts the one blueprint of a file.
func convertFile(tb testing.TB, file string) *converted {
	tb.Helper()
	c := &converted{name: filepath.Base(file), file: file, bp: readBlueprint(tb, file)}
	var err error
	if c.Conversion, err = Convert(c.bp, ConvertOptions{}); err != nil {
		tb.Fatal(err)
	}
	c.value = buildCUE(tb, c.CUE)
	c.vet = c.value.Validate(cue.Concrete(false))
	return c
}

// readBlueprint reads the one blueprint of a file.
func readBlueprint(tb testing.TB, file string) *Blueprint {
	tb.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	docs, err := Parse(file, src)
	if err != nil {
		tb.Fatal(err)
	}
	for _, d := range docs {
		if d.Kind == KindBlueprint {
			bp, _ := ReadBlueprint(d)
			return bp
		}
	}
	tb.Fatalf("%s has no blueprint", file)
	return nil
}

const testModule = "module: \"test.example@v0\"\nlanguage: version: \"v0.17.0\"\n"

// buildCUE evaluates a file of CUE that imports the schema of this tree.
func buildCUE(tb testing.TB, src []byte) cue.Value {
	tb.Helper()
	const root = "/module"
	overlay, err := schema.Overlay(root)
	if err != nil {
		tb.Fatal(err)
	}
	overlay[root+"/cue.mod/module.cue"] = load.FromString(testModule)
	overlay[root+"/b.cue"] = load.FromBytes(src)
	inst := load.Instances([]string{"./b.cue"}, &load.Config{Dir: root, Overlay: overlay})[0]
	if inst.Err != nil {
		tb.Fatal(inst.Err)
	}
	return cuecontext.New().BuildInstance(inst)
}
