package mover

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kopia/kopia/fs"

	"github.com/rescuecue/rescue/compat"
)

// changing is a directory in which something happens to each file just after it
// was listed.
type changing struct {
	*sourceDir
	change func(path string) error
}

func (c changing) Iterate(ctx context.Context) (fs.DirectoryIterator, error) {
	all, err := fs.GetAllEntries(ctx, c.sourceDir)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if err := c.change(e.LocalFilesystemPath()); err != nil {
			return nil, err
		}
	}
	return fs.StaticIterator(all, nil), nil
}

// TestFilesThatChangeDuringTheBackup has the files a and b, of which a changes
// between listing and reading.
func TestFilesThatChangeDuringTheBackup(t *testing.T) {
	ctx := context.Background()
	opened, err := OpenOrCreate(ctx, Location{
		Profile:  &compat.Profile{Location: compat.Location{Type: compat.LocationFilesystem, Endpoint: t.TempDir()}},
		Path:     "repo",
		Password: "key",
	})
	if err != nil {
		t.Fatal(err)
	}
	r := opened.(*kopiaRepository)
	defer func() {
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Run("replaced", func(t *testing.T) {
		_, err := backupOfChanging(t, r, func(path string) error {
			// A link in its place must not be followed.
			return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path))
		})
		if err == nil || !strings.Contains(err.Error(), "(a)") {
			t.Errorf("error %v, want one that names the file", err)
		}
		if all, err := r.List(ctx); err != nil || len(all) != 0 {
			t.Errorf("the failed backup left the snapshots %v, %v", all, err)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		res, err := backupOfChanging(t, r, os.Remove)
		if err != nil {
			t.Fatal(err)
		}
		if res.FileCount != 1 || res.VanishedCount != 1 || !slices.Equal(res.Vanished, []string{"a"}) {
			t.Errorf("result %+v, want one file, and a vanished", res)
		}
	})
	for name, now := range map[string]string{"grown": "a, and more", "emptied": ""} {
		t.Run(name, func(t *testing.T) {
			res, err := backupOfChanging(t, r, func(path string) error { return os.WriteFile(path, []byte(now), 0o600) })
			if err != nil {
				t.Fatal(err)
			}
			if want := int64(len(now) + len("b")); res.RootSize != want || res.FileCount != 2 {
				t.Errorf("result %+v, want two files of %d bytes", res, want)
			}
			back, err := r.Restore(ctx, RestoreRequest{Selector: Selector{ID: res.SnapshotID}, Target: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(filepath.Join(back.Path, "a")); string(text) != now || err != nil {
				t.Errorf("restored %q, %v", text, err)
			}
		})
	}
}

func backupOfChanging(t *testing.T, r *kopiaRepository, change func(path string) error) (BackupResult, error) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := newProgress(nil)
	root, err := (&source{skipped: p.skip}).open(dir)
	if err != nil {
		t.Fatal(err)
	}
	onlyA := func(path string) error {
		if filepath.Base(path) != "a" {
			return nil
		}
		return change(path)
	}
	man, err := r.upload(t.Context(), changing{root.(*sourceDir), onlyA}, dir, BackupRequest{}, p)
	if err != nil {
		return BackupResult{}, err
	}
	return backupResult(man, p), nil
}
