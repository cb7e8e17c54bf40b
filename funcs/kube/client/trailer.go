package client

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"

	"github.com/rescuecue/rescue/funcs/kube"
)

// A trailer is what a wrapped command writes after its output, on both streams: a
// mark that no output holds by chance, and the command's exit status. Its arrival
// proves that all output before it has arrived too.
type trailer struct {
	expected bool
	mark     []byte
}

// End of the trailer, after the status.
const trailerEnd = '\x1e'

// newTrailer prepares the trailer of a command. It is expected if the command's
// program is a shell, because then the container has one.
func newTrailer(command []string) *trailer {
	t := &trailer{}
	if kube.RunByShell(command) {
		t.expected = true
		t.mark = fmt.Appendf(nil, "\x1erescue-end-%s:", rand.Text())
	}
	return t
}

// command returns the command to run instead. The script uses no variables, since
// one of the container's environment could have the same name.
func (t *trailer) command(command []string) []string {
	if !t.expected {
		return command
	}
	say := fmt.Sprintf(`printf '\036%s%%d\036' "$1"`, t.mark[1:])
	script := fmt.Sprintf(`"$@"; set -- $?; %s; %s >&2; exit "$1"`, say, say)
	return append([]string{command[0], "-c", script, command[0]}, command...)
}

// filter returns a writer that takes the trailer out of one stream.
func (t *trailer) filter(w io.Writer) *trailerFilter {
	return &trailerFilter{trailer: t, w: w}
}

// A trailerFilter is a writer for one stream. But for seen, what it knows may be
// read when the stream is closed.
type trailerFilter struct {
	*trailer
	w      io.Writer
	held   []byte // what may be the start of the trailer
	seen   atomic.Bool
	status int
	passed int64 // bytes of output
}

func (f *trailerFilter) Write(b []byte) (int, error) {
	n := len(b)
	if !f.expected || f.seen.Load() {
		return n, f.pass(b)
	}
	if len(f.held) > 0 {
		b = append(f.held, b...)
		f.held = nil
	}
	start := f.find(b)
	if err := f.pass(b[:start]); err != nil {
		return 0, err
	}
	return n, f.take(b[start:])
}

// find returns where the trailer starts, or may start; else the length of b.
func (f *trailerFilter) find(b []byte) int {
	if i := bytes.Index(b, f.mark); i >= 0 {
		return i
	}
	from := max(0, len(b)-len(f.mark)+1)
	for {
		i := bytes.IndexByte(b[from:], f.mark[0])
		if i < 0 {
			return len(b)
		}
		if from += i; bytes.HasPrefix(f.mark, b[from:]) {
			return from
		}
		from++
	}
}

// take reads the trailer. What follows it was written by a process that the
// command left behind, and is output too.
func (f *trailerFilter) take(b []byte) error {
	if len(b) > len(f.mark) {
		if end := bytes.IndexByte(b[len(f.mark):], trailerEnd); end >= 0 {
			end += len(f.mark)
			status, err := strconv.Atoi(string(b[len(f.mark):end]))
			if err != nil {
				return fmt.Errorf("exit status of the command: %w", err)
			}
			f.status = status
			f.seen.Store(true)
			return f.pass(b[end+1:])
		}
	}
	f.held = bytes.Clone(b)
	return nil
}

func (f *trailerFilter) pass(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	f.passed += int64(len(b))
	_, err := f.w.Write(b)
	return err
}

// flush passes on what looked like a trailer and was none.
func (f *trailerFilter) flush() error { return f.pass(f.held) }
