package mover_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/funcs/mover"
)

// TestManyLargeFiles: files of many chunks are restored at the same time, more than
// there are places to fetch ahead.
func TestManyLargeFiles(t *testing.T) {
	src := filepath.Join(t.TempDir(), "data")
	for i := range 12 {
		write(t, filepath.Join(src, string(rune('a'+i))), random(uint64(i), 30<<20+i))
	}
	r := shared(t)
	id := backup(t, r, src, "").SnapshotID
	got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: id}, Target: t.TempDir(), Parallel: 12})
	if diff := cmp.Diff(tree(t, src), tree(t, got.Path)); diff != "" {
		t.Errorf("restored tree differs (-want +got):\n%s", diff)
	}
}
