package mover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/object"
)

// A large file is stored as many chunks of some MiB. kopia fetches one after the other,
// which leaves the network idle most of the time.
const (
	// aheadOf is how many chunks of one file are fetched at once.
	aheadOf = 8
	// aheadAll is how many are fetched ahead for all files together; each file has
	// one more, which is being read. It bounds the memory.
	aheadAll = 12
)

// chunkReader reads the chunks of an object in their order, and fetches some ahead.
type chunkReader struct {
	ctx    context.Context //nolint:containedctx // the reader's life is one call
	cancel context.CancelFunc
	repo   repo.Repository
	// tokens are shared by all readers: who fetches ahead holds one.
	tokens  chan struct{}
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

// readAhead returns a reader of the object, nil if it is a single chunk.
func (p *prefetcher) readAhead(ctx context.Context, id object.ID) (*chunkReader, error) {
	index, large := id.IndexObjectID()
	if !large {
		return nil, nil
	}
	chunks, err := p.chunks(ctx, index)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	return &chunkReader{ctx: ctx, cancel: cancel, repo: p.repo, tokens: p.tokens, chunks: chunks}, nil
}

// chunks reads the list that stands in place of a large object.
func (p *prefetcher) chunks(ctx context.Context, index object.ID) (_ []object.IndirectObjectEntry, err error) {
	from, err := p.repo.OpenObject(ctx, index)
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

// fill asks for the next chunk, and for more while others do not need the tokens.
func (r *chunkReader) fill() {
	for len(r.chunks) > 0 && len(r.fetched) < aheadOf {
		c := &chunk{done: make(chan struct{}), ahead: len(r.fetched) > 0}
		if c.ahead {
			select {
			case r.tokens <- struct{}{}:
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
		<-r.tokens
	}
}

func (r *chunkReader) fetch(entry object.IndirectObjectEntry) (_ []byte, err error) {
	from, err := r.repo.OpenObject(r.ctx, entry.Object)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if from.Length() != entry.Length {
		return nil, fmt.Errorf("chunk %s has %d bytes, want %d", entry.Object, from.Length(), entry.Length)
	}
	data := make([]byte, entry.Length)
	_, err = io.ReadFull(from, data)
	return data, err
}
