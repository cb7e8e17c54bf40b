package compat

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/format"

	"github.com/rescuecue/rescue/schema"
)

// What the corpus gave when this was last improved. A lower number is a step
// back; a higher one is to be written down here.
const (
	corpusClean  = 131
	corpusNative = 3162
)

// TestConvertCorpus converts every blueprint of the corpus. Clean is one of which
// vet accepts the CUE, and that needed no warning.
func TestConvertCorpus(t *testing.T) {
	clean, native, kept := 0, 0, 0
	all := corpus(t)
	for _, c := range all {
		if again, err := format.Source(c.CUE); err != nil || !bytes.Equal(again, c.CUE) {
			t.Errorf("%s: cue fmt changes the result (%v)", c.name, err)
		}
		native += c.Native
		kept += c.KeptActions()
		if c.vet == nil && len(c.Warnings) == 0 {
			clean++
			continue
		}
		t.Logf("%s:\n%s%s", c.name, errors.Details(c.vet, nil), Errors(c.Warnings).Error())
	}
	t.Logf("%d of %d clean; %d of %d template actions native (%.1f %%)", clean, len(all), native, native+kept, 100*float64(native)/float64(native+kept))
	if clean < corpusClean || native < corpusNative {
		t.Errorf("%d clean and %d native, but it was %d and %d", clean, native, corpusClean, corpusNative)
	}
}

// TestStockCue runs the stock command over what the corpus and the project's own
// blueprints became.
func TestStockCue(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the cue command")
	}
	dir := t.TempDir()
	writeModule(t, dir)
	command := stockCue(t)
	own, err := filepath.Glob("testdata/convert/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range own {
		writePackage(t, dir, convertFile(t, file))
	}
	t.Run("own", func(t *testing.T) { stockVet(t, command, dir) })
	t.Run("corpus", func(t *testing.T) {
		for _, c := range corpus(t) {
			writePackage(t, dir, c)
		}
		stockVet(t, command, dir)
	})
}

// writeModule makes a module with the schema vendored.
func writeModule(t *testing.T, dir string) {
	t.Helper()
	writeFile(t, filepath.Join(dir, "cue.mod", "module.cue"), []byte(testModule))
	err := fs.WalkDir(schema.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := schema.FS.ReadFile(path)
		if err == nil {
			writeFile(t, filepath.Join(dir, "cue.mod", "pkg", schema.Module, "schema", path), src)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// writePackage writes a conversion that vet accepts in process.
func writePackage(t *testing.T, dir string, c *converted) {
	t.Helper()
	if c.vet == nil {
		name := strings.NewReplacer("/", "-", ".", "-").Replace(c.name)
		writeFile(t, filepath.Join(dir, name, "blueprint.cue"), c.CUE)
	}
}

func writeFile(t *testing.T, file string, src []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(file), 0o777)
	if err == nil {
		err = os.WriteFile(file, src, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stockCue builds the cue command of the version in go.mod.
func stockCue(t *testing.T) string {
	t.Helper()
	command := filepath.Join(t.TempDir(), "cue")
	if out, err := exec.Command("go", "build", "-o", command, "cuelang.org/go/cmd/cue").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return command
}

func stockVet(t *testing.T, command, dir string) {
	t.Helper()
	for _, args := range []string{"vet -c=false ./...", "fmt --check ./..."} {
		cmd := exec.Command(command, strings.Fields(args)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CUE_CACHE_DIR="+t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("cue %s: %v\n%s", args, err, out)
		}
	}
}

func BenchmarkConvertCorpus(b *testing.B) {
	type source struct {
		file string
		text []byte
	}
	var sources []source
	for _, file := range corpusFiles(b) {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		sources = append(sources, source{file, text})
	}
	b.ResetTimer()
	for b.Loop() {
		for _, s := range sources {
			if err := convertSource(s.file, s.text); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// convertSource does what `rescue convert` does with a file, but for the file.
func convertSource(file string, src []byte) error {
	docs, err := Parse(file, src)
	if err != nil {
		return err
	}
	for _, d := range docs {
		bp, _ := ReadBlueprint(d)
		c, err := Convert(bp, ConvertOptions{})
		if err != nil {
			return err
		}
		if len(c.CUE) == 0 {
			return fmt.Errorf("%s: no CUE", file)
		}
	}
	return nil
}
