package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The kubelet rotates a log that has grown too large (10 MiB): it starts another file.
// Who follows the log is led from file to file, but not always:
//
//   - A reader that is behind by two files is led to the newest one.
//   - When the container ends, the stream ends with the file that is being read.
//
// So the newest file is looked at from time to time. One that was not seen before gets
// a stream of its own, which keeps it for us. When its beginning does not come by in the
// stream before it, reading goes on in its own.
const (
	// glanceInterval is how often the newest file is looked at.
	glanceInterval = time.Second
	// rotationPause is less than the time between two rotations of a log. By default
	// the kubelet looks for large logs every 10 seconds.
	rotationPause = 6 * time.Second
	// smallLog is far less than any log that is rotated.
	smallLog = 64 << 10
	// longLine is where the runtime cuts lines into pieces, each with a time of its
	// own. The pieces of a line may be in two files.
	longLine = 16 << 10
	// disorder is how far lines of standard output and standard error may be out of
	// order.
	disorder = time.Second
)

// logFiles are the files of a log, as far as they are known by their beginnings.
type logFiles struct {
	mu      sync.Mutex
	newest  int64     // time of the first line of the newest file
	looked  time.Time // when that was the newest for certain
	sure    bool      // no file can have been missed since the newest one began
	pending []*fileStart

	next atomic.Int64 // the first of pending, 0 for none
}

// A fileStart is the beginning of a file that was not read yet.
type fileStart struct {
	at     int64 // time of the first line
	sure   bool  // it is the file after the one before
	stream io.ReadCloser
	inUse  bool // somebody reads the stream
}

// errLeftOut says that the stream has left out the first of the files that are pending.
var errLeftOut = errors.New("the log goes on in another file")

// begin notes the first line of a log.
func (l *logFiles) begin(at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
	l.newest, l.looked, l.sure = at, time.Now(), true
}

// close is for the end of the reading.
func (l *logFiles) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
}

func (l *logFiles) drop() {
	for len(l.pending) > 0 {
		l.advance()
	}
}

// isNew tells whether a file that begins like that was not seen before.
func (l *logFiles) isNew(at int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return at != 0 && at != l.newest
}

// quiet notes that the log is too small to have been rotated by now.
func (l *logFiles) quiet() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looked, l.sure = time.Now(), true
}

// note takes what the newest file began with when somebody asked for it, 0 if it was
// empty. read is the last line that came in the stream. A new file comes with a stream
// of its own, which is the callee's to close.
func (l *logFiles) note(at int64, asked, answered time.Time, read int64, stream io.ReadCloser) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at == l.newest {
		l.looked, l.sure = asked, true
		return
	}
	l.sure = l.sure && answered.Sub(l.looked) <= rotationPause
	l.looked = asked
	if at == 0 {
		return
	}
	// A stream that has come there was up to date.
	if read < at {
		l.pending = append(l.pending, &fileStart{at: at, sure: l.sure || time.Duration(at-read) <= rotationPause, stream: stream})
		l.next.Store(l.pending[0].at)
	} else {
		discard(stream)
	}
	l.newest, l.sure = at, true
}

// pass is called for each line of the stream. It fails if a file was left out. long
// tells that the line before was cut into pieces.
func (l *logFiles) pass(at, last int64, long bool) error {
	if next := l.next.Load(); next == 0 || at < next {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	start := l.pending[0]
	// The end of a long line stands at the beginning of the file and takes its time.
	patience := disorder
	if long {
		patience = rotationPause
	}
	leftOut := len(l.pending) > 1 && at >= l.pending[1].at || time.Duration(at-start.at) > patience
	switch {
	case !start.sure || leftOut && long && at != start.at:
		return &gapError{time.Unix(0, last)} // the end of the long line may be another's
	case leftOut && at != start.at:
		return errLeftOut
	case at == start.at || long:
		l.advance()
	}
	return nil
}

// advance takes off the first of the files that were not read yet.
func (l *logFiles) advance() {
	if !l.pending[0].inUse {
		discard(l.pending[0].stream)
	}
	l.pending = l.pending[1:]
	l.next.Store(0)
	if len(l.pending) > 0 {
		l.next.Store(l.pending[0].at)
	}
}

// rest is the file to go on with when the one before was read to its end, nil if there
// is none. Its stream is the caller's.
func (l *logFiles) rest(last int64) (*fileStart, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.pending) == 0:
		return nil, nil
	case !l.pending[0].sure || l.pending[0].inUse:
		return nil, &gapError{time.Unix(0, last)}
	}
	l.pending[0].inUse = true
	return l.pending[0], nil
}

// discard closes a stream that is not needed, so its end does not matter.
func discard(stream io.Closer) {
	if stream != nil {
		_ = stream.Close()
	}
}

// scout looks at the newest file from time to time until ctx ends.
func (f *logFollow) scout(ctx context.Context) {
	for sleep(ctx, glanceInterval) == nil {
		if !f.reader.busy() {
			f.reader.files.quiet()
			continue
		}
		// What keeps it from being seen shows where the log is read.
		_ = f.glance(ctx)
	}
}

// glance looks with what the newest file begins.
func (f *logFollow) glance(ctx context.Context) error {
	asked := time.Now()
	limit := int64(maxStamp)
	stream, err := f.client.CoreV1().Pods(f.namespace).GetLogs(f.pod, &corev1.PodLogOptions{
		Container: f.container, Timestamps: true, LimitBytes: &limit,
	}).Stream(ctx)
	if err != nil {
		return err
	}
	head, err := io.ReadAll(stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		return err
	}
	at := int64(0)
	if len(head) > 0 {
		word, _, _ := strings.Cut(string(head), " ")
		stamp, err := time.Parse(time.RFC3339Nano, word)
		if err != nil {
			return fmt.Errorf("the log has no times: %w", err)
		}
		at = stamp.UnixNano()
	}
	answered := time.Now()
	var own io.ReadCloser
	if f.reader.files.isNew(at) {
		if own, err = f.open(ctx, true, nil); err != nil {
			return err
		}
	}
	f.reader.files.note(at, asked, answered, f.reader.seen.Load(), own)
	return nil
}

// open opens a stream of the log, from the beginning of its newest file on.
func (f *logFollow) open(ctx context.Context, follow bool, since *metav1.Time) (io.ReadCloser, error) {
	return f.client.CoreV1().Pods(f.namespace).GetLogs(f.pod, &corev1.PodLogOptions{
		Container: f.container, Follow: follow, Timestamps: true, SinceTime: since,
	}).Stream(ctx)
}
