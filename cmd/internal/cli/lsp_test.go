package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rescuecue/rescue/cmd/internal/lsp/lsptest"
)

// An editorProcess is `rescue lsp` as a process of its own, with an editor at its
// standard input and output.
type editorProcess struct {
	*lsptest.Editor
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *bytes.Buffer
}

func startEditor(t *testing.T) editorProcess {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "rescue", "lsp", "--stdio")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	// A pipe of our own: Wait closes the one of StdoutPipe, perhaps before all is read.
	fromServer, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	return editorProcess{lsptest.New(t, stdin, fromServer), cmd, stdin, stderr}
}

// wait returns the exit code.
func (p editorProcess) wait(t *testing.T) int {
	t.Helper()
	err := p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if p.stderr.Len() > 0 {
		t.Errorf("standard error: %s", p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

func TestLSPProcess(t *testing.T) {
	p := startEditor(t)
	p.Start(os.Getpid())
	path := filepath.Join(t.TempDir(), "bp.yaml")
	p.Open(path, "yaml", "apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nactions:\n  backup:\n    phases:\n    - func: KubeTsk\n      name: a\n")
	p.Await(path, lsptest.Rules("unknown-function"))
	if err := p.Shutdown(p.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Exit(p.Context()); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(t); code != ExitOK {
		t.Errorf("exit code %d after shutdown and exit", code)
	}
}

func TestLSPEndsWithItsInput(t *testing.T) {
	p := startEditor(t)
	p.Start(0)
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(t); code != ExitFindings {
		t.Errorf("exit code %d when standard input ended without shutdown, want %d", code, ExitFindings)
	}
}

func TestLSPEndsWithItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells when another process ends")
	}
	parent := exec.Command("sleep", "3600")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	p := startEditor(t)
	p.Start(parent.Process.Pid)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(t); code != ExitFindings {
		t.Errorf("exit code %d when the parent died, want %d", code, ExitFindings)
	}
	if err := parent.Wait(); err == nil {
		t.Error("the parent was not killed")
	}
}
