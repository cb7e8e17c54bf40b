package client

import (
	"errors"
	"io"
	"sync"
)

// sealed is a writer that keeps its first error, which the transport only logs,
// and that takes nothing after it was closed: a cancelled transport returns while
// it still copies.
type sealed struct {
	mu     sync.Mutex
	w      io.Writer
	err    error
	closed bool
}

var errClosed = errors.New("the command's output is no longer wanted")

func seal(w io.Writer) *sealed { return &sealed{w: w} }

func (s *sealed) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errClosed
	}
	if s.err != nil {
		// Taken and dropped, so that the command can go on to its end.
		return len(b), nil
	}
	n, err := s.w.Write(b)
	if err != nil {
		s.err = err
		return len(b), nil
	}
	return n, nil
}

// close waits for a write that is under way, and returns the first error. A writer
// that has more to write at the end (the trailer's filter) does it now.
func (s *sealed) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if f, ok := s.w.(interface{ flush() error }); ok && s.err == nil {
		s.err = f.flush()
	}
	return s.err
}
