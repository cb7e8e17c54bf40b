//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// A program is made when the first test asks for it: to link it takes a while, and more
// than a gigabyte of memory.
type program struct {
	once sync.Once
	dir  string
	err  error
}

var rescue program

func (p *program) build() {
	if p.dir, p.err = os.MkdirTemp("", "rescue-e2e-"); p.err != nil {
		return
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(p.dir, "rescue"), "../cmd/rescue").CombinedOutput(); err != nil {
		p.err = fmt.Errorf("%w\n%s", err, out)
	}
}

// buildRescue returns the path of the program.
func buildRescue(t *testing.T) string {
	t.Helper()
	rescue.once.Do(rescue.build)
	if rescue.err != nil {
		t.Fatal(rescue.err)
	}
	return filepath.Join(rescue.dir, "rescue")
}

func TestMain(m *testing.M) {
	code := m.Run()
	if rescue.dir != "" {
		os.RemoveAll(rescue.dir)
	}
	os.Exit(code)
}
