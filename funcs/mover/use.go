package mover

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kopia/kopia/repo/blob"
)

// use sets the mark of a backup or restore, and waits until nobody reclaims space. The
// repository has then seen all that was reclaimed before. Behind a server there are
// no marks: the server has one itself.
func (r *kopiaRepository) use(ctx context.Context) (context.Context, *mark, error) {
	if r.store == nil {
		return ctx, nil, nil
	}
	marked, m, err := useStore(ctx, r.store, r.times)
	if err != nil {
		return ctx, nil, r.markFailed(ctx, err)
	}
	if err := r.Refresh(marked); err != nil {
		m.remove(ctx)
		return ctx, nil, r.markFailed(ctx, err)
	}
	return marked, m, nil
}

// useStore sets the mark, and waits until there is none of who reclaims space.
func useStore(ctx context.Context, st blob.Storage, times markTimes) (context.Context, *mark, error) {
	marked, m, err := setMark(ctx, st, useMark, times)
	if err != nil {
		return ctx, nil, err
	}
	for {
		count, err := m.others(marked, reclaimMark)
		if err == nil && count == 0 {
			return marked, m, nil
		}
		if err == nil {
			err = pause(marked, times.poll)
		}
		if err != nil {
			m.remove(ctx)
			return ctx, nil, err
		}
	}
}

// Occupy keeps space from being reclaimed while another program has the repository
// open, such as a repository server: what a program does through this package needs no
// Occupy. It waits for who reclaims space already. The program must not read or write
// after the returned context has ended, and release is called when it is done.
func Occupy(ctx context.Context, loc Location) (_ context.Context, release func(), err error) {
	st, err := storage(ctx, loc)
	if err != nil {
		return nil, nil, err
	}
	marked, m, err := useStore(ctx, st, defaultMarkTimes())
	if err != nil {
		return nil, nil, errors.Join(explain(ctx, loc, err), st.Close(ctx))
	}
	return marked, func() {
		m.remove(ctx)
		// Nothing was written that closing could lose.
		_ = st.Close(context.WithoutCancel(ctx))
	}, nil
}

// maxClockWait bounds the wait of awaitClock. kopia itself allows clocks to differ as much.
const maxClockWait = 5 * time.Minute

// awaitClock waits until it is later than the last reclaiming of space, by the clock of
// the machine that did that. Of two entries for one piece of data kopia believes the
// later one, so data that is stored again must not look older than its deletion.
func (r *kopiaRepository) awaitClock(ctx context.Context) error {
	if r.store == nil {
		return nil
	}
	const watermark = "xw" // followed by the time, in seconds
	all, err := blob.ListAllBlobs(ctx, r.store, watermark)
	if err != nil {
		return err
	}
	var last int64
	for _, b := range all {
		if at, err := strconv.ParseInt(strings.TrimPrefix(string(b.BlobID), watermark), 10, 64); err == nil {
			last = max(last, at)
		}
	}
	behind := time.Until(time.Unix(last, 0))
	if behind > maxClockWait {
		return failure(CodeFailed, nil, "the clock of this machine is %s behind that of the machine which last cleaned up the repository at %s: set the clocks right",
			behind.Round(time.Second), r.location)
	}
	return pause(ctx, behind)
}

// markFailed words a failure to set or see marks.
func (r *kopiaRepository) markFailed(ctx context.Context, err error) error {
	if ctx.Err() == nil && (isAccessDenied(err) || errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		return failure(CodeDenied, err, "the store does not allow to write to %s", r.location)
	}
	return r.failed(ctx, err, "use of the repository at "+r.location.String())
}

// pause waits, and returns the cause if ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
