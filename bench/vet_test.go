package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/schema"
)

// workflow is as long as the blueprint in YAML that it is compared with.
func workflow(lines int) string {
	var b strings.Builder
	b.WriteString("name: backup\non:\n  push:\n    branches: [main]\njobs:\n  backup:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n")
	for i := 0; strings.Count(b.String(), "\n") < lines-2; i++ {
		fmt.Fprintf(&b, "      - name: step %d\n        run: echo \"${{ github.ref }}\"\n        env:\n          NUMBER: ${{ github.run_number }}\n", i)
	}
	return b.String()
}

// actionlint builds the linter of workflows, whose module comes from the network once.
func actionlint(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "actionlint")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/rhysd/actionlint/cmd/actionlint")
	build.Dir = "actionlint"
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

// A collection is a user's module, with the schema vendored, and as many files of each
// kind as there are to check.
type collection struct{ dir string }

func newCollection(b *testing.B, files int) collection {
	b.Helper()
	c := collection{b.TempDir()}
	c.write(b, "cue.mod/module.cue", "module: \"example.com/shop@v0\"\nlanguage: version: \"v0.17.0\"\n")
	for _, pattern := range []string{"*.cue", "kanister/*.cue"} {
		names, err := filepath.Glob(filepath.Join("../schema", pattern))
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range names {
			rel, err := filepath.Rel("../schema", name)
			if err != nil {
				b.Fatal(err)
			}
			c.write(b, filepath.Join("cue.mod/pkg", schema.Module, "schema", rel), contentOf(b, name))
		}
	}
	native, legacy := contentOf(b, "../examples/timelog/timelog.cue"), contentOf(b, "../examples/timelog/blueprint.yaml")
	for i := range files {
		c.write(b, fmt.Sprintf("cue/b%04d/b.cue", i), native)
		c.write(b, fmt.Sprintf("yaml/b%04d.yaml", i), strings.ReplaceAll(legacy, "name: time-log", fmt.Sprintf("name: time-log-%d", i)))
		c.write(b, fmt.Sprintf(".github/workflows/w%04d.yaml", i), workflow(strings.Count(legacy, "\n")))
	}
	return c
}

func (c collection) write(b *testing.B, name, text string) {
	b.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
}

func contentOf(b *testing.B, path string) string {
	b.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return string(data)
}

// BenchmarkVetFiles compares vet with the stock cue command on the same files, and with
// actionlint on as many workflows of the same length.
func BenchmarkVetFiles(b *testing.B) {
	rescue, rescueVet, cue := programs(b)
	linter := actionlint(b)
	for _, files := range []int{1, 1000} {
		c := newCollection(b, files)
		names, err := filepath.Glob(filepath.Join(c.dir, "yaml", "*.yaml"))
		if err != nil {
			b.Fatal(err)
		}
		stock := append([]string{"vet", "-c", "-d", "#Blueprint", schema.Module + "/schema/kanister"}, names...)
		for _, run := range []struct {
			name, program string
			args          []string
		}{
			{"cue/native", cue, []string{"vet", "-c=false", "./cue/..."}},
			{"rescue-vet/native", rescueVet, []string{"vet", "cue"}},
			{"rescue/native", rescue, []string{"vet", "cue"}},
			{"cue/yaml", cue, stock},
			{"rescue-vet/yaml", rescueVet, []string{"vet", "yaml"}},
			{"rescue/yaml", rescue, []string{"vet", "yaml"}},
			{"actionlint", linter, append([]string{"-shellcheck=", "-pyflakes="}, workflows(b, c)...)},
		} {
			b.Run(fmt.Sprintf("%s/files=%d", run.name, files), func(b *testing.B) { process(b, c.dir, run.program, run.args...) })
		}
	}
}

func workflows(b *testing.B, c collection) []string {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(c.dir, ".github", "workflows", "*.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	return names
}
