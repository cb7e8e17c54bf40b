// Package bench measures whole processes, as users start them. The figures of
// docs/benchmarks.md come from one run of `make bench`.
package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs builds the commands that are compared.
func programs(b *testing.B) (rescue, rescueVet, cue string) {
	b.Helper()
	dir := b.TempDir()
	for name, pkg := range map[string]string{
		"rescue":     "../cmd/rescue",
		"rescue-vet": "../cmd/rescue-vet",
		"cue":        "cuelang.org/go/cmd/cue",
	} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, name), pkg)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	return filepath.Join(dir, "rescue"), filepath.Join(dir, "rescue-vet"), filepath.Join(dir, "cue")
}

// process runs a program again and again, and reports its peak memory.
func process(b *testing.B, dir, program string, args ...string) {
	b.Helper()
	var peak int64
	for b.Loop() {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%s %v: %v\n%s", program, args, err, out)
		}
		peak = max(peak, maxRSS(cmd.ProcessState))
	}
	b.ReportMetric(float64(peak)/1024, "MB-peak")
}

func BenchmarkCorpus(b *testing.B) {
	corpus := os.Getenv("RESCUE_CORPUS")
	if corpus == "" {
		b.Skip("no corpus: set RESCUE_CORPUS to a folder with blueprints/*/*.yaml")
	}
	files, err := filepath.Glob(filepath.Join(corpus, "blueprints", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		b.Fatalf("there are no blueprints/*/*.yaml in %s, which RESCUE_CORPUS names: %v", corpus, err)
	}
	for i := range files {
		if files[i], err = filepath.Abs(files[i]); err != nil {
			b.Fatal(err)
		}
	}
	_, rescueVet, _ := programs(b)
	sound := convertible(b, rescueVet, files)
	b.Logf("%d files, %d of them convert", len(files), len(sound))
	b.Run("vet", func(b *testing.B) { process(b, ".", rescueVet, append([]string{"vet"}, sound...)...) })
	out := b.TempDir()
	b.Run("convert", func(b *testing.B) {
		process(b, ".", rescueVet, append(append([]string{"convert"}, sound...), "-o", out)...)
	})
}

// convertible leaves out the files that have mistakes, and those whose names end
// alike, which cannot be written into one folder.
func convertible(b *testing.B, rescueVet string, files []string) []string {
	b.Helper()
	var sound []string
	seen := map[string]bool{}
	for _, f := range files {
		if !seen[filepath.Base(f)] && exec.Command(rescueVet, "vet", f).Run() == nil {
			seen[filepath.Base(f)] = true
			sound = append(sound, f)
		}
	}
	return sound
}
