package vet

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// quoted writes the text of a CUE string, piece by piece, so that each place of the
// text leads back to the file.
type quoted struct {
	*trial
	// opening is the literal that has the opening quotes.
	opening string
}

// whole adds a literal. Numbers and the like are as they are written.
func (q quoted) whole(lit *ast.BasicLit) bool {
	if lit.Kind != token.STRING {
		q.literally(lit.Value, lit.Pos().Offset())
		return true
	}
	info, start, end, err := literal.ParseQuotes(lit.Value, lit.Value)
	if err != nil || start > len(lit.Value)-end {
		return false
	}
	q.lines(lit.Value[start:len(lit.Value)-end], lit.Pos().Offset()+start, info, true)
	return true
}

// interpolation adds the parts of an interpolation, which are literals and
// expressions in turn.
func (v cueValues) interpolation(t *trial, i *ast.Interpolation) bool {
	first, ok := i.Elts[0].(*ast.BasicLit)
	last, ok2 := i.Elts[len(i.Elts)-1].(*ast.BasicLit)
	if !ok || !ok2 {
		return false
	}
	info, skip, end, err := literal.ParseQuotes(first.Value, last.Value)
	if err != nil {
		return false
	}
	q := quoted{t, first.Value}
	for n, e := range i.Elts {
		if n%2 == 1 {
			v.fill(t, e)
			continue
		}
		lit, ok := e.(*ast.BasicLit)
		if !ok {
			return false
		}
		stop := len(lit.Value) - end
		if lit != last {
			stop = len(lit.Value) - len(q.escape()) - 1 // before \(
		}
		if skip > stop {
			return false
		}
		q.lines(lit.Value[skip:stop], lit.Pos().Offset()+skip, info, lit == last)
		skip = 1 // the closing bracket
	}
	return true
}

// escape is what an escape begins with: a backslash, and # as many as the quotes have.
func (q quoted) escape() string {
	hashes := len(q.opening) - len(strings.TrimLeft(q.opening, "#"))
	return `\` + strings.Repeat("#", hashes)
}

// lines adds a part of the text, which stands at source in the file. Of a text of
// several lines each begins after the common white space, and the last is none.
func (q quoted) lines(text string, source int, info literal.QuoteInfo, last bool) {
	if info.IsMulti() && last {
		text = text[:max(0, strings.LastIndexByte(text, '\n'))]
	}
	for i, line := range strings.SplitAfter(text, "\n") {
		at := source
		source += len(line)
		if i > 0 && info.IsMulti() {
			own := strings.TrimPrefix(line, info.Whitespace())
			at, line = at+len(line)-len(own), own
		}
		q.line(line, at)
	}
}

// line adds what one line says, with its escapes.
func (q quoted) line(text string, source int) {
	for {
		i := strings.Index(text, q.escape())
		if i < 0 {
			q.literally(text, source)
			return
		}
		q.literally(text[:i], source)
		content, size := unescape(text[i+len(q.escape()):])
		q.instead(content, source+i)
		next := i + len(q.escape()) + size
		text, source = text[next:], source+next
	}
}

// unescape reads what follows a backslash, and how many bytes that takes.
func unescape(text string) (content string, size int) {
	const simple, meaning = "abfnrtv", "\a\b\f\n\r\t\v"
	if text == "" {
		return "", 0
	}
	if i := strings.IndexByte(simple, text[0]); i >= 0 {
		return meaning[i : i+1], 1
	}
	if width := map[byte]int{'u': 4, 'U': 8}[text[0]]; width > 0 && len(text) > width {
		if r, err := strconv.ParseUint(text[1:1+width], 16, 32); err == nil {
			return string(rune(r)), 1 + width
		}
	}
	if text[0] == '\n' {
		return "", 1
	}
	_, size = utf8.DecodeRuneInString(text)
	return text[:size], size
}
