package mover

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/kopia/kopia/repo"
)

// flushes counts.
type flushes struct {
	repo.RepositoryWriter
	n int
}

func (f *flushes) Flush(context.Context) error {
	f.n++
	return nil
}

// TestFlusher: little is lost when a backup is killed, and few indexes are written.
func TestFlusher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const piece, all = 16 << 20, 1 << 40
		w, f := &flushes{}, newFlusher()
		stop := f.run(t.Context(), w)
		flushed, seen := int64(0), 0
		for sent := int64(piece); sent <= all; sent += piece {
			f.uploaded(piece)
			synctest.Wait()
			if w.n > seen {
				flushed, seen = sent, w.n
			}
			if lost := sent - flushed; lost > max(flushFirst, sent/8) {
				t.Fatalf("a kill after %d bytes loses %d", sent, lost)
			}
		}
		stop()
		if w.n > 100 {
			t.Errorf("%d flushes for a terabyte", w.n)
		}
		f.uploaded(all)
		synctest.Wait()
		if w.n != seen {
			t.Error("it flushes after its end")
		}
	})
}
