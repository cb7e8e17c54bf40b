package mover_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rescuecue/rescue/funcs/mover"
)

// What a shell would take for something else is a name like any other.
func TestOddPaths(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "a b\nc*[x]$(id)", `'q' "d" \`)
	write(t, filepath.Join(odd, "file\n*"), []byte("here"))
	r := shared(t)
	for name, path := range map[string]string{
		"as it is": odd, "with ..": dir + "/none/../" + strings.TrimPrefix(odd, dir) + "/.", "twice the slash": strings.ReplaceAll(odd, "/", "//"),
	} {
		target := filepath.Join(t.TempDir(), "to *\n")
		res := backup(t, r, path, "")
		got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: res.SnapshotID}, Target: target})
		if res.Path != odd || got.Path != filepath.Join(target, odd) {
			t.Errorf("%s: backed up %q, restored to %q", name, res.Path, got.Path)
		}
		if text, err := os.ReadFile(filepath.Join(got.Path, "file\n*")); string(text) != "here" {
			t.Errorf("%s: restored %q, %v", name, text, err)
		}
	}
}

func TestPathsThatCannotBeBackedUp(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), []byte("x"))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	r := shared(t)
	for path, want := range map[string]string{
		"":                   `"" is not a path that can be backed up`,
		dir + "/bytes\xff":   "is not a path that can be backed up",
		dir + "/none":        "there is nothing at " + dir + "/none to back up",
		dir + "/dangling":    "there is nothing at " + dir + "/dangling to back up",
		dir + "/pipe":        dir + "/pipe is neither a directory nor a file",
		dir + "/loop":        "too many links",
		dir + "/file/deeper": "not a directory",
	} {
		if _, err := r.Backup(context.Background(), mover.BackupRequest{Path: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", path, err, want)
		}
	}
}

// A repository is found again under each way to write its path.
func TestOddRepositoryPaths(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "file"), []byte("x"))
	first := location(t)
	for _, names := range [][]string{
		{"backups/a/b", "/backups//a///b/", "./backups/./a/b/."},
		{"backups/sp ace/ü%41?#&+;=:@$,*'()!\\\n"},
		{"backups/.hidden/..."},
	} {
		loc := first
		loc.Path = names[0]
		id := backup(t, openNew(t, loc), src, "").SnapshotID
		for _, loc.Path = range names {
			r, err := mover.Open(context.Background(), loc)
			if err != nil {
				t.Errorf("%q: %v", loc.Path, err)
				continue
			}
			if s, err := r.Find(context.Background(), mover.Selector{ID: id}); err != nil || s.FileCount != 1 {
				t.Errorf("%q: %+v, %v", loc.Path, s, err)
			}
			must(t, r.Close(context.Background()))
		}
	}
	for _, path := range []string{"backups/..", "backups/a/../../other", "../backups"} {
		loc := first
		loc.Path = path
		if _, err := mover.OpenOrCreate(context.Background(), loc); mover.CodeOf(err) != mover.CodeBadRequest || !strings.Contains(err.Error(), "..") {
			t.Errorf("%q: %v", path, err)
		}
	}
}
