package mover

import (
	"context"
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

// backupOfChanging backs up the files a and b, of which only a changes.
func backupOfChanging(t *testing.T, change func(path string) error) (BackupResult, error) {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loc := Location{
		Profile:  &compat.Profile{Location: compat.Location{Type: compat.LocationFilesystem, Endpoint: t.TempDir()}},
		Path:     "repo",
		Password: "key",
	}
	opened, err := OpenOrCreate(ctx, loc)
	if err != nil {
		t.Fatal(err)
	}
	r := opened.(*kopiaRepository)
	t.Cleanup(func() {
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	p := newProgress(nil)
	root, err := (&source{skipped: p.skip}).open(dir)
	if err != nil {
		t.Fatal(err)
	}
	man, err := r.upload(ctx, changing{root.(*sourceDir), func(path string) error {
		if filepath.Base(path) != "a" {
			return nil
		}
		return change(path)
	}}, dir, BackupRequest{}, p)
	if err != nil {
		if all, lerr := r.List(ctx); lerr != nil || len(all) != 0 {
			t.Errorf("a failed backup left the snapshots %v, %v", all, lerr)
		}
		return BackupResult{}, err
	}
	return backupResult(man, p), nil
}

func TestFileThatVanishesIsNamed(t *testing.T) {
	res, err := backupOfChanging(t, os.Remove)
	if err != nil {
		t.Fatal(err)
	}
	if res.FileCount != 1 || res.VanishedCount != 1 || !slices.Equal(res.Vanished, []string{"a"}) {
		t.Errorf("result %+v, want one file, and a vanished", res)
	}
}

func TestFileThatCannotBeReadFailsTheBackup(t *testing.T) {
	_, err := backupOfChanging(t, func(path string) error {
		// A link in its place must not be followed.
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Symlink("/etc/passwd", path)
	})
	if err == nil || !strings.Contains(err.Error(), "(a)") {
		t.Errorf("error %v, want one that names the file", err)
	}
}
