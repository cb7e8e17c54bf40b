package mover

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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
	const piece = 16 << 20
	for name, store := range map[string]struct {
		all  int64
		each time.Duration // what a piece takes
		most int           // flushes
		lost func(sent int64, passed time.Duration) (bytes int64)
	}{
		"fast": {1 << 40, 0, 15, func(sent int64, _ time.Duration) int64 { return max(flushFirst, sent/2) }},
		"slow": {64 << 30, time.Second, 60, func(_ int64, passed time.Duration) int64 {
			return piece * (1 + int64(max(flushAfter, passed/8)/time.Second))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				w, f := &flushes{}, newFlusher()
				stop := f.run(t.Context(), w)
				flushed, seen := int64(0), 0
				for sent := int64(piece); sent <= store.all; sent += piece {
					time.Sleep(store.each)
					f.uploaded(piece)
					synctest.Wait()
					if w.n > seen {
						flushed, seen = sent, w.n
					}
					if lost := sent - flushed; lost > store.lost(sent, time.Since(began)) {
						t.Fatalf("a kill after %d bytes and %s loses %d", sent, time.Since(began), lost)
					}
				}
				stop()
				if w.n > store.most {
					t.Errorf("%d flushes for %d bytes", w.n, store.all)
				}
				f.uploaded(store.all)
				synctest.Wait()
				if w.n != seen {
					t.Error("it flushes after its end")
				}
			})
		})
	}
}
