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
	// runes counts the characters before each block of blockSize bytes: lines can be
	// megabytes long, and have thousands of findings.
	runes []int
}

const blockSize = 1 << 10

func newSource(name string, data []byte) *source {
	s := &source{name: name, text: string(data), lines: []int{0}}
	for i := range data {
		if data[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	count := 0
	for at := 0; at < len(s.text); {
		s.runes = append(s.runes, count)
		next := s.block(len(s.runes))
		count += utf8.RuneCountInString(s.text[at:next])
		at = next
	}
	return s
}

// block is the offset at which a block begins: at a whole character, of which no part
// is more than three bytes away.
func (s *source) block(n int) int {
	if n == 0 {
		return 0
	}
	at := min(n*blockSize, len(s.text))
	for end := min(at+utf8.UTFMax-1, len(s.text)); at < end && !utf8.RuneStart(s.text[at]); {
		at++
	}
	return at
}

// before counts the characters before an offset.
func (s *source) before(offset int) int {
	n := offset / blockSize
	if n > 0 && s.block(n) > offset {
		n--
	}
	if n >= len(s.runes) {
		n = len(s.runes) - 1
	}
	if n < 0 {
		return 0
	}
	return s.runes[n] + utf8.RuneCountInString(s.text[s.block(n):offset])
}

// line returns the text of line n, counted from 1, without its end.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	end := len(s.text)
	if n < len(s.lines) {
		end = s.lines[n] - 1
	}
	return strings.TrimSuffix(s.text[s.lines[n-1]:end], "\r")
}

// position turns an offset in bytes into line and column, counted from 1.
func (s *source) position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(s.text))
	line = sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > offset })
	return line, s.before(offset) - s.before(s.lines[line-1]) + 1
}

// offset is the inverse of position. A column after the end of the line gives the
// line's end.
func (s *source) offset(line, column int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.text)
	}
	at := s.lines[line-1]
	end := at + len(s.line(line))
	wanted := s.before(at) + max(column-1, 0)
	// The last block that does not begin after it.
	n := sort.Search(len(s.runes), func(i int) bool { return s.runes[i] > wanted }) - 1
	if n >= 0 && s.block(n) > at {
		at = s.block(n)
	}
	for skip := wanted - s.before(at); skip > 0 && at < end; skip-- {
		_, size := utf8.DecodeRuneInString(s.text[at:end])
		at += size
	}
	return min(at, end)
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
	f.Snippet, f.SnippetColumn = s.snippet(f.Line, sp.start)
	return f.complete()
}

// longLine is the most bytes of a line that a finding carries along.
const longLine = 1000

// snippet is the source line, or of a long one the part around an offset, and the
// column at which that part begins; 0 where it is the whole line.
func (s *source) snippet(line, offset int) (text string, column int) {
	text = s.line(line)
	if len(text) <= longLine {
		return text, 0
	}
	start := s.lines[line-1]
	from := s.whole(max(start, min(offset, start+len(text))-longLine/4))
	to := s.whole(min(start+len(text), from+longLine))
	_, column = s.position(from)
	return s.text[from:to], column
}

// whole moves an offset back to the beginning of a character.
func (s *source) whole(offset int) int {
	for n := 1; n < utf8.UTFMax && offset > 0 && offset < len(s.text) && !utf8.RuneStart(s.text[offset]); n++ {
		offset--
	}
	return offset
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
