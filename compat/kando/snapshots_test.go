package kando

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/compat/phaseoutput"
	"github.com/rescuecue/rescue/funcs/kopiaserver/kopiaservertest"
)

// kopiaServer runs a server and returns the flags that lead to it: by a profile, and
// by the resource.
func kopiaServer(t *testing.T) (byProfile, byResource []string) {
	t.Helper()
	c := kopiaservertest.Config(t)
	s := kopiaservertest.Start(t, c)
	params := &compat.Params{
		Profile:          kopiaservertest.Profile(t, c, s, "one", "one-secret"),
		RepositoryServer: kopiaservertest.Resource(c, s, map[string]string{"one": "one-secret", "two": "two-secret"}),
	}
	render := func(template string) string {
		text, err := compat.Engine{}.Render(template, params)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	return []string{"--profile", render("{{ toJson .Profile }}")},
		[]string{"--repository-server", render("{{ toJson .RepositoryServer }}"), "--repository-server-user-hostname", "one"}
}

// pushed runs a push and returns the value of its output.
func pushed(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	stdout, stderr, status := run(t, strings.NewReader(stdin), append([]string{"location", "push", "--output-name", "kopiaOutput"}, args...)...)
	checkFailure(t, "push", stderr, status, "")
	p := phaseoutput.NewParser(func(line string) { t.Errorf("push printed %q", line) })
	if _, err := p.Write([]byte(stdout)); err != nil {
		t.Fatal(err)
	}
	outputs, err := p.Finish()
	if err != nil || len(outputs) != 1 {
		t.Fatalf("outputs %v, %v", outputs, err)
	}
	return outputs["kopiaOutput"]
}

// TestKopiaServer does what the scripts of Kanister's newer example blueprints do.
func TestKopiaServer(t *testing.T) {
	byProfile, byResource := kopiaServer(t)
	data := strings.Repeat("INSERT INTO t VALUES (1);\n", 100_000)
	for name, flags := range map[string][]string{"profile": byProfile, "resource": byResource} {
		snapshot := pushed(t, data+name, append(flags, "--path", "dump.sql", "-")...)
		var info map[string]any
		if err := json.Unmarshal([]byte(snapshot), &info); err != nil {
			t.Fatal(err)
		}
		if info["id"] == "" || info["logicalSize"] != float64(len(data+name)) || info["physicalSize"] == nil || len(info) != 3 {
			t.Errorf("%s: output %s", name, snapshot)
		}
		of := append(flags, "--path", "dump.sql", "--kopia-snapshot", snapshot)
		stdout, stderr, status := run(t, nil, append([]string{"location", "pull", "-"}, of...)...)
		checkFailure(t, name+": pull", stderr, status, "")
		if stdout != data+name {
			t.Errorf("%s: pull printed %d bytes, expected %d", name, len(stdout), len(data+name))
		}
		file := filepath.Join(t.TempDir(), "file")
		_, stderr, status = run(t, nil, append([]string{"location", "pull", file}, of...)...)
		checkFailure(t, name+": pull to a file", stderr, status, "")
		if got, err := os.ReadFile(file); err != nil || string(got) != data+name {
			t.Errorf("%s: pull wrote %d bytes, %v", name, len(got), err)
		}
		_, stderr, status = run(t, nil, append([]string{"location", "delete"}, of...)...)
		checkFailure(t, name+": delete", stderr, status, "")
		stdout, stderr, status = run(t, nil, append([]string{"location", "pull", "-"}, of...)...)
		checkFailure(t, name+": pull after delete", stderr, status, "has no snapshot")
		if stdout != "" {
			t.Errorf("%s: what was deleted prints %d bytes", name, len(stdout))
		}
	}
	_, stderr, status := run(t, nil, append([]string{"location", "pull", "-", "-s", "dump.sql"}, byProfile...)...)
	checkFailure(t, "no snapshot", stderr, status, "--kopia-snapshot is missing")
	_, stderr, status = run(t, nil, append([]string{"location", "delete", "-s", "dump.sql"}, byResource[:2]...)...)
	checkFailure(t, "no host", stderr, status, "name one of one, two")
}

func TestKopiaServerFiles(t *testing.T) {
	flags, _ := kopiaServer(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "one", "b": "two"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	pull := func(target, snapshot string) {
		t.Helper()
		_, stderr, status := run(t, nil, append([]string{"location", "pull", "-s", "x/a", "-k", snapshot, target}, flags...)...)
		checkFailure(t, target, stderr, status, "")
	}
	read := func(want string, path ...string) {
		t.Helper()
		if got, err := os.ReadFile(filepath.Join(path...)); err != nil || string(got) != want {
			t.Errorf("%v: %q, %v", path, got, err)
		}
	}
	out := t.TempDir()
	pull(filepath.Join(out, "file"), pushed(t, "", append(flags, "-s", "x/a", filepath.Join(dir, "a"))...))
	read("one", out, "file")
	snapshot := pushed(t, "", append(flags, "-s", "x/a", dir)...)
	pull(filepath.Join(out, "dir"), snapshot)
	read("one", out, "dir", "a")
	read("two", out, "dir", "b")
	stdout, stderr, status := run(t, nil, append([]string{"location", "pull", "-s", "x/c", "-k", snapshot, "-"}, flags...)...)
	checkFailure(t, "directory to standard output", stderr, status, "is that of the directory "+dir)
	if stdout != "" {
		t.Errorf("it printed %q", stdout)
	}
}

// A named pipe as the source is a stream, for objects too.
func TestPushOfAPipe(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := os.WriteFile(pipe, []byte("through a pipe"), 0o600); err != nil {
			t.Error(err)
		}
	}()
	_, stderr, status := run(t, nil, "location", "push", "-p", profile(t, dir), "-s", "x", pipe)
	checkFailure(t, "push", stderr, status, "")
	if got, err := os.ReadFile(filepath.Join(dir, "bucket/pre/x")); err != nil || string(got) != "through a pipe" {
		t.Errorf("%q, %v", got, err)
	}
}
