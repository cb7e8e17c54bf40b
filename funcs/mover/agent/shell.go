package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rescuecue/rescue/funcs/mover"
)

// stopPatience is how long a program may take to end when it is told to.
const stopPatience = 30 * time.Second

// statusNoDirectory is that of a script that finds no place for its files.
const statusNoDirectory = 73

// script runs programs for the caller, one after the other. All that it is to do comes on
// its standard input, line by line, so that nothing secret stands on its command line.
// While a program runs, the caller shows that it is alive. When it goes away the program
// is ended, and what the script has written is removed.
const script = `umask 077
nonce=$1
for dir in "${TMPDIR:-/tmp}" /dev/shm; do
	dir=$dir/rescue-$nonce
	mkdir "$dir" 2>/dev/null && break
	dir=
done
[ -n "$dir" ] || exit 73
pid=
trap 'rm -rf "$dir"' EXIT
trap '[ -z "$pid" ] || kill "$pid"; exit 143' HUP INT TERM
exec 3<&0 </dev/null
nl='
'
hear() {
	while IFS= read -r word; do
		case $word in
		next) return ;;
		stop) kill "$1" ;;
		esac
	done
	kill "$1"
}
step() {
	"$@" 2>"$dir/errors" &
	pid=$!
	hear "$pid" <&3 2>/dev/null &
	ear=$!
	wait "$pid"
	status=$?
	pid=
	printf '\n%s errors\n' "$nonce"
	tail -c 4096 "$dir/errors"
	printf '\n%s %d\n' "$nonce" "$status"
	wait "$ear"
}
while IFS= read -r line <&3; do eval "$line"; done
`

// shell is the script in a container.
type shell struct {
	nonce string
	lines chan string   // to the script
	out   *shellOutput  // from it
	ended chan struct{} // closed once err is known
	err   error
	talk  tail
	hurry context.CancelFunc
	hang  sync.Once
}

// openShell starts the script. It outlives ctx, so that there is time to tidy up: close
// ends it.
func openShell(ctx context.Context, exec Exec) (*shell, error) {
	name := make([]byte, 8)
	if _, err := rand.Read(name); err != nil {
		return nil, err
	}
	s := &shell{nonce: hex.EncodeToString(name), lines: make(chan string), ended: make(chan struct{})}
	s.out = &shellOutput{mark: []byte("\n" + s.nonce + " "), steps: make(chan stepResult, 1)}
	ctx, s.hurry = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.ended)
		s.err = exec(ctx, []string{"sh", "-c", script, "rescue", s.nonce}, &shellInput{lines: s.lines, ended: s.ended}, s.out, &s.talk)
	}()
	return s, nil
}

// close ends the script and waits until it has removed its files.
func (s *shell) close() {
	s.hang.Do(func() { close(s.lines) })
	select {
	case <-s.ended:
	case <-time.After(stopPatience):
		s.hurry()
		<-s.ended
	}
	s.hurry()
}

// stepResult is what a program left.
type stepResult struct {
	out    []byte
	errors string // the end of its error output
	status int
}

// tell has the script execute a line that gives no answer. If the script has ended, the
// next step says so.
func (s *shell) tell(line string) {
	select {
	case s.lines <- line + "\n":
	case <-s.ended:
	}
}

// set gives a variable of the script a value. Those whose names are in capitals go to
// the programs.
func (s *shell) set(name, value string) {
	s.tell(name + "=" + quote(value))
	if name == strings.ToUpper(name) {
		s.tell("export " + name)
	}
}

// step runs a program, whose words may refer to variables of the script. When ctx ends
// the program is told to end, and the error is that of ctx.
func (s *shell) step(ctx context.Context, words ...string) (stepResult, error) {
	if ctx.Err() != nil {
		return stepResult{}, context.Cause(ctx)
	}
	s.tell("step " + strings.Join(words, " "))
	for stopped := ctx.Done(); ; {
		select {
		case r := <-s.out.steps:
			s.tell("next")
			if ctx.Err() != nil {
				return stepResult{}, context.Cause(ctx)
			}
			return r, nil
		case <-stopped:
			s.tell("stop")
			stopped = nil
			defer time.AfterFunc(stopPatience, s.hurry).Stop()
		case <-s.ended:
			if ctx.Err() != nil {
				return stepResult{}, context.Cause(ctx)
			}
			return stepResult{}, s.broken()
		}
	}
}

// broken says why the script has ended before it was told to.
func (s *shell) broken() error {
	var status *StatusError
	switch {
	case errors.As(s.err, &status) && status.Status == statusNoDirectory:
		return &mover.Error{Code: mover.CodeFailed, Text: "there is no directory for temporary files: mount an emptyDir volume at /tmp"}
	case isNoProgram(s.err):
		return &mover.Error{Code: mover.CodeNoProgram, Text: "there is no shell", Err: s.err}
	case s.out.err != nil:
		return s.out.err
	case s.err != nil:
		return fmt.Errorf("the work was broken off: %w%s", s.err, s.talk.text())
	}
	return fmt.Errorf("the connection was cut: run the phase again%s", s.talk.text())
}

// quote makes a text one word of a shell, and one line.
func quote(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = "'" + strings.ReplaceAll(line, "'", `'\''`) + "'"
	}
	return strings.Join(lines, `"$nl"`)
}

// octal makes any bytes an argument of printf, which need not be text.
func octal(data []byte) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, c := range data {
		fmt.Fprintf(&b, `\%03o`, c)
	}
	b.WriteByte('\'')
	return b.String()
}

// shellInput is the standard input of the script: lines, and empty ones now and then.
type shellInput struct {
	lines <-chan string
	ended <-chan struct{}
	rest  string
}

// Read implements io.Reader.
func (in *shellInput) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if in.rest == "" {
		timer := time.NewTimer(heartbeat)
		defer timer.Stop()
		select {
		case line, ok := <-in.lines:
			if !ok {
				return 0, io.EOF
			}
			in.rest = line
		case <-in.ended:
			return 0, io.EOF
		case <-timer.C:
			in.rest = "\n"
		}
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

// shellOutput takes what the script writes apart: the output of a program, a mark with
// the word errors, its errors, and a mark with its status.
type shellOutput struct {
	mark  []byte
	steps chan stepResult
	err   error // of the script; read only after it has ended

	buf     bytes.Buffer
	current *stepResult // from the first mark on
}

// Write implements io.Writer.
func (o *shellOutput) Write(p []byte) (int, error) {
	o.buf.Write(p)
	// The mark may have begun in what came before.
	from := max(o.buf.Len()-len(p)-len(o.mark)-lastWord, 0)
	for o.take(from) {
		from = 0
	}
	if o.buf.Len() > answerLimit {
		o.err = errors.New("the program prints without end")
		return 0, o.err
	}
	return len(p), nil
}

// lastWord bounds the word after a mark.
const lastWord = 10

// take looks for a mark that is whole.
func (o *shellOutput) take(from int) bool {
	all := o.buf.Bytes()
	i := bytes.Index(all[from:], o.mark)
	if i < 0 {
		return false
	}
	before, after := all[:from+i], all[from+i+len(o.mark):]
	end := bytes.IndexByte(after, '\n')
	if end < 0 {
		return false
	}
	word := string(after[:end])
	if o.current == nil {
		o.current = &stepResult{out: slices.Clone(before)}
	} else {
		o.current.errors = strings.TrimSpace(string(before))
		status, err := strconv.Atoi(word)
		if err != nil {
			status = -1
		}
		o.current.status = status
		o.steps <- *o.current
		o.current = nil
	}
	o.buf.Next(from + i + len(o.mark) + end + 1)
	return true
}
