package mover

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kopia/kopia/repo"
)

// What kopia has uploaded can be found again once the index of it is uploaded too, and
// it does that at the end. A flusher does it now and then, so that a backup which is
// killed leaves more than waste. All uploads wait for a flush, and each leaves an index
// that every later look-up searches. So there are few: one when flushFirst bytes have been
// uploaded, and whenever that has doubled, so at least about half of it need not be
// uploaded again; and one when flushAfter or an eighth of the backup's time has passed,
// so that on a slow store it is almost all.
type flusher struct {
	began time.Time
	// sent are the bytes uploaded; the others are when the next flush is due, the latter
	// in nanoseconds since began.
	sent, nextBytes, nextTime atomic.Int64
	due                       chan struct{}
}

const (
	flushFirst = 96 << 20 // a few packs of kopia, which have 20 MiB each
	flushAfter = 15 * time.Second
)

func newFlusher() *flusher {
	f := &flusher{began: time.Now(), due: make(chan struct{}, 1)}
	f.nextBytes.Store(flushFirst)
	f.nextTime.Store(int64(flushAfter))
	return f
}

// uploaded counts. It never waits.
func (f *flusher) uploaded(n int64) {
	sent, passed := f.sent.Add(n), time.Since(f.began)
	if sent < f.nextBytes.Load() && passed < time.Duration(f.nextTime.Load()) {
		return
	}
	f.nextBytes.Store(2 * max(flushFirst, sent))
	f.nextTime.Store(int64(passed + max(flushAfter, passed/8)))
	select {
	case f.due <- struct{}{}:
	default: // one is due already
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
