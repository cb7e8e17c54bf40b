package schema

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// scratch outlives single tests: the cue command is built there once.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "schema")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		scratch = dir
		return m.Run()
	}())
}

// cueCommand builds the stock cue command, of the version in go.mod.
var cueCommand = sync.OnceValues(func() (string, error) {
	cmd := filepath.Join(scratch, "cue")
	out, err := exec.Command("go", "build", "-o", cmd, "cuelang.org/go/cmd/cue").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the cue command: %w\n%s", err, out)
	}
	return cmd, nil
})

// module makes a module that has the schema vendored, as a user's may have, and
// in it the given files.
func module(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cue.mod", "module.cue"), "module: \"example.com/shop\"\nlanguage: version: \"v0.17.0\"\n")
	err := fs.WalkDir(FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := FS.ReadFile(path)
		write(t, filepath.Join(dir, "cue.mod", "pkg", Module, "schema", path), string(src))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range files {
		write(t, filepath.Join(dir, name), src)
	}
	return dir
}

func write(t testing.TB, path, src string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// finding is one error of `cue vet`: what it says, and the places in the user's
// own files.
type finding struct {
	message string
	places  []string
}

// vet runs `cue vet` in a folder and returns what it found.
func vet(t testing.TB, dir string, args ...string) []finding {
	t.Helper()
	cue, err := cueCommand()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(cue, append([]string{"vet"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CUE_CACHE_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	found := findings(string(out))
	if (err != nil) != (len(found) > 0) {
		t.Fatalf("cue vet %v: %v\n%s", args, err, out)
	}
	return found
}

var place = regexp.MustCompile(`^    (.*):(\d+):(\d+)$`)

// findings reads what `cue vet` prints: messages, and below each, indented, the
// places it came from.
func findings(out string) []finding {
	var found []finding
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		m := place.FindStringSubmatch(line)
		switch {
		case m == nil && strings.TrimSpace(line) != "":
			found = append(found, finding{message: strings.TrimSuffix(line, ":")})
		case m != nil && !strings.Contains(m[1], "cue.mod/pkg"):
			last := &found[len(found)-1]
			last.places = append(last.places, m[1]+":"+m[2])
		}
	}
	return found
}

func messages(found []finding) string {
	var lines []string
	for _, f := range found {
		lines = append(lines, fmt.Sprintf("%s %v", f.message, f.places))
	}
	return strings.Join(lines, "\n")
}
