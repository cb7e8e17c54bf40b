package vet

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// syntaxPlace is where a mistake in the syntax of CUE is, and what to do about it, by what
// the parser says at an offset.
func (s *source) syntaxPlace(text string, offset int) (line, column int, advice string) {
	line, column = s.position(offset)
	switch before := strings.TrimRight(s.text[:min(offset, len(s.text))], " \t"); {
	case strings.HasPrefix(text, "non-matching whitespace"):
		if n, white := s.outdented(line); n > 0 {
			return n, indentOf(s.line(n)) + 1, "begin the line with the white space that stands before the closing quotes: " + nameWhite(white)
		}
	case strings.HasPrefix(text, "unknown escape sequence"):
		advice = `write \\ for a backslash, or # before and behind the quotes, in which \ is a character like others`
	case strings.HasPrefix(text, "expected '{'") && strings.Contains(s.line(line), "for "):
		advice = "what a `for` or an `if` makes stands in braces: for x in … {x}"
	case strings.HasPrefix(text, "missing ',' in struct literal") && strings.HasSuffix(before, " for"):
		advice = "what a `for` makes has brackets around it: [for x in … {x}] is a list, {for x in … {…}} a struct"
	case strings.HasPrefix(text, "missing ',' in struct literal") && strings.HasPrefix(s.text[min(offset, len(s.text)):], ":"):
		advice = `a name that is calculated stands in parentheses, ("d-" + x): …, or is a text with what it is made of, "d-\(x)": …`
	case strings.HasPrefix(text, "missing ','") && strings.HasPrefix(s.text[min(offset, len(s.text)):], "{") && endsInName(before):
		advice = "write & between a definition and what is added to it"
	}
	return line, column, advice
}

// endsInName tells whether a text ends in what can be part of a name.
func endsInName(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(text)
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
}

// outdented is the first line of the text that begins in a line which does not begin with
// the white space that stands before the closing quotes; 0 if there is none.
func (s *source) outdented(first int) (line int, white string) {
	last := first + 1
	for !isClosing(s.line(last)) {
		if last++; last > len(s.lines) {
			return 0, ""
		}
	}
	closing := s.line(last)
	white = closing[:indentOf(closing)]
	for n := first + 1; n < last; n++ {
		if text := s.line(n); text != "" && !strings.HasPrefix(text, white) {
			return n, white
		}
	}
	return 0, ""
}

// indentOf counts the white space that a line begins with.
func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// isClosing tells whether a line begins with the quotes that close a text of several lines.
func isClosing(line string) bool {
	line = strings.TrimLeft(line, " \t")
	return strings.HasPrefix(line, `"""`) || strings.HasPrefix(line, "'''")
}

// nameWhite says what white space consists of.
func nameWhite(white string) string {
	tabs, spaces := strings.Count(white, "\t"), strings.Count(white, " ")
	switch {
	case spaces == 0:
		return plural(tabs, "tab")
	case tabs == 0:
		return plural(spaces, "space")
	}
	return plural(tabs, "tab") + " and " + plural(spaces, "space")
}
