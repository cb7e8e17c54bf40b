package compat

import (
	"strings"
	"unicode/utf8"
)

// source is the text of a file, by lines.
type source struct {
	file string
	// lines have no line ends.
	lines []string
}

func newSource(file string, src []byte) *source {
	return &source{file: file, lines: splitLines(strings.TrimPrefix(string(src), "\uFEFF"))}
}

// splitLines divides text where YAML sees the end of a line.
func splitLines(text string) []string {
	var lines []string
	start := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		next := i + size
		switch r {
		case '\r':
			if next < len(text) && text[next] == '\n' {
				next++
			}
			fallthrough
		case '\n', '\u0085', '\u2028', '\u2029':
			lines = append(lines, text[start:i])
			start = next
		}
		i = next
	}
	return append(lines, text[start:])
}

// line returns line n, counted from 1, and "" outside of the file.
func (s *source) line(n int) string {
	if s == nil || n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}
