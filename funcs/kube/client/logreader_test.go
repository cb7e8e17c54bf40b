package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// logLine is a line as the kubelet keeps it.
type logLine struct {
	at   time.Time
	text string
}

// served is what the kubelet sends of a log: the lines from a time on.
func served(log []logLine, since *metav1.Time) []byte {
	var b bytes.Buffer
	for _, l := range log {
		if since == nil || !l.at.Before(since.Time) {
			fmt.Fprintf(&b, "%s %s\n", l.at.Format(time.RFC3339Nano), l.text)
		}
	}
	return b.Bytes()
}

// sampleLog has ties, a pair out of order, an empty line, text that looks like a
// time, and gaps of seconds.
func sampleLog() []logLine {
	start := time.Date(2026, 5, 6, 7, 8, 9, 999_000_000, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	return []logLine{
		{at(0), "one"}, {at(0), "one"}, {at(1), ""}, {at(3), "late"}, {at(2), "early"},
		{at(3), "tie"}, {at(2500), strings.Repeat("x", 50)}, {at(2500), "2026-05-06T07:08:09Z text"},
		{at(9000), "last"},
	}
}

func text(log []logLine) string {
	var b strings.Builder
	for _, l := range log {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}

// TestLogReaderCut cuts the first stream at every byte, and the second at some.
func TestLogReaderCut(t *testing.T) {
	log := sampleLog()
	whole := served(log, nil)
	for first := 0; first <= len(whole); first++ {
		for _, second := range []int{0, 1, 30, 61, 200} {
			var out bytes.Buffer
			r := &logReader{out: &out}
			for _, cut := range []int{first, second, -1} {
				stream := served(log, r.since())
				if cut >= 0 {
					stream = stream[:min(cut, len(stream))]
				}
				if _, err := r.resume().Write(stream); err != nil {
					t.Fatalf("cut at %d and %d: %v", first, second, err)
				}
			}
			if out.String() != text(log) {
				t.Fatalf("cut at %d and %d:\n%s", first, second, out.String())
			}
		}
	}
}

// TestLogReaderPieces gives one stream in pieces of each size.
func TestLogReaderPieces(t *testing.T) {
	log := sampleLog()
	whole := served(log, nil)
	for size := 1; size <= len(whole); size++ {
		var out bytes.Buffer
		w := (&logReader{out: &out}).resume()
		for rest := whole; len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if out.String() != text(log) {
			t.Fatalf("in pieces of %d:\n%s", size, out.String())
		}
	}
}

// TestLogReaderManyLines resumes a log that is longer than what is remembered.
func TestLogReaderManyLines(t *testing.T) {
	start := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	var log []logLine
	for i := range 3 * remembered {
		log = append(log, logLine{start.Add(time.Duration(i) * time.Microsecond), fmt.Sprint("line ", i)})
	}
	whole := served(log, nil)
	var out bytes.Buffer
	r := &logReader{out: &out}
	for _, stream := range [][]byte{whole[:len(whole)/2], whole[:len(whole)*2/3], whole} {
		if _, err := r.resume().Write(stream); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != text(log) {
		t.Error("lines are missing or doubled")
	}
}

func TestLogReaderRotated(t *testing.T) {
	log := sampleLog()
	r := &logReader{out: io.Discard}
	if _, err := r.resume().Write(served(log[:4], nil)); err != nil {
		t.Fatal(err)
	}
	_, err := r.resume().Write(served(log[7:], nil))
	var gap *gapError
	if !errors.As(err, &gap) {
		t.Errorf("error %v", err)
	}
}

// TestLogReaderHalfLine: the stream starts in the middle of a line that was long
// under way, which has no time then.
func TestLogReaderHalfLine(t *testing.T) {
	log := sampleLog()
	var out bytes.Buffer
	r := &logReader{out: &out}
	if _, err := r.resume().Write(served(log[:6], nil)); err != nil {
		t.Fatal(err)
	}
	stream := append([]byte("the end of a line that was seen\n"), served(log, r.since())...)
	if _, err := r.resume().Write(stream); err != nil {
		t.Fatal(err)
	}
	if out.String() != text(log) {
		t.Errorf("got:\n%s", out.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLogReaderOutError(t *testing.T) {
	_, err := (&logReader{out: fullDisk{}}).resume().Write(served(sampleLog(), nil))
	if err == nil || !fatal(err) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v", err)
	}
}

// FuzzLogReader cuts a log of any text at any byte.
func FuzzLogReader(f *testing.F) {
	f.Add("one\ntwo\n\nthree", uint16(40), uint8(3))
	f.Add("2026-01-01T00:00:00Z x\n", uint16(1), uint8(0))
	f.Fuzz(func(t *testing.T, content string, cut uint16, every uint8) {
		var log []logLine
		at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
		for i, line := range strings.Split(content, "\n") {
			if every > 0 && i%int(every) == 0 {
				at = at.Add(700 * time.Millisecond)
			}
			log = append(log, logLine{at, line})
		}
		var out bytes.Buffer
		r := &logReader{out: &out}
		first := served(log, nil)
		for _, stream := range [][]byte{first[:min(int(cut), len(first))], nil} {
			if stream == nil {
				stream = served(log, r.since())
			}
			if _, err := r.resume().Write(stream); err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != text(log) {
			t.Fatalf("got %q, want %q", out.String(), text(log))
		}
	})
}
