package compat

import (
	"strings"
	"unicode/utf8"
)

// PosAt returns where the byte at that offset of a string's content stands in the
// file. In a double-quoted string with unusual escapes it may be some columns off.
func (v *Value) PosAt(offset int) (line, column int) { return v.Cursor().At(offset) }

// A Cursor finds many places of one string. It goes on from the one before where it
// can: a text of a megabyte is walked once, not once a place.
type Cursor struct {
	value *Value
	walker
	begun bool
}

// Cursor returns a cursor at the beginning of the string.
func (v *Value) Cursor() *Cursor { return &Cursor{value: v} }

// At is PosAt.
func (c *Cursor) At(offset int) (line, column int) {
	v := c.value
	if v.src == nil || v.Kind != String || offset < 0 || offset > len(v.Str) {
		return v.Line, v.Column
	}
	if !c.begun || offset < c.target {
		c.walker = walker{lines: v.src, content: v.Str, line: v.Line, column: v.Column}
		c.begin(v.Style)
		c.begun = true
	}
	c.target = offset
	if v.Style == Literal || v.Style == Folded {
		c.block(v.Style == Folded)
	} else {
		c.flow(v.Style)
	}
	return c.line, c.column
}

// walker goes through the source and the content of a scalar side by side until
// it has passed target bytes of the content.
type walker struct {
	lines   *source
	content string
	target  int
	// done counts the bytes of the content that are behind; in a block scalar, those
	// before its line.
	done         int
	line, column int
	// at is the offset in the source's line.
	at int
	// indent of a block scalar.
	indent int
}

// begin moves to the first character of the scalar, or to the first line of a block.
func (w *walker) begin(style Style) {
	switch style {
	case Literal, Folded:
		w.skipProperties("|>")
		w.indent = w.blockIndent()
		w.line++
		w.at, w.column = 0, w.indent+1
		return
	case SingleQuoted, DoubleQuoted:
		w.skipProperties(`'"`)
		w.column++
	}
	w.at = byteIndex(w.lines.line(w.line), w.column-1)
}

// skipProperties moves from a tag or an anchor to the first of the characters.
func (w *walker) skipProperties(chars string) {
	for n := w.line; n <= w.line+2; n++ {
		text := w.lines.line(n)
		from := 0
		if n == w.line {
			from = byteIndex(text, w.column-1)
		}
		if i := strings.IndexAny(text[from:], chars); i >= 0 {
			w.line, w.column = n, 1+utf8.RuneCountInString(text[:from+i])
			return
		}
	}
}

// block walks a block scalar, whose lines stand in the content as they are, but
// for the indentation.
func (w *walker) block(folded bool) {
	for ; w.line <= len(w.lines.lines); w.nextLine() {
		text := w.lines.line(w.line)
		text = text[min(w.indent, leadingSpaces(text)):]
		start := w.done
		if folded {
			start = w.foldedStart(text)
		}
		end := start + len(text)
		if w.target <= end || end >= len(w.content) {
			within := max(w.at, min(w.target-start, len(text)))
			w.column += utf8.RuneCountInString(text[w.at:within])
			w.at = within
			return
		}
		w.done = end
		if !folded || text == "" && strings.HasPrefix(w.content[w.done:], "\n") {
			w.done++
		}
	}
	// The content is longer than the source says: its end is the last line's.
	w.line = len(w.lines.lines)
}

// nextLine moves to the beginning of the next line of a block.
func (w *walker) nextLine() {
	w.line++
	w.at, w.column = 0, w.indent+1
}

// foldedStart finds where a line of a folded scalar begins in the content: after
// the space or the newlines that its predecessors' ends became.
func (w *walker) foldedStart(text string) int {
	for i := w.done; text != "" && i < len(w.content); i++ {
		if strings.HasPrefix(w.content[i:], text) {
			return i
		}
		if w.content[i] != ' ' && w.content[i] != '\n' {
			break
		}
	}
	return w.done
}

// blockIndent is the indentation of the block scalar whose header is at w.line.
func (w *walker) blockIndent() int {
	first := 0
	for n := w.line + 1; n <= len(w.lines.lines); n++ {
		if text := w.lines.line(n); strings.TrimLeft(text, " ") != "" {
			first = leadingSpaces(text)
			break
		}
	}
	header := w.lines.line(w.line)
	header = header[byteIndex(header, w.column-1):]
	for i := 1; i < len(header) && i < 3; i++ {
		if header[i] < '1' || header[i] > '9' {
			continue
		}
		// The indicator counts from the parent's indentation, which is not known
		// here: the content says how many of the spaces are its own.
		line, _, _ := strings.Cut(strings.TrimLeft(w.content, "\n"), "\n")
		return first - leadingSpaces(line)
	}
	return first
}

// flow walks a plain or quoted scalar.
func (w *walker) flow(style Style) {
	text := w.lines.line(w.line)
	for w.done < len(w.content) {
		if w.lineEnds(text[w.at:]) {
			if w.done >= w.target && w.atBreak() || w.line >= len(w.lines.lines) {
				return
			}
			w.breakLine(strings.HasSuffix(text, `\`) && style == DoubleQuoted)
			text = w.lines.line(w.line)
			w.at = len(text) - len(strings.TrimLeft(text, " \t"))
			w.column = 1 + utf8.RuneCountInString(text[:w.at])
			continue
		}
		if w.done >= w.target && (style != DoubleQuoted || text[w.at:] != `\`) {
			return
		}
		source, content := flowStep(text[w.at:], style)
		w.column += utf8.RuneCountInString(text[w.at : w.at+source])
		w.at += source
		w.done += content
	}
}

// lineEnds says whether nothing but white space, which does not count, is left
// of the line.
func (w *walker) lineEnds(rest string) bool {
	return rest == "" || w.atBreak() && strings.TrimLeft(rest, " \t") == ""
}

// atBreak says whether the content goes on with what a line's end became.
func (w *walker) atBreak() bool {
	c := w.content[w.done]
	return c == ' ' || c == '\n'
}

// breakLine passes the end of a line: alone it is a space, with blank lines
// after it, it is a newline for each of those, and escaped it is nothing.
func (w *walker) breakLine(escaped bool) {
	w.line++
	blank := strings.TrimLeft(w.lines.line(w.line), " \t") == ""
	next := w.content[w.done]
	if blank && next == '\n' || !blank && !escaped && next == ' ' {
		w.done++
	}
}

// flowStep returns how many bytes of the source make how many bytes of content.
func flowStep(text string, style Style) (source, content int) {
	_, size := utf8.DecodeRuneInString(text)
	switch {
	case style == SingleQuoted && strings.HasPrefix(text, "''"):
		return 2, 1
	case style == DoubleQuoted && text == `\`:
		return 1, 0
	case style == DoubleQuoted && text[0] == '\\':
		return escape(text)
	}
	return size, size
}

// escape measures an escape sequence of a double-quoted string.
func escape(text string) (source, content int) {
	width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[1]]
	source = min(2+width, len(text))
	if width == 0 {
		switch text[1] {
		case 'N', '_':
			return source, 2
		case 'L', 'P':
			return source, 3
		}
		return source, 1
	}
	var r rune
	for _, c := range text[2:source] {
		r = r<<4 | rune(strings.IndexRune("0123456789abcdef", c|0x20)&0xf)
	}
	return source, len(string(r))
}

// byteIndex turns a number of characters into a number of bytes.
func byteIndex(text string, chars int) int {
	for i := range text {
		if chars == 0 {
			return i
		}
		chars--
	}
	return len(text)
}
