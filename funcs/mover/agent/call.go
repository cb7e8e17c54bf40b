package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rescuecue/rescue/funcs/mover"
)

// An Exec runs a command in the container that has the data. It returns when the
// command has ended and all its output was written. A command that ended with
// another status than 0 gives a *StatusError.
type Exec func(ctx context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error

// StatusError says that the command ran and failed.
type StatusError struct {
	Status int
	Err    error
}

func (e *StatusError) Error() string { return e.Err.Error() }

func (e *StatusError) Unwrap() error { return e.Err }

// Command is what Call runs in the container.
func Command() []string { return []string{"rescue", "mover"} }

// Statuses by which shells and container runtimes say that there is no such
// program, or that it cannot be run.
const (
	statusNotRunnable = 126
	statusNotFound    = 127
)

// stderrKept is how much of the end of the error output goes into an error.
const stderrKept = 4 << 10

// Call runs the request in the container and returns its result, which has all
// that the operation promises. Where names the
// container in errors. progress may be nil. The errors have the codes of package
// mover.
//
// A container without rescue is served by the kopia program if it has that. What is not
// found in a repository of kopia is looked for in one of restic at the same place, if
// the restic program is there.
func Call(ctx context.Context, exec Exec, where string, req Request, progress func(mover.Progress)) (Result, error) {
	if req.By == programRestic {
		return byRestic(ctx, exec, where, req)
	}
	res, err := callMover(ctx, exec, where, req, progress)
	if mover.CodeOf(err) == mover.CodeNoProgram {
		return withoutRescue(ctx, exec, where, req, err)
	}
	return orElseRestic(ctx, exec, where, req, res, err)
}

// callMover has `rescue mover` serve the request.
func callMover(ctx context.Context, exec Exec, where string, req Request, progress func(mover.Progress)) (Result, error) {
	req.Version, req.Attached = Version, true
	doc, err := json.Marshal(req)
	if err != nil {
		return Result{}, fmt.Errorf("request to the data mover: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := newLifeline(ctx, doc)
	defer in.hangUp()
	out := &answerReader{progress: progress, done: in.hangUp}
	var talk tail
	err = exec(ctx, Command(), in, out, &talk)
	if out.last != nil {
		return out.last.outcome(where, req.Op)
	}
	if err == nil && !out.any && len(talk.kept) == 0 {
		err = noProgram(ctx, exec)
	}
	return Result{}, unanswered(ctx, where, err, out, talk.text())
}

// noProgram is the error of a container without rescue, else nil. It asks again where nothing
// at all has come: the connection may have lost the news that there is no such program.
func noProgram(ctx context.Context, exec Exec) error {
	err := exec(ctx, []string{"rescue", "version"}, nil, io.Discard, io.Discard)
	if isNoProgram(err) {
		return err
	}
	return nil
}

// outcome turns the last line of an answer into what Call returns.
func (e *event) outcome(where string, op Op) (Result, error) {
	if e.Error != nil {
		return Result{}, &mover.Error{Code: e.Error.Code, Text: where + ": " + e.Error.Message}
	}
	if !e.Result.answers(op) {
		return Result{}, &mover.Error{Code: mover.CodeFailed, Text: fmt.Sprintf(
			"%s: `rescue mover` answered %s without saying what it did: use a tools image of the same release", where, op)}
	}
	return *e.Result, nil
}

// unanswered finds out why there was no last line.
func unanswered(ctx context.Context, where string, err error, out *answerReader, talk string) error {
	var status *StatusError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case isNoProgram(err) && !out.any:
		return &mover.Error{Code: mover.CodeNoProgram, Text: where + " has no program `rescue`, which moves the data"}
	case out.junk != "":
		return fmt.Errorf("%s: `rescue mover` gave an answer that makes no sense: %q", where, out.junk)
	case errors.As(err, &status):
		return fmt.Errorf("%s: `rescue mover` was killed or broke off with status %d%s", where, status.Status, talk)
	case err != nil:
		return fmt.Errorf("%s: %w", where, err)
	}
	return fmt.Errorf("%s: the answer of `rescue mover` was cut off: run the phase again%s", where, talk)
}

// isNoProgram recognises what shells and container runtimes say of a program that
// they cannot find.
func isNoProgram(err error) bool {
	if err == nil {
		return false
	}
	var status *StatusError
	if errors.As(err, &status) && (status.Status == statusNotFound || status.Status == statusNotRunnable) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "executable file not found") ||
		strings.Contains(text, "exec: \"rescue\": ") ||
		strings.Contains(text, "exec failed") && strings.Contains(text, "no such file or directory")
}

// answerLimit bounds one line of an answer, in bytes.
const answerLimit = 64 << 20

// answerReader takes the lines of an answer apart as they come.
type answerReader struct {
	progress func(mover.Progress)
	done     func() // called once the last line is there

	buf  bytes.Buffer
	any  bool // something was written
	last *event
	junk string // the first line that was no event
}

// Write implements io.Writer.
func (a *answerReader) Write(p []byte) (int, error) {
	a.any = a.any || len(p) > 0
	a.buf.Write(p)
	for {
		i := bytes.IndexByte(a.buf.Bytes(), '\n')
		if i < 0 {
			break
		}
		a.line(a.buf.Next(i + 1))
	}
	if a.buf.Len() > answerLimit {
		return 0, errors.New("the answer of the data mover has a line without end")
	}
	return len(p), nil
}

func (a *answerReader) line(text []byte) {
	var e event
	switch err := json.Unmarshal(text, &e); {
	case err != nil || !e.final() && e.Progress == nil:
		if a.junk == "" {
			a.junk = string(text[:min(len(text), 200)])
		}
	case e.final():
		a.last = &e
		a.done()
	case a.progress != nil:
		a.progress(*e.Progress)
	}
}

// heartbeat is how often the caller shows that it is alive. A connection that
// carries nothing for long is closed by proxies; and an executor that copies to
// the input of a process which has died finds out.
const heartbeat = 3 * time.Second

// lifeline is the standard input of the mover: the request, then now and then an
// empty line until the caller hangs up or its context ends.
type lifeline struct {
	ctx    context.Context //nolint:containedctx // io.Reader has no place for it
	hangUp context.CancelFunc
	rest   []byte
}

func newLifeline(ctx context.Context, request []byte) *lifeline {
	ctx, cancel := context.WithCancel(ctx)
	return &lifeline{ctx: ctx, hangUp: cancel, rest: append(request, '\n')}
}

// Read implements io.Reader.
func (l *lifeline) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(l.rest) == 0 {
		timer := time.NewTimer(heartbeat)
		defer timer.Stop()
		select {
		case <-l.ctx.Done():
			return 0, io.EOF
		case <-timer.C:
			l.rest = []byte{'\n'}
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - stderrKept; over > 0 {
		t.kept = t.kept[over:]
	}
	return len(p), nil
}

// text returns it as the end of an error.
func (t *tail) text() string {
	if len(t.kept) == 0 {
		return ""
	}
	return "; the end of its error output:\n" + strings.TrimSpace(string(t.kept))
}
