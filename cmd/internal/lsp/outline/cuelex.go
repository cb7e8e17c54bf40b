package outline

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token of CUE. Its kind is one of the constants below, or the character itself
// for a bracket, a comma, a colon or the like.
type token struct {
	kind rune
	Span
	// text is the source; of a string, what it says.
	text string
	// literal says that a string has no interpolation.
	literal bool
}

const (
	tokenEnd   rune = -1
	tokenName  rune = 'n'
	tokenText  rune = 't'
	tokenOther rune = 'o'
)

// lex splits CUE into tokens. Comments and attributes are left out; a comma stands where a
// line's end ends a declaration.
func lex(src string) []token {
	l := &lexer{src: src}
	for l.next() {
	}
	return append(l.tokens, token{kind: tokenEnd, Span: Span{len(src), len(src)}})
}

type lexer struct {
	src    string
	at     int
	tokens []token
}

func (l *lexer) next() bool {
	if l.at >= len(l.src) {
		return false
	}
	rest := l.src[l.at:]
	c, size := utf8.DecodeRuneInString(rest)
	switch {
	case c == '\n':
		l.newline()
		l.at++
	case c == ' ' || c == '\t' || c == '\r':
		l.at++
	case strings.HasPrefix(rest, "//"):
		l.at = lineEnd(l.src, l.at)
	case c == '@' && len(rest) > 1 && isNameStart(rune(rest[1])):
		l.attribute()
	case isNameStart(c):
		l.emit(tokenName, nameLength(rest))
	case c == '#' && isRawString(rest), c == '"', c == '\'':
		l.text()
	case strings.ContainsRune("{}[](),:?!&|=.", c):
		l.emit(c, 1)
	default:
		l.emit(tokenOther, size)
	}
	return true
}

func (l *lexer) emit(kind rune, size int) {
	l.tokens = append(l.tokens, token{kind, Span{l.at, l.at + size}, l.src[l.at : l.at+size], false})
	l.at += size
}

// newline makes a comma where CUE does: after what can end an expression.
func (l *lexer) newline() {
	if len(l.tokens) == 0 {
		return
	}
	switch last := l.tokens[len(l.tokens)-1]; last.kind {
	case tokenName, tokenText, '}', ']', ')', '?', '!':
	case '.':
		// A name that is being typed, or `...`.
	case ':':
		// A value that is being typed.
	case tokenOther:
		if c := last.text[0]; c < '0' || c > '9' {
			return
		}
	default:
		return
	}
	l.tokens = append(l.tokens, token{',', Span{l.at, l.at}, "\n", false})
}

// attribute skips @name(…).
func (l *lexer) attribute() {
	l.at++
	l.at += nameLength(l.src[l.at:])
	if l.at >= len(l.src) || l.src[l.at] != '(' {
		return
	}
	depth := 0
	for end := lineEnd(l.src, l.at); l.at < end; {
		switch l.src[l.at] {
		case '(':
			depth++
		case ')':
			depth--
		case '"':
			l.at += max(0, strings.IndexByte(l.src[l.at+1:end], '"')+1)
		}
		l.at++
		if depth == 0 {
			return
		}
	}
}

// text reads a string of any kind: "…", '…', """…""", with # around them or not.
func (l *lexer) text() {
	start := l.at
	hashes := len(l.src[l.at:]) - len(strings.TrimLeft(l.src[l.at:], "#"))
	quote := l.src[start+hashes : start+hashes+1]
	multi := strings.HasPrefix(l.src[start+hashes:], quote+quote+quote+"\n") || strings.HasPrefix(l.src[start+hashes:], quote+quote+quote+"\r\n")
	if multi {
		quote = quote + quote + quote
	}
	guard := strings.Repeat("#", hashes)
	from := start + hashes + len(quote)
	end, literal := closing(l.src, from, quote+guard, `\`+guard, multi)
	said := l.src[from:end]
	if !multi && literal {
		said = strings.ReplaceAll(said, `\"`, `"`)
	}
	l.at = end
	if strings.HasPrefix(l.src[end:], quote+guard) {
		l.at += len(quote) + hashes
	}
	l.tokens = append(l.tokens, token{tokenText, Span{start, l.at}, said, literal})
}

// closing finds the end of a string that began before from. One that is not closed
// ends with its line, or if it may have several lines, with the text.
func closing(src string, from int, quote, escape string, multi bool) (end int, literal bool) {
	literal = true
	for i := from; i < len(src); {
		rest := src[i:]
		switch {
		case strings.HasPrefix(rest, quote):
			return i, literal
		case rest[0] == '\n' && !multi:
			return i, literal
		case strings.HasPrefix(rest, escape+"("):
			literal = false
			i = interpolationEnd(src, i+len(escape)+1, multi)
		case strings.HasPrefix(rest, escape) && len(rest) > len(escape):
			i += len(escape) + 1
		default:
			i++
		}
	}
	return len(src), literal
}

// interpolationEnd skips an expression in a string, to behind its parenthesis.
func interpolationEnd(src string, from int, multi bool) int {
	depth := 1
	for i := from; i < len(src); i++ {
		switch src[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			// A string inside: nobody nests further.
			if j := strings.IndexByte(src[i+1:lineEnd(src, i)], '"'); j >= 0 && strings.ContainsRune(src[i+1:lineEnd(src, i)], ')') {
				i += j + 1
			}
		case '\n':
			if !multi {
				return i
			}
		}
	}
	return len(src)
}

func isRawString(rest string) bool {
	rest = strings.TrimLeft(rest, "#")
	return strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'")
}

func isNameStart(c rune) bool {
	return c == '_' || c == '#' || c == '$' || unicode.IsLetter(c)
}

// nameLength is the length of the name that text begins with.
func nameLength(text string) int {
	for i, c := range text {
		if !isNameStart(c) && !unicode.IsDigit(c) {
			return i
		}
	}
	return len(text)
}

// StringAt returns the string of a CUE text that an offset is in: behind its first quote,
// and not behind its last one.
func StringAt(src string, offset int) (Span, bool) {
	for _, t := range lex(src) {
		if t.Start >= offset {
			break
		}
		closed := t.End > t.Start+1 && strings.ContainsRune(`"'#`, rune(src[t.End-1]))
		if t.kind == tokenText && (offset < t.End || offset == t.End && !closed) {
			return t.Span, true
		}
	}
	return Span{}, false
}

// InInterpolation says whether the beginning of a string ends inside of an interpolation.
func InInterpolation(start string) bool {
	depth := 0
	for i := 0; i < len(start); i++ {
		switch c := start[i]; {
		case c == '\\':
			j := i + 1
			for j < len(start) && start[j] == '#' {
				j++
			}
			if j < len(start) && start[j] == '(' {
				depth++
			}
			i = j
		case c == '(' && depth > 0:
			depth++
		case c == ')' && depth > 0:
			depth--
		}
	}
	return depth > 0
}
