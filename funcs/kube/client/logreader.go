package client

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// remembered is how many lines are recognised when they come again. The lines
	// of standard output and standard error may be out of order by a few only.
	remembered = 4096
	// maxStamp is longer than any time at the head of a line.
	maxStamp = 40
)

// A logReader takes a log that is read in several streams, each line with its time
// at the head, and writes every line once, without the time.
type logReader struct {
	out    io.Writer
	passed int64 // bytes written
	files  logFiles

	// For who looks on while the log is read.
	seen    atomic.Int64 // time of the last line that was new
	taken   atomic.Int64 // bytes of all streams
	writing atomic.Bool

	recent []int64 // times of the last complete lines: a ring
	next   int     // where the ring goes on

	// The line that is being written, or was when the last stream ended.
	open    bool
	openAt  int64
	openLen int64 // bytes of it that were written
}

// gapError says that lines are missing.
type gapError struct{ since time.Time }

func (e *gapError) Error() string {
	return fmt.Sprintf("the node rotated the log before all of it was read: lines after %s are lost. "+
		"To go on: write less to standard output, or raise containerLogMaxSize of the kubelet",
		e.since.UTC().Format(time.RFC3339Nano))
}

// outError is a failure of the writer that the log goes to.
type outError struct{ err error }

func (e *outError) Error() string { return e.err.Error() }
func (e *outError) Unwrap() error { return e.err }

// since is the time from which the next stream has to start, nil for the first.
// The API knows whole seconds only; one second more allows for lines out of order.
func (r *logReader) since() *metav1.Time {
	last, ok := r.last()
	if !ok {
		return nil
	}
	return &metav1.Time{Time: time.Unix(0, last).Add(-time.Second).Truncate(time.Second)}
}

// last is the time of the last line that was seen.
func (r *logReader) last() (int64, bool) {
	switch n := len(r.recent); {
	case r.open:
		return r.openAt, true
	case n == 0:
		return 0, false
	default:
		return r.recent[(r.next+n-1)%n], true
	}
}

// oldest is the time before which all lines are known.
func (r *logReader) oldest() int64 {
	if len(r.recent) < remembered {
		return 0
	}
	return r.recent[r.next]
}

// remember notes a complete line.
func (r *logReader) remember(t int64) {
	if len(r.recent) < remembered {
		r.recent = append(r.recent, t)
		return
	}
	r.recent[r.next] = t
	r.next = (r.next + 1) % remembered
}

// forget makes the next stream the first of a new log.
func (r *logReader) forget() {
	r.recent, r.next, r.open = nil, 0, false
	r.taken.Store(0)
}

// busy tells whether the log may have been rotated: much of it was read, or something
// waits for its reader.
func (r *logReader) busy() bool { return r.taken.Load() >= smallLog || r.writing.Load() }

// resume returns the writer for the next stream.
func (r *logReader) resume() io.Writer {
	_, seen := r.last()
	s := &logStream{logReader: r, caughtUp: !seen, replay: map[int64]int{}}
	for _, t := range r.recent {
		s.replay[t]++
	}
	return s
}

// nextFile returns the writer for the file after the one that was read to its end. It
// must begin with that line, which may be the rest of the last one.
func (r *logReader) nextFile(start int64) io.Writer {
	return &logStream{logReader: r, caughtUp: true, start: start}
}

// A logStream is one stream of the log.
type logStream struct {
	*logReader
	replay   map[int64]int // how many lines of that time were seen in earlier streams
	caughtUp bool          // the stream has come to where the one before ended
	start    int64         // time of the first line, if it is known

	head   []byte // the line's time, until it is complete
	inText bool   // the time is complete
	drop   bool   // the line was written before
	skip   int64  // so many bytes of the line were written before
}

// Write takes any piece of the stream.
func (s *logStream) Write(b []byte) (int, error) {
	n := len(b)
	s.taken.Add(int64(n))
	s.writing.Store(true)
	defer s.writing.Store(false)
	for len(b) > 0 {
		var err error
		if s.inText {
			b, err = s.text(b)
		} else {
			b, err = s.stamp(b)
		}
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// stamp reads the time at the head of a line, and returns what follows.
func (s *logStream) stamp(b []byte) ([]byte, error) {
	i := bytes.IndexAny(b, " \n")
	if i < 0 && len(s.head)+len(b) < maxStamp {
		s.head = append(s.head, b...)
		return nil, nil
	}
	if i < 0 {
		i = 0
	}
	word := append(s.head, b[:i]...)
	s.head, s.inText = nil, true
	at, err := time.Parse(time.RFC3339Nano, string(word))
	if err != nil || len(b) == i {
		return s.headless(append(word, b[i:]...)), nil
	}
	rest := b[i:]
	if rest[0] == ' ' {
		rest = rest[1:]
	}
	return rest, s.begin(at.UnixNano())
}

// headless is a line without a time: the end of one that began before this stream
// does. That one was written before, or else the log has no times at all.
func (s *logStream) headless(line []byte) []byte {
	s.drop, s.skip = !s.caughtUp, 0
	if !s.open {
		s.openLen = 0
	}
	return line
}

// begin decides what to do with a line of that time.
func (s *logStream) begin(at int64) error {
	last, any := s.last()
	s.drop, s.skip = false, 0
	if s.start != 0 && at != s.start {
		return &gapError{time.Unix(0, last)}
	}
	continues := s.start != 0 && s.open
	s.start = 0
	switch {
	case continues:
		return s.files.pass(at, last, true)
	case at < s.oldest():
		s.drop = true
	case s.replay[at] > 0:
		s.replay[at]--
		s.drop = true
		s.caughtUp = s.caughtUp || at == last && !s.open
	case s.open && at == s.openAt:
		s.skip, s.caughtUp = s.openLen, true
	case !s.caughtUp && at > last:
		return &gapError{time.Unix(0, last)}
	case !s.caughtUp:
		// A file that begins with the rest of a line shows it as one.
		s.drop = true
	default:
		return s.beginNew(at, last, any)
	}
	return nil
}

// beginNew begins a line that was not seen before.
func (s *logStream) beginNew(at, last int64, any bool) error {
	if !any {
		s.files.begin(at)
	}
	if err := s.files.pass(at, last, s.openLen >= longLine); err != nil {
		return err
	}
	s.seen.Store(at)
	s.open, s.openAt, s.openLen = true, at, 0
	return nil
}

// text passes on the text of a line, and returns what follows it.
func (s *logStream) text(b []byte) ([]byte, error) {
	line, rest, ended := bytes.Cut(b, []byte("\n"))
	if ended {
		line = b[:len(line)+1]
	}
	if err := s.pass(line); err != nil {
		return nil, err
	}
	if ended {
		s.inText = false
		if !s.drop && s.open {
			s.open = false
			s.remember(s.openAt)
		}
	}
	return rest, nil
}

// pass writes what of the text is new.
func (s *logStream) pass(text []byte) error {
	if s.drop {
		return nil
	}
	known := min(s.skip, int64(len(text)))
	s.skip -= known
	if text = text[known:]; len(text) == 0 {
		return nil
	}
	if _, err := s.out.Write(text); err != nil {
		return &outError{err}
	}
	s.openLen += int64(len(text))
	s.passed += int64(len(text))
	return nil
}
