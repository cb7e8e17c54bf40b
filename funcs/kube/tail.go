package kube

import (
	"bytes"
	"slices"
	"strings"
)

const (
	// tailLines and tailWidth limit what of a log goes into an error.
	tailLines = 10
	tailWidth = 1 << 10
)

// Tail keeps the last lines of what is written to it, for error messages. The
// zero value is ready for use.
type Tail struct {
	lines []string
	open  []byte // the line that has not ended yet, cut at tailWidth
}

// Write takes any piece of a stream. It never fails.
func (t *Tail) Write(b []byte) (int, error) {
	n := len(b)
	for {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		t.open = append(t.open, line[:min(len(line), tailWidth-len(t.open))]...)
		if !ended {
			return n, nil
		}
		t.Add(string(t.open))
		t.open, b = t.open[:0], rest
	}
}

// Add takes a whole line. Empty ones are left out.
func (t *Tail) Add(line string) {
	if line = strings.TrimRight(line[:min(len(line), tailWidth)], "\r\n "); line == "" {
		return
	}
	if len(t.lines) == tailLines {
		t.lines = slices.Delete(t.lines, 0, 1)
	}
	t.lines = append(t.lines, line)
}

// Lines returns the last lines, oldest first.
func (t *Tail) Lines() []string {
	if len(t.open) > 0 {
		t.Add(string(t.open))
		t.open = t.open[:0]
	}
	return slices.Clone(t.lines)
}
