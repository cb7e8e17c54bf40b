package mover

import (
	"context"
	"errors"
	"io"
	"path"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/fs/virtualfs"
	"github.com/kopia/kopia/snapshot"
)

// streamRoot is the source path of streams without a directory of their own, the
// one that Kanister uses.
const streamRoot = "/kanister-backups"

// StreamRequest says what to store.
type StreamRequest struct {
	// Name is the path that the stream is stored under. The snapshot's source is its
	// directory, its only file the last element.
	Name string
	// Content is read to its end.
	Content io.Reader
	// Tags of the snapshot, by name.
	Tags map[string]string
	// Progress is called now and then, never concurrently. It may be nil.
	Progress func(Progress)
}

// Held says what a snapshot holds.
type Held struct {
	// Stream: it has a single content. Otherwise it is that of a directory.
	Stream bool
	// Path that the snapshot was taken from.
	Path string
}

// BackupStream implements Server.
func (r *kopiaRepository) BackupStream(ctx context.Context, req StreamRequest) (BackupResult, error) {
	dir, file, err := splitStream(req.Name)
	if err != nil {
		return BackupResult{}, err
	}
	p := newProgress(req.Progress)
	content := &watchedReader{Reader: req.Content}
	root := virtualfs.NewStaticDirectory(dir, []fs.Entry{virtualfs.StreamingFileFromReader(encodeName(file), content)})
	man, err := r.upload(ctx, root, dir, BackupRequest{Tags: req.Tags}, p)
	if content.err != nil && ctx.Err() == nil {
		return BackupResult{}, failure(CodeFailed, content.err, "backup of %s: what to store cannot be read to its end", req.Name)
	}
	if err != nil {
		return BackupResult{}, r.failed(ctx, err, "backup of "+req.Name)
	}
	return backupResult(man, p), nil
}

// splitStream cuts a name into the source path and the file in it.
func splitStream(name string) (dir, file string, err error) {
	clean := path.Clean(name)
	file = path.Base(clean)
	if name == "" || file == "." || file == "/" || file == ".." {
		return "", "", failure(CodeBadRequest, nil, "the path %q names no file", name)
	}
	if dir = path.Dir(clean); dir == "." || dir == "/" {
		dir = streamRoot
	}
	return dir, file, nil
}

// HoldsStream implements Server.
func (r *kopiaRepository) HoldsStream(ctx context.Context, id, name string) (Held, error) {
	man, file, err := r.streamOf(ctx, id, name)
	if err != nil {
		return Held{}, err
	}
	dir, _, err := splitStream(name)
	if err != nil {
		return Held{}, err
	}
	// A directory may well have a file of that name.
	stream := file != nil && (man.RootEntry.Type == snapshot.EntryTypeFile || man.Source.Path == dir)
	return Held{Stream: stream, Path: man.Source.Path}, nil
}

// ReadStream implements Server.
func (r *kopiaRepository) ReadStream(ctx context.Context, id, name string, w io.Writer) error {
	man, file, err := r.streamOf(ctx, id, name)
	if err != nil {
		return err
	}
	if file == nil {
		return failure(CodeNotFound, nil, "the snapshot %s is that of the directory %s, and not of a stream named %s", id, man.Source.Path, name)
	}
	if err := copyStored(ctx, file, w); err != nil {
		return r.failed(ctx, err, "reading snapshot "+id)
	}
	return nil
}

// streamOf returns the snapshot and its file of that name, or its only one; nil if
// there is none.
func (r *kopiaRepository) streamOf(ctx context.Context, id, name string) (*snapshot.Manifest, fs.File, error) {
	mans, err := r.find(ctx, Selector{ID: id})
	if err != nil {
		return nil, nil, err
	}
	man := mans[0]
	if man.RootEntry == nil {
		return nil, nil, failure(CodeFailed, nil, "the snapshot %s has no content", id)
	}
	file, err := r.streamIn(ctx, man, name)
	if err != nil {
		return nil, nil, r.failed(ctx, err, "reading snapshot "+id)
	}
	return man, file, nil
}

func (r *kopiaRepository) streamIn(ctx context.Context, man *snapshot.Manifest, name string) (fs.File, error) {
	root := newContents(r.Repository).stored(man.RootEntry, attributes{})
	if file, ok := root.(fs.File); ok {
		return file, nil
	}
	dir, isDir := root.(fs.Directory)
	_, base, err := splitStream(name)
	if err != nil || !isDir {
		return nil, err
	}
	entry, err := dir.Child(ctx, encodeName(base))
	if errors.Is(err, fs.ErrEntryNotFound) {
		return nil, nil
	}
	file, _ := entry.(fs.File)
	return file, err
}

func copyStored(ctx context.Context, file fs.File, w io.Writer) (err error) {
	r, err := readerOf(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = io.CopyBuffer(onlyWriter{w}, until{ctx, r}, make([]byte, copyBuffer))
	return err
}

// until is a reader that ends with its context.
type until struct {
	ctx context.Context //nolint:containedctx // the reader's life is one call
	io.Reader
}

// Read implements io.Reader.
func (r until) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// onlyWriter hides ReadFrom, so that the copy uses our buffer.
type onlyWriter struct{ io.Writer }

// watchedReader keeps the error of a stream: in kopia's report of the upload it would
// be hard to recognise.
type watchedReader struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// Close implements io.Closer; the stream is its owner's to close.
func (r *watchedReader) Close() error { return nil }
