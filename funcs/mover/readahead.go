package mover

import (
	"context"
	"io"

	"github.com/kopia/kopia/repo/object"
)

// chunksOfStream is how many chunks of a stream are fetched or waiting to be read at
// once. Each is some MiB, twice while it comes in from a server; the pods that read
// streams often have little memory.
const chunksOfStream = 3

// chunkReader reads the chunks of an object in their order, and fetches some ahead.
type chunkReader struct {
	ctx     context.Context //nolint:containedctx // the reader's life is one call
	cancel  context.CancelFunc
	from    *contents
	chunks  []object.IndirectObjectEntry // that are not asked for
	fetched []chan chunk                 // that are, the next one first
	now     io.Reader                    // the current one
}

// chunk is one that was fetched. kopia has all of it in memory once it is open.
type chunk struct {
	object.Reader
	err error
}

func (c *contents) readAhead(ctx context.Context, chunks []object.IndirectObjectEntry) *chunkReader {
	ctx, cancel := context.WithCancel(ctx)
	return &chunkReader{ctx: ctx, cancel: cancel, from: c, chunks: chunks, now: eof{}}
}

// Read implements io.Reader.
func (r *chunkReader) Read(p []byte) (int, error) {
	for {
		n, err := r.now.Read(p)
		if n > 0 || err != io.EOF { //nolint:errorlint // io.Reader promises io.EOF itself
			return n, err
		}
		r.now = eof{}
		r.fill()
		if len(r.fetched) == 0 {
			return 0, io.EOF
		}
		next := <-r.fetched[0]
		r.fetched = r.fetched[1:]
		if next.err != nil {
			return 0, next.err
		}
		r.now = next
	}
}

// Close gives up what is being fetched, and waits for it to end.
func (r *chunkReader) Close() error {
	r.cancel()
	for _, c := range r.fetched {
		<-c
	}
	r.fetched = nil
	return nil
}

// fill asks for chunks until enough are on their way.
func (r *chunkReader) fill() {
	for len(r.chunks) > 0 && len(r.fetched) < chunksOfStream {
		entry, fetched := r.chunks[0], make(chan chunk, 1)
		r.chunks = r.chunks[1:]
		r.fetched = append(r.fetched, fetched)
		go func() {
			opened, err := r.from.open(r.ctx, entry)
			fetched <- chunk{opened, err}
		}()
	}
}

// eof is a reader that has nothing.
type eof struct{}

// Read implements io.Reader.
func (eof) Read([]byte) (int, error) { return 0, io.EOF }
