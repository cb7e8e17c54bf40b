package mover_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rescuecue/rescue/funcs/mover"
)

// estimated backs a directory up and returns the last figures.
func estimated(t *testing.T, r mover.Repository, src string) (last mover.Progress) {
	t.Helper()
	_, err := r.Backup(context.Background(), mover.BackupRequest{Path: src, Progress: func(p mover.Progress) { last = p }})
	must(t, err)
	return last
}

// TestEstimateOfSecondBackup: an earlier backup tells how much there is, and a tree that
// has grown since is at least as large as what was met.
func TestEstimateOfSecondBackup(t *testing.T) {
	const size = 1000
	r, src := openNew(t, location(t)), t.TempDir()
	write(t, filepath.Join(src, "a", "one"), random(1, size))
	estimated(t, r, src)
	if got := estimated(t, r, src); got.Estimated != size || got.Cached != size {
		t.Errorf("unchanged: %+v", got)
	}
	write(t, filepath.Join(src, "a", "two"), random(2, 2*size))
	if got := estimated(t, r, src); got.Estimated != 3*size || got.Hashed != 2*size {
		t.Errorf("grown: %+v", got)
	}
	must(t, os.Remove(filepath.Join(src, "a", "two")))
	if got := estimated(t, r, src); got.Estimated != 3*size || got.Hashed+got.Cached != size {
		t.Errorf("shrunk: %+v", got)
	}
}
