package compat

import (
	"regexp"
	"strconv"
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

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxError turns the parser's message into one with a position and advice.
func (s *source) syntaxError(err error) *Error {
	line, msg := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		msg = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	if at := s.tabIndent(line); at > 0 {
		return errorAt(s.file, at, 1+leadingSpaces(s.line(at)), "a tab in the indentation; YAML wants spaces")
	}
	column := 1 + leadingSpaces(s.line(line))
	for _, known := range syntaxAdvice {
		if strings.Contains(msg, known.part) {
			msg += "; " + known.advice
			break
		}
	}
	return errorAt(s.file, line, column, "not valid YAML: %s", msg)
}

// syntaxAdvice says what to do about the parser's commonest complaints.
var syntaxAdvice = []struct{ part, advice string }{
	{"did not find expected key", "check the indentation and the quotes here and on the lines above"},
	{"did not find expected '-' indicator", "check the indentation of this list"},
	{"mapping values are not allowed", "put a value that holds \": \" in quotes"},
	{"could not find expected ':'", "check for a missing \":\" or a missing quote"},
	{"found unexpected end of stream", "a quote or bracket is not closed"},
	{"cannot start any token", "put the value in quotes"},
	{"found unknown escape character", "use single quotes, or double the backslash"},
	{"control characters are not allowed", "is this a text file?"},
	{"unknown anchor", "define it with & before it is used"},
}

// tabIndent returns the line, near the one given, whose indentation has a tab, or 0.
func (s *source) tabIndent(line int) int {
	for n := line; n <= line+1; n++ {
		text := s.line(n)
		if strings.HasPrefix(text[leadingSpaces(text):], "\t") {
			return n
		}
	}
	return 0
}

func leadingSpaces(text string) int {
	return len(text) - len(strings.TrimLeft(text, " "))
}
