package mover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/object"
	"golang.org/x/sync/errgroup"
)

// A large file is stored as many chunks of some MiB. kopia fetches one after the other,
// which leaves the network idle most of the time.
const (
	// chunksOfFile is how many chunks of one file are fetched at once. To decrypt one
	// takes kopia 8 MiB beside the chunk itself, however small it is.
	chunksOfFile = 4
	// chunksAtOnce is how many are in memory for all files together.
	chunksAtOnce = 8
	// copyBuffer is the size of one read from the repository.
	copyBuffer = 256 << 10
)

// contents reads what files hold.
type contents struct {
	repo repo.Repository
	// files is the repository for what is in files; it may be repo.
	files repo.Repository
	// tokens are held by who has a chunk in memory.
	tokens  chan struct{}
	buffers sync.Pool
}

func newContents(r repo.Repository) *contents {
	return &contents{
		repo:    r,
		files:   r,
		tokens:  make(chan struct{}, chunksAtOnce),
		buffers: sync.Pool{New: func() any { return new([copyBuffer]byte) }},
	}
}

// chunks returns what the file is made of.
func (f *storedFile) chunks(ctx context.Context) ([]object.IndirectObjectEntry, error) {
	index, large := f.content.IndexObjectID()
	if !large {
		return []object.IndirectObjectEntry{{Length: f.Size(), Object: f.content}}, nil
	}
	return f.from.chunks(ctx, index)
}

// chunks reads the list that stands in place of a large object.
func (c *contents) chunks(ctx context.Context, index object.ID) (_ []object.IndirectObjectEntry, err error) {
	from, err := c.repo.OpenObject(ctx, index)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	var list struct {
		Entries []object.IndirectObjectEntry `json:"entries"`
	}
	if err := json.NewDecoder(from).Decode(&list); err != nil {
		return nil, fmt.Errorf("chunks of object %s: %w", index, err)
	}
	return list.Entries, nil
}

// writeTo writes the content to an empty file, each chunk to its place. It leaves holes
// where the original had some.
func (f *storedFile) writeTo(ctx context.Context, w *os.File, written func(int64)) error {
	chunks, err := f.chunks(ctx)
	if err != nil {
		return err
	}
	if f.attributes.Sparse {
		// A hole at the end is written by nothing else.
		if err := w.Truncate(f.Size()); err != nil {
			return err
		}
	}
	if len(chunks) == 1 {
		return f.writeChunk(ctx, w, chunks[0], written)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(chunksOfFile)
	for _, chunk := range chunks {
		group.Go(func() error { return f.writeChunk(ctx, w, chunk, written) })
	}
	return group.Wait()
}

func (f *storedFile) writeChunk(ctx context.Context, w *os.File, chunk object.IndirectObjectEntry, written func(int64)) (err error) {
	c := f.from
	select {
	case c.tokens <- struct{}{}:
		defer func() { <-c.tokens }()
	case <-ctx.Done():
		return ctx.Err()
	}
	from, err := c.open(ctx, chunk)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	buf := c.buffers.Get().(*[copyBuffer]byte)
	defer c.buffers.Put(buf)
	to := &placed{ctx: ctx, file: w, at: chunk.Start, sparse: f.attributes.Sparse, written: written}
	_, err = io.CopyBuffer(to, onlyReader{from}, buf[:])
	return err
}

// open opens a chunk, which must be as long as the list says.
func (c *contents) open(ctx context.Context, chunk object.IndirectObjectEntry) (object.Reader, error) {
	from, err := c.files.OpenObject(ctx, chunk.Object)
	if err != nil {
		return nil, err
	}
	if from.Length() != chunk.Length {
		return nil, errors.Join(fmt.Errorf("object %s has %d bytes, want %d", chunk.Object, from.Length(), chunk.Length), from.Close())
	}
	return from, nil
}

// placed writes to a place in a file, and ends with its context.
type placed struct {
	ctx     context.Context //nolint:containedctx // the writer's life is one call
	file    *os.File
	at      int64
	sparse  bool
	written func(int64)
}

// Write implements io.Writer.
func (p *placed) Write(data []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	var err error
	if p.sparse {
		err = writeSparse(p.file, data, p.at)
	} else {
		_, err = p.file.WriteAt(data, p.at)
	}
	if err != nil {
		return 0, err
	}
	p.at += int64(len(data))
	p.written(int64(len(data)))
	return len(data), nil
}

// onlyReader hides WriteTo, so that a copy uses our buffer.
type onlyReader struct{ io.Reader }

// readerOf returns a reader of the whole file.
func readerOf(ctx context.Context, f fs.File) (io.ReadCloser, error) {
	stored, ok := f.(*storedFile)
	if !ok {
		return f.Open(ctx)
	}
	chunks, err := stored.chunks(ctx)
	if err != nil {
		return nil, err
	}
	return stored.from.readAhead(ctx, chunks), nil
}
