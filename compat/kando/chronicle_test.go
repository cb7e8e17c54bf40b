package kando

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// chronicleDir has the files that a chronicle reads, and returns its flags and the
// folder with its objects.
func chronicleDir(t *testing.T) (flags []string, objects, profileJSON string) {
	t.Helper()
	dir := t.TempDir()
	p := profile(t, dir)
	for name, text := range map[string]string{"profile": p, "path": "logs/shop\n", "env/GREETING": "hello world\n"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	flags = []string{"-p", filepath.Join(dir, "profile"), "-s", filepath.Join(dir, "path"), "-e", filepath.Join(dir, "env")}
	return flags, filepath.Join(dir, "bucket/pre/logs"), p
}

// A chronicle goes on until a signal, keeps only the last output, and goes on with its
// numbers when it is started again.
func TestChronicle(t *testing.T) {
	flags, objects, p := chronicleDir(t)
	started := filepath.Join(t.TempDir(), "started")
	var numbers []int
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		var stderr bytes.Buffer
		done := make(chan int)
		args := append([]string{"chronicle", "push", "-f", "1ms"}, flags...)
		go func() {
			done <- Main(ctx, append(args, "--", "echo", "x", ">>"+started+";", "echo", "$GREETING", "$(wc", "-l", "<"+started+")"), nil, &stderr, &stderr)
		}()
		until := 3 + lines(t, started)
		for lines(t, started) < until {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if status := <-done; status != 0 {
			t.Fatalf("status %d: %s", status, stderr.String())
		}
		numbers = append(numbers, lastNumber(t, filepath.Join(objects, "shop")))
	}
	stdout, stderr, status := run(t, nil, "chronicle", "pull", "-p", p, "-s", "logs/shop", "-")
	checkFailure(t, "pull", stderr, status, "")
	if !strings.HasPrefix(stdout, "hello world ") {
		t.Errorf("the last output is %q", stdout)
	}
	// One more may be there for each signal that came between manifest and removal.
	if found, err := filepath.Glob(filepath.Join(objects, "shop-*")); err != nil || len(found) == 0 || len(found) > 3 {
		t.Errorf("there are %v, %v", found, err)
	}
	if numbers[0] < 0 || numbers[1] <= numbers[0] {
		t.Errorf("after the two starts the last numbers are %v", numbers)
	}
}

// lastNumber is the one that the manifest names.
func lastNumber(t *testing.T, manifest string) int {
	t.Helper()
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(strings.TrimPrefix(string(text), "logs/shop-"))
	if err != nil {
		t.Fatalf("the manifest is %q", text)
	}
	return number
}

func lines(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func TestChronicleFails(t *testing.T) {
	flags, objects, _ := chronicleDir(t)
	// A chronicle that takes no notice of the failure goes on for ever.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	status := Main(ctx, append([]string{"chronicle", "push"}, append(flags, "echo half; exit 3")...), nil, &stderr, &stderr)
	checkFailure(t, "command", stderr.String(), status, "the command of the chronicle: exit status 3")
	if found, err := filepath.Glob(filepath.Join(objects, "*")); err != nil || len(found) > 0 {
		t.Errorf("half an output was left: %v, %v", found, err)
	}
}

func TestNextPath(t *testing.T) {
	for _, tt := range []struct{ last, want string }{
		{"", "a/b-0"}, {"a/b-0", "a/b-1"}, {"a/b-41", "a/b-42"}, {"other-7", "a/b-0"}, {"a/b-x", "a/b-0"}, {"7", "a/b-0"},
	} {
		if got := nextPath("a/b", tt.last); got != tt.want {
			t.Errorf("after %q comes %q, expected %q", tt.last, got, tt.want)
		}
	}
}
