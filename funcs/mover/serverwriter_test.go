package mover

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/object"
)

// A busyWriter notes whether it was flushed while something was written.
type busyWriter struct {
	repo.RepositoryWriter
	writing, flushes, disturbed atomic.Int64
	async                       int
}

func (b *busyWriter) Flush(context.Context) error {
	b.flushes.Add(1)
	for range 10 {
		b.disturbed.Add(b.writing.Load())
		runtime.Gosched()
	}
	return nil
}

// write takes a while.
func (b *busyWriter) write() (object.ID, error) {
	b.writing.Add(1)
	defer b.writing.Add(-1)
	runtime.Gosched()
	return object.EmptyID, nil
}

func (b *busyWriter) NewObjectWriter(_ context.Context, opt object.WriterOptions) object.Writer {
	b.async = opt.AsyncWrites
	return busyObject{b}
}

func (b *busyWriter) ConcatenateObjects(context.Context, []object.ID, repo.ConcatenateOptions) (object.ID, error) {
	return b.write()
}

type busyObject struct{ b *busyWriter }

func (o busyObject) Write(p []byte) (int, error) {
	_, err := o.b.write()
	return len(p), err
}
func (o busyObject) Checkpoint() (object.ID, error) { return o.b.write() }
func (o busyObject) Result() (object.ID, error)     { return o.b.write() }
func (o busyObject) Close() error                   { return nil }

// TestServerFlushIsAlone: behind a server nothing is written during a flush.
func TestServerFlushIsAlone(t *testing.T) {
	b := &busyWriter{}
	w := (&kopiaRepository{}).flushable(b)
	o := w.NewObjectWriter(t.Context(), object.WriterOptions{AsyncWrites: 1})
	if b.async != 0 {
		t.Error("what is written in the background cannot be waited for")
	}
	var all sync.WaitGroup
	for _, write := range []func() error{
		func() error { _, err := io.WriteString(o, "x"); return err },
		func() error { _, err := o.Checkpoint(); return err },
		func() error { _, err := o.Result(); return err },
		func() error { _, err := w.ConcatenateObjects(t.Context(), nil, repo.ConcatenateOptions{}); return err },
		func() error { return w.Flush(t.Context()) },
	} {
		all.Go(func() {
			for range 1000 {
				if err := write(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if b.flushes.Load() != 1000 || b.disturbed.Load() != 0 {
		t.Errorf("%d flushes, in which something was written %d times", b.flushes.Load(), b.disturbed.Load())
	}
}
