package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// A piece is an entry of a log file: a line, or a part of one.
type piece struct {
	at    time.Duration
	text  string
	whole bool // its line ends here
}

var logStart = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

// shown is what the kubelet sends when it reads these files one after the other: only
// the first piece of a line has its time.
func shown(files ...[]piece) []byte {
	var b bytes.Buffer
	begins := true
	for _, file := range files {
		for _, p := range file {
			if begins {
				b.WriteString(logStart.Add(p.at).Format(time.RFC3339Nano) + " ")
			}
			b.WriteString(p.text)
			if begins = p.whole; begins {
				b.WriteByte('\n')
			}
		}
	}
	return b.Bytes()
}

// written is what the container wrote.
func written(files ...[]piece) string {
	var b strings.Builder
	for _, file := range files {
		for _, p := range file {
			b.WriteString(p.text)
			if p.whole {
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

// logFile has numbered lines, one each 100 ms.
func logFile(from, n int) []piece {
	var file []piece
	for i := range n {
		file = append(file, piece{time.Duration(from+i) * 100 * time.Millisecond, fmt.Sprint("line ", from+i), true})
	}
	return file
}

// lookAt notes the beginning of a file as somebody who looks in time.
func lookAt(r *logReader, file []piece, pause time.Duration) {
	r.files.mu.Lock()
	looked := r.files.looked
	r.files.mu.Unlock()
	r.files.note(logStart.Add(file[0].at).UnixNano(), looked.Add(pause), looked.Add(pause), r.seen.Load(), io.NopCloser(bytes.NewReader(shown(file))))
}

// half cuts the last line of a file, and puts its rest before the next one.
func half(file, next []piece) (first, second []piece) {
	long := strings.Repeat("x", longLine)
	end := next[0].at - 50*time.Millisecond
	first = append(file[:len(file):len(file)], piece{end - 10*time.Millisecond, long, false})
	return first, append([]piece{{end, long, true}}, next...)
}

func TestRotatedLog(t *testing.T) {
	one, two, three := logFile(0, 100), logFile(100, 100), logFile(200, 100)
	head, rest := half(one, two)
	for name, c := range map[string]struct {
		first [][]piece // what the first stream shows
		seen  []piece   // the newest file that is noted when the first one was shown
		last  []piece   // what is left for the end, if it is known
		want  [][]piece // nil: lines are lost
	}{
		"one after the other":            {first: [][]piece{one, two, three}, seen: two, want: [][]piece{one, two, three}},
		"a file is left out":             {first: [][]piece{one, three}, seen: two, last: two, want: [][]piece{one, two}},
		"the stream ends early":          {first: [][]piece{one}, seen: two, last: two, want: [][]piece{one, two}},
		"another file than was noted":    {first: [][]piece{one}, seen: two, last: three},
		"a line in two files":            {first: [][]piece{head, rest, three}, seen: rest, want: [][]piece{head, rest, three}},
		"a line in two files, one early": {first: [][]piece{head}, seen: rest, last: rest, want: [][]piece{head, rest}},
		"a line in two files, left out":  {first: [][]piece{head, three}, seen: rest},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			r := &logReader{out: &out}
			stream, whole, begun := r.resume(), shown(c.first...), shown(c.first[0])
			_, err := stream.Write(whole[:len(begun)])
			lookAt(r, c.seen, time.Second)
			if err == nil {
				_, err = stream.Write(whole[len(begun):])
			}
			if errors.Is(err, errLeftOut) || err == nil && c.last != nil {
				err = readRest(r, c.last)
			}
			var gap *gapError
			switch {
			case c.want == nil && !errors.As(err, &gap):
				t.Errorf("error %v", err)
			case c.want != nil && (err != nil || out.String() != written(c.want...)):
				t.Errorf("error %v, output:\n%s", err, out.String())
			}
		})
	}
}

// readRest reads the file that the stream did not come to, and finds that in it.
func readRest(r *logReader, file []piece) error {
	next, err := r.files.rest(0)
	if err != nil || next == nil {
		return errors.Join(err, errors.New("nothing is left"))
	}
	_, err = r.nextFile(next.at).Write(shown(file))
	return err
}

// TestLookedTooLate: two rotations may have been between two looks.
func TestLookedTooLate(t *testing.T) {
	one, two, three := logFile(0, 100), logFile(100, 100), logFile(200, 100)
	for name, c := range map[string]struct {
		pause time.Duration
		file  []piece
		lost  bool
	}{
		"in time":            {rotationPause, three, false},
		"too late":           {rotationPause + time.Second, three, true},
		"late, but up to it": {rotationPause + time.Second, two, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &logReader{out: &bytes.Buffer{}}
			if _, err := r.resume().Write(shown(one)); err != nil {
				t.Fatal(err)
			}
			lookAt(r, c.file, c.pause)
			_, err := r.files.rest(0)
			if (err != nil) != c.lost {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestFileBeginsWithinALine: when the log is read again, the rest of a line that was
// seen looks like a line of its own.
func TestFileBeginsWithinALine(t *testing.T) {
	one, two := half(logFile(0, 10), logFile(10, 3))
	var out bytes.Buffer
	r := &logReader{out: &out}
	for _, stream := range [][]byte{shown(one, two), shown(two), shown(append(two, logFile(13, 2)...))} {
		if _, err := r.resume().Write(stream); err != nil {
			t.Fatal(err)
		}
	}
	if want := written(one, two, logFile(13, 2)); out.String() != want {
		t.Errorf("output:\n%.200s", out.String())
	}
}
