package mover

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/snapshot"
)

// estimateTree makes files of 10 bytes in folders, more than are read at once, and a link
// to one of them; it returns what the files hold together.
func estimateTree(t *testing.T) (root fs.Entry, size int64) {
	t.Helper()
	dir := t.TempDir()
	for i := range readBatch + 10 {
		path := filepath.Join(dir, strconv.Itoa(i%2), "files", strconv.Itoa(i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, 10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("0/files/0", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := (&source{}).open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root, 10 * (readBatch + 10)
}

// TestEstimateWalks: a first backup, and one after a first that never ended, look at the
// files.
func TestEstimateWalks(t *testing.T) {
	root, want := estimateTree(t)
	for name, previous := range map[string][]*snapshot.Manifest{
		"first":      nil,
		"unfinished": {{IncompleteReason: "checkpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := make(chan int64, 1)
			stop := estimate(t.Context(), root, previous, func(n int64) { found <- n })
			if got := <-found; got != want {
				t.Errorf("%d bytes, want %d", got, want)
			}
			stop()
		})
	}
}

// TestEstimateStops: nothing is said once a backup has ended.
func TestEstimateStops(t *testing.T) {
	root, _ := estimateTree(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	estimate(ctx, root, nil, func(n int64) { t.Errorf("%d bytes", n) })()
}
