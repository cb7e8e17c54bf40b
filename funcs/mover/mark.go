package mover

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kopia/kopia/repo/blob"
)

// Whoever works in a repository leaves a mark there: a small blob with a name of its
// own. Backups and restores go on side by side. Reclaiming space needs the repository
// for itself, because it deletes what no snapshot refers to, and a backup under way
// refers to much that its snapshot does not yet.
//
// Each side sets its mark before it looks for the others', so at least one of two
// sees the other. Who reclaims gives way: it takes its mark back and tries again.
// Who uses the repository waits until the other is done, with its mark set.
const (
	useMark     blob.ID = "rescue-mark-use-"
	reclaimMark blob.ID = "rescue-mark-reclaim-"
)

// markTimes say how long marks hold.
type markTimes struct {
	// refresh is how often a mark is set again. Who could not do so for lost stops
	// working.
	refresh, lost time.Duration
	// stale is the age, by the store's clock, of a mark whose owner was killed. It is
	// removed by who finds it in the way.
	stale time.Duration
	// poll is how often those who wait look for the others.
	poll time.Duration
	// patience is how long who wants to reclaim waits for the others.
	patience time.Duration
}

func defaultMarkTimes() markTimes {
	return markTimes{refresh: time.Minute, lost: 5 * time.Minute, stale: 10 * time.Minute, poll: 2 * time.Second, patience: 5 * time.Minute}
}

// life is how long a mark counts that is not set again.
func (t markTimes) life(id blob.ID) time.Duration {
	if strings.HasPrefix(string(id), ProgramMark) {
		return sessionLife
	}
	return t.stale
}

// markRemoval bounds the removal of a mark.
const markRemoval = 30 * time.Second

// mark is one that was set. A nil mark is one that nobody needs.
type mark struct {
	store blob.Storage
	times markTimes
	id    blob.ID
	// end ends the work that the mark stands for, stopped is closed once nothing
	// sets the mark again.
	end     context.CancelCauseFunc
	stopped chan struct{}

	mu    sync.Mutex
	at    time.Time // when it was last set, by the store's clock
	known time.Time // and by ours, without the monotonic part: it stands still in sleep
}

// setMark sets a mark. The context it returns ends when the mark is lost.
func setMark(ctx context.Context, store blob.Storage, kind blob.ID, times markTimes) (context.Context, *mark, error) {
	name := make([]byte, 8)
	if _, err := rand.Read(name); err != nil {
		return ctx, nil, err
	}
	m := &mark{store: store, times: times, id: kind + blob.ID(hex.EncodeToString(name)), stopped: make(chan struct{})}
	if err := m.set(ctx, time.Now()); err != nil {
		return ctx, nil, err
	}
	ctx, m.end = context.WithCancelCause(ctx)
	go m.keep(ctx)
	return context.WithValue(ctx, markKey{}, m), m, nil
}

type markKey struct{}

// markIn returns the mark under which ctx works, nil if there is none.
func markIn(ctx context.Context) *mark {
	m, _ := ctx.Value(markKey{}).(*mark)
	return m
}

// set writes the mark. It was known to be there at start. Its content is for people who
// look into the store.
func (m *mark) set(ctx context.Context, start time.Time) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	var at time.Time
	if err := m.store.PutBlob(ctx, m.id, blobText(host+"\n"), blob.PutOptions{GetModTime: &at}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at, m.known = at, start.Round(0)
	return nil
}

// keep sets the mark again and again until ctx ends.
func (m *mark) keep(ctx context.Context) {
	defer close(m.stopped)
	tick := time.NewTicker(m.times.refresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		start := time.Now()
		err := m.confirm(ctx)
		if err == nil {
			// A failure shows in the age of the mark.
			_ = m.set(ctx, start)
		}
		if err := m.check(); err != nil {
			m.end(err)
		}
		if CodeOf(err) == CodeInterrupted {
			m.end(err)
		}
	}
}

// check tells whether the mark may still be relied on, without asking the store.
func (m *mark) check() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := time.Since(m.known); age > m.times.lost {
		return failure(CodeInterrupted, nil, "the store (%s) did not answer for %s, and others may have begun to clean the repository up: run the phase again", m.store.DisplayName(), age.Round(time.Second))
	}
	return nil
}

// confirm asks the store whether the mark is still there.
func (m *mark) confirm(ctx context.Context) error {
	if m == nil {
		return nil
	}
	if err := m.check(); err != nil {
		return err
	}
	_, err := m.store.GetMetadata(ctx, m.id)
	if errors.Is(err, blob.ErrBlobNotFound) {
		return failure(CodeInterrupted, nil, "this process was taken for dead, and the repository may have been cleaned up meanwhile: run the phase again")
	}
	return err
}

// others returns how many others have set marks of these kinds. It removes those of
// processes that were killed.
func (m *mark) others(ctx context.Context, kinds ...blob.ID) (int, error) {
	m.mu.Lock()
	now := m.at
	m.mu.Unlock()
	count := 0
	for _, kind := range kinds {
		all, err := blob.ListAllBlobs(ctx, m.store, kind)
		if err != nil {
			return 0, err
		}
		for _, other := range all {
			switch {
			case other.BlobID == m.id:
			case now.Sub(other.Timestamp) < m.times.life(other.BlobID):
				count++
			default:
				if err := m.store.DeleteBlob(ctx, other.BlobID); err != nil {
					return 0, err
				}
			}
		}
	}
	return count, nil
}

// remove takes the mark back. If that fails, the mark becomes stale.
func (m *mark) remove(ctx context.Context) {
	if m == nil {
		return
	}
	m.end(nil)
	<-m.stopped
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), markRemoval)
	defer cancel()
	_ = m.store.DeleteBlob(context.WithValue(ctx, markKey{}, (*mark)(nil)), m.id)
}

// blobText is the content of a blob.
type blobText string

// Length implements blob.Bytes.
func (b blobText) Length() int { return len(b) }

// WriteTo implements blob.Bytes.
func (b blobText) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, string(b))
	return int64(n), err
}

// Reader implements blob.Bytes.
func (b blobText) Reader() io.ReadSeekCloser { return textReader{bytes.NewReader([]byte(b))} }

type textReader struct{ *bytes.Reader }

// Close implements io.Closer.
func (textReader) Close() error { return nil }
