package mover

import (
	"context"
	"errors"
	"sync"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
)

// A serverWriter writes to a repository behind a server, and flushes only while nobody
// else writes. In a flush kopia's client waits for a sync.WaitGroup; who adds to it
// meanwhile ends the process: "WaitGroup is reused before previous Wait has returned".
type serverWriter struct {
	repo.RepositoryWriter
	// writing is held together by those who write, and alone by who flushes.
	writing sync.RWMutex
}

// flushable is the writer for those who flush beside others that write.
func (r *kopiaRepository) flushable(w repo.RepositoryWriter) repo.RepositoryWriter {
	if r.store != nil {
		return w // kopia locks what a flush must have for itself
	}
	return &serverWriter{RepositoryWriter: w}
}

// Flush implements repo.RepositoryWriter.
func (w *serverWriter) Flush(ctx context.Context) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	return w.RepositoryWriter.Flush(ctx)
}

// NewObjectWriter implements repo.RepositoryWriter. What the object's writer would do in
// the background, which nobody could wait for here, the client does there as it is.
func (w *serverWriter) NewObjectWriter(ctx context.Context, opt object.WriterOptions) object.Writer {
	opt.AsyncWrites = 0
	return &serverObject{Writer: w.RepositoryWriter.NewObjectWriter(ctx, opt), writing: &w.writing}
}

// ConcatenateObjects implements repo.RepositoryWriter.
func (w *serverWriter) ConcatenateObjects(ctx context.Context, ids []object.ID, opt repo.ConcatenateOptions) (object.ID, error) {
	w.writing.RLock()
	defer w.writing.RUnlock()
	return w.RepositoryWriter.ConcatenateObjects(ctx, ids, opt)
}

// ApplyRetentionPolicy implements repo.RemoteRetentionPolicy: the server does it.
func (w *serverWriter) ApplyRetentionPolicy(ctx context.Context, sourcePath string, reallyDelete bool) ([]manifest.ID, error) {
	remote, ok := w.RepositoryWriter.(repo.RemoteRetentionPolicy)
	if !ok {
		return nil, errors.New("the repository server applies no retention policies")
	}
	return remote.ApplyRetentionPolicy(ctx, sourcePath, reallyDelete)
}

// A serverObject is an object that is being written.
type serverObject struct {
	object.Writer
	writing *sync.RWMutex
}

// Write implements io.Writer.
func (o *serverObject) Write(p []byte) (int, error) {
	o.writing.RLock()
	defer o.writing.RUnlock()
	return o.Writer.Write(p)
}

// Checkpoint implements object.Writer.
func (o *serverObject) Checkpoint() (object.ID, error) {
	o.writing.RLock()
	defer o.writing.RUnlock()
	return o.Writer.Checkpoint()
}

// Result implements object.Writer.
func (o *serverObject) Result() (object.ID, error) {
	o.writing.RLock()
	defer o.writing.RUnlock()
	return o.Writer.Result()
}
