package client

import (
	"io"
	"sync"
	"time"

	"github.com/rescuecue/rescue/funcs/kube"
)

// A linger hangs up on a command that has ended, when a process that it left behind
// holds the output open and has written nothing for a while.
type linger struct {
	hangUp func()
	ended  func() bool // all that the command itself wrote has come

	mu      sync.Mutex
	idle    *time.Timer // nil until the command has ended
	writing int         // writes under way
	stopped bool
}

func newLinger(hangUp func(), ended func() bool) *linger {
	return &linger{hangUp: hangUp, ended: ended}
}

// watch returns a writer to w whose writes count as signs of life.
func (l *linger) watch(w io.Writer) io.Writer { return lingerWriter{l, w} }

type lingerWriter struct {
	*linger
	w io.Writer
}

func (w lingerWriter) Write(b []byte) (int, error) {
	w.begin()
	defer w.done()
	return w.w.Write(b)
}

// begin stops the clock: a writer may take its time.
func (l *linger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing++
	if l.idle != nil {
		l.idle.Stop()
	}
}

func (l *linger) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing--
	switch {
	case l.stopped || l.writing > 0 || !l.ended():
	case l.idle == nil:
		l.idle = time.AfterFunc(kube.IdleOutput, l.hangUp)
	default:
		l.idle.Reset(kube.IdleOutput)
	}
}

// stop is for the end of the stream.
func (l *linger) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.idle != nil {
		l.idle.Stop()
	}
}
