package mover

import (
	"context"
	"errors"
	"io"

	"github.com/kopia/kopia/repo/object"
)

// chunkReader reads the chunks of an object in their order, and fetches some ahead.
type chunkReader struct {
	ctx     context.Context //nolint:containedctx // the reader's life is one call
	cancel  context.CancelFunc
	from    *contents
	chunks  []object.IndirectObjectEntry
	fetched []*chunk // that are asked for, the next one first
	now     []byte   // what is left of the current one
}

// chunk is one that is being fetched.
type chunk struct {
	done  chan struct{}
	data  []byte
	err   error
	ahead bool
}

func (c *contents) readAhead(ctx context.Context, chunks []object.IndirectObjectEntry) *chunkReader {
	ctx, cancel := context.WithCancel(ctx)
	return &chunkReader{ctx: ctx, cancel: cancel, from: c, chunks: chunks}
}

// Read implements io.Reader.
func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.now) == 0 {
		r.fill()
		if len(r.fetched) == 0 {
			return 0, io.EOF
		}
		next := r.fetched[0]
		r.fetched = r.fetched[1:]
		<-next.done
		r.release(next)
		if next.err != nil {
			return 0, next.err
		}
		r.now = next.data
	}
	n := copy(p, r.now)
	r.now = r.now[n:]
	return n, nil
}

// Close gives up what is being fetched, and waits for it to end.
func (r *chunkReader) Close() error {
	r.cancel()
	for _, c := range r.fetched {
		<-c.done
		r.release(c)
	}
	r.fetched = nil
	return nil
}

// fill asks for the next chunk, and for more while there are tokens left.
func (r *chunkReader) fill() {
	for len(r.chunks) > 0 && len(r.fetched) < chunksOfFile {
		c := &chunk{done: make(chan struct{}), ahead: len(r.fetched) > 0}
		if c.ahead {
			select {
			case r.from.tokens <- struct{}{}:
			default:
				return
			}
		}
		entry := r.chunks[0]
		r.chunks = r.chunks[1:]
		r.fetched = append(r.fetched, c)
		go func() {
			defer close(c.done)
			c.data, c.err = r.fetch(entry)
		}()
	}
}

func (r *chunkReader) release(c *chunk) {
	if c.ahead {
		<-r.from.tokens
	}
}

func (r *chunkReader) fetch(entry object.IndirectObjectEntry) (_ []byte, err error) {
	from, err := r.from.open(r.ctx, entry)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	data := make([]byte, entry.Length)
	_, err = io.ReadFull(from, data)
	return data, err
}
