package cli

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestInitStockCue: the stock cue command is content with a new module, offline, and
// would format nothing in it.
func TestInitStockCue(t *testing.T) {
	dir := t.TempDir()
	cue := filepath.Join(dir, "cue")
	if out, err := exec.Command("go", "build", "-o", cue, "cuelang.org/go/cmd/cue").CombinedOutput(); err != nil {
		t.Fatalf("the stock cue command: %v\n%s", err, out)
	}
	for _, args := range [][]string{
		{"init", filepath.Join(dir, "shop")},
		{"init", filepath.Join(dir, "a-long-name-for-a-folder")},
		{"init", filepath.Join(dir, "named"), "--module", "example.com/team/backups@v1", "--package", "pg"},
	} {
		var said bytes.Buffer
		if code := Main("rescue", args, nil, &said, &said); code != ExitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, said.String())
		}
		for _, stock := range [][]string{{"vet", "-c=false", "./..."}, {"fmt", "--check", "."}, {"fmt", "--check", "./tests"}} {
			cmd := exec.Command(cue, stock...)
			cmd.Dir = args[1]
			// Nobody listens there: nothing may be asked of a registry.
			cmd.Env = append(cmd.Environ(), "CUE_REGISTRY=127.0.0.1:1+insecure", "CUE_CACHE_DIR="+t.TempDir())
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("cue %v after rescue %v: %v\n%s", stock, args, err, out)
			}
		}
	}
}
