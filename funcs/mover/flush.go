package mover

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/kopia/kopia/repo"
)

// What kopia has uploaded can be found again once the index of it is uploaded too, and
// it does that at the end. A flusher does it now and then, so that a backup which is
// killed leaves more than waste: at most an eighth of what was uploaded, or flushFirst
// bytes, has to be uploaded again.
type flusher struct {
	sent, next atomic.Int64
	due        chan struct{}
}

// flushFirst is a few packs of kopia, which have 20 MiB each.
const flushFirst = 64 << 20

func newFlusher() *flusher {
	f := &flusher{due: make(chan struct{}, 1)}
	f.next.Store(flushFirst)
	return f
}

// uploaded counts. It never waits.
func (f *flusher) uploaded(n int64) {
	if sent := f.sent.Add(n); sent >= f.next.Load() {
		f.next.Store(sent + max(flushFirst, sent/8))
		select {
		case f.due <- struct{}{}:
		default: // one is due already
		}
	}
}

// run flushes when it is due, until the returned function is called.
func (f *flusher) run(ctx context.Context, w repo.RepositoryWriter) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-f.due:
				// What failed is tried again, and reported, by the next flush, at the
				// latest by that at the end.
				_ = w.Flush(ctx)
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}
