package mover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kopia/kopia/repo/blob"
	"pgregory.net/rapid"

	"github.com/rescuecue/rescue/compat"
)

// counted counts the requests for packs of files, and may refuse them.
type counted struct {
	blob.Storage
	mu       sync.Mutex
	requests int
	refuse   bool
}

func (c *counted) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id[0] == 'p' {
		c.requests++
		if c.refuse {
			return errors.New("refused")
		}
	}
	return c.Storage.GetBlob(ctx, id, offset, length, out)
}

// smallTree makes many small files and stores them.
func smallTree(t *testing.T, files int) (*kopiaRepository, string) {
	t.Helper()
	dir := t.TempDir()
	for i := range files {
		path := filepath.Join(dir, fmt.Sprint(i/100), fmt.Sprint(i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, fmt.Appendf(nil, "content of file %d", i), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	r := openedForTest(t)
	res, err := r.Backup(t.Context(), BackupRequest{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	return r, res.SnapshotID
}

func openedForTest(t *testing.T) *kopiaRepository {
	t.Helper()
	loc := Location{
		Profile: &compat.Profile{Location: compat.Location{Type: compat.LocationFilesystem, Endpoint: t.TempDir()}},
		Path:    "repository", Password: "a password",
	}
	opened, err := OpenOrCreate(t.Context(), loc)
	if err != nil {
		t.Fatal(err)
	}
	r := opened.(*kopiaRepository)
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

// TestSmallFilesAreFetchedTogether: files that lie near each other cost few requests.
func TestSmallFilesAreFetchedTogether(t *testing.T) {
	r, id := smallTree(t, 3000)
	packs := &counted{Storage: r.store}
	r.store = packs
	got, err := r.Restore(t.Context(), RestoreRequest{Selector: Selector{ID: id}, Target: t.TempDir()})
	if err != nil || got.FileCount != 3000 {
		t.Fatalf("restored %d files, %v", got.FileCount, err)
	}
	if packs.requests == 0 || packs.requests > 20 {
		t.Errorf("%d requests for 3000 files", packs.requests)
	}
}

// TestNothingFetchedAhead: where that fails, each file is read by itself.
func TestNothingFetchedAhead(t *testing.T) {
	r, id := smallTree(t, 300)
	r.store = &counted{Storage: r.store, refuse: true}
	got, err := r.Restore(t.Context(), RestoreRequest{Selector: Selector{ID: id}, Target: t.TempDir()})
	if err != nil || got.FileCount != 300 {
		t.Errorf("restored %d files, %v", got.FileCount, err)
	}
}

// TestWindow: a window gives what is in the pack, or nothing; and all that it was opened
// for.
func TestWindow(t *testing.T) {
	pack := make([]byte, 24<<20)
	for i := range pack {
		pack[i] = byte(rand.Uint32())
	}
	rapid.Check(t, func(t *rapid.T) {
		var wanted []*span
		for range rapid.IntRange(1, 40).Draw(t, "contents") {
			start := rapid.Int64Range(0, int64(len(pack))-1).Draw(t, "start")
			length := rapid.Int64Range(1, min(3<<20, int64(len(pack))-start)).Draw(t, "length")
			wanted = append(wanted, &span{start: start, end: start + length})
		}
		copies := make([]*span, len(wanted))
		for i, s := range wanted {
			c := *s
			copies[i] = &c
		}
		w := &window{spans: map[blob.ID][]*span{"p1": joined(copies)}}
		for _, s := range w.spans["p1"] {
			s.data = pack[s.start:s.end]
		}
		for _, s := range wanted {
			out := &blobBuffer{}
			if w.read("p1", s.start, s.end-s.start, out) && !bytes.Equal(out.Bytes(), pack[s.start:s.end]) {
				t.Fatalf("wrong bytes for %d to %d", s.start, s.end)
			}
			if out.Length() == 0 && !overlaps(wanted, s) {
				t.Fatalf("%d to %d is not there", s.start, s.end)
			}
			if w.read("p2", s.start, 1, out) || w.read("p1", int64(len(pack)), 1, out) {
				t.Fatal("found what is not there")
			}
		}
	})
}

// overlaps tells whether another content lies over the span, as contents of one pack
// never do: then it may be missing.
func overlaps(all []*span, s *span) bool {
	for _, o := range all {
		if o != s && o.start < s.end && s.start < o.end {
			return true
		}
	}
	return false
}
