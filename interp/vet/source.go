package vet

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// A source is the text of one file and the way from offsets to lines and columns.
type source struct {
	name  string
	text  string
	lines []int // offset of the first byte of each line
}

func newSource(name string, data []byte) *source {
	s := &source{name: name, text: string(data), lines: []int{0}}
	for i := range data {
		if data[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// line returns the text of line n, counted from 1, without its end.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	rest := s.text[s.lines[n-1]:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "\r")
}

// position turns an offset in bytes into line and column, counted from 1.
func (s *source) position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(s.text))
	line = sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > offset })
	return line, utf8.RuneCountInString(s.text[s.lines[line-1]:offset]) + 1
}

// offset is the inverse of position. A column after the end of the line gives the
// line's end.
func (s *source) offset(line, column int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.text)
	}
	at, text := s.lines[line-1], s.line(line)
	for i := range text {
		if column <= 1 {
			return at + i
		}
		column--
	}
	return at + len(text)
}

// span is a part of a source, in bytes. The zero span is the file as a whole.
type span struct{ start, end int }

// at locates a finding at the span.
func (s *source) at(sp span, f Finding) Finding {
	f.File = s.name
	if sp == (span{}) {
		return f.complete()
	}
	if sp.end < sp.start {
		sp.end = sp.start
	}
	f.Line, f.Column = s.position(sp.start)
	f.EndLine, f.EndColumn = s.position(sp.end)
	f.Snippet = s.line(f.Line)
	return f.complete()
}

// atLine locates a finding at a line and column and the text that stands there.
func (s *source) atLine(line, column int, text string, f Finding) Finding {
	start := s.offset(line, column)
	end := start
	switch {
	case text != "" && strings.HasPrefix(s.text[start:], text):
		end += len(text)
	default:
		end += wordLength(s.text[start:])
	}
	return s.at(span{start, end}, f)
}

// wordLength is the length of what looks like one token: a quoted string, or
// everything up to white space or a bracket.
func wordLength(text string) int {
	if text == "" {
		return 0
	}
	if q := text[0]; q == '"' || q == '\'' {
		line, _, _ := strings.Cut(text[1:], "\n")
		if i := strings.IndexByte(line, q); i >= 0 {
			return i + 2
		}
	}
	if i := strings.IndexAny(text, " \t\r\n,{}[]()"); i > 0 {
		return max(1, len(strings.TrimSuffix(text[:i], ":")))
	}
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return min(i, 1)
	}
	return min(len(text), utf8.UTFMax)
}

// complete fills in what follows from the rule.
func (f Finding) complete() Finding {
	if f.Severity == "" {
		f.Severity = ruleSeverity(f.Rule)
	}
	f.Help = RulePage(f.Rule)
	return f
}
