package phaseoutput

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxText is how much of an ordinary line is kept before a piece of it is
	// passed on, so that a stream without line ends needs no memory.
	maxText = 64 << 10
	// MaxSize limits one output as JSON, in bytes. It has to fit in memory.
	MaxSize = 64 << 20
)

// Parser reads the standard output of a command as it comes, in any pieces, and
// tells outputs from ordinary text. It is an io.Writer for one goroutine; streams
// that run side by side need a Parser each.
type Parser struct {
	text    func(line string)
	outputs map[string]string
	err     error

	line      int    // the line that is being read, from 1
	buf       []byte // what was read of it and not passed on
	searched  int    // how much of buf holds no start of a marker
	marked    bool   // buf follows a marker
	oversized bool   // the output was given up; skip to the end of its line

	maxText, maxOutput int
}

// NewParser returns a Parser that calls text with every line that is not empty
// and not an output, without its line end. What stands before a marker counts as
// a line. Very long lines come in pieces. text may be nil.
func NewParser(text func(line string)) *Parser {
	if text == nil {
		text = func(string) {}
	}
	return &Parser{text: text, line: 1, maxText: maxText, maxOutput: MaxSize}
}

// Write takes the next bytes of the stream. It never fails: a malformed output is
// reported by Finish, and the text after it still reaches the log.
func (p *Parser) Write(b []byte) (int, error) {
	n := len(b)
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			p.add(b)
			return n, nil
		}
		p.add(b[:i])
		p.endLine()
		b = b[i+1:]
	}
}

// Finish ends the stream and returns the outputs: the last of several with the
// same key, nil if there were none. The error is about the first malformed
// output. It never shows values, which may be secrets.
func (p *Parser) Finish() (map[string]string, error) {
	p.endLine()
	if p.err != nil {
		return nil, p.err
	}
	return p.outputs, nil
}

// add appends bytes of the current line.
func (p *Parser) add(b []byte) {
	if p.oversized {
		return
	}
	p.buf = append(p.buf, b...)
	if !p.marked {
		p.findMarker()
	}
	if p.marked && len(p.buf) > p.maxOutput {
		p.fail(fmt.Errorf("the output is longer than %d bytes", p.maxOutput))
		p.oversized, p.buf = true, nil
	}
}

// findMarker passes on text that no marker can be part of any more.
func (p *Parser) findMarker() {
	if i := bytes.Index(p.buf[p.searched:], []byte(Marker)); i >= 0 {
		i += p.searched
		p.marked = true
		rest := bytes.Clone(p.buf[i+len(Marker):])
		p.emit(p.buf[:i])
		p.buf = rest
		return
	}
	for len(p.buf) >= p.maxText+len(Marker) {
		p.emitPiece()
	}
	p.searched = max(0, len(p.buf)-len(Marker)+1)
}

// emit passes on the text of a line, in pieces where it is long. The same pieces
// result however the stream was cut.
func (p *Parser) emit(line []byte) {
	p.buf = line
	for len(p.buf) > p.maxText {
		p.emitPiece()
	}
	if len(p.buf) > 0 {
		p.text(string(p.buf))
	}
}

// emitPiece passes on the first maxText bytes, or a little less so as not to cut
// a character.
func (p *Parser) emitPiece() {
	cut := p.maxText
	for back := 1; back < utf8.UTFMax && !utf8.RuneStart(p.buf[cut]); back++ {
		cut--
	}
	p.text(string(p.buf[:cut]))
	p.buf = p.buf[cut:]
}

func (p *Parser) endLine() {
	line := bytes.TrimSuffix(p.buf, []byte("\r"))
	switch {
	case p.oversized:
	case p.marked:
		p.parse(line)
	default:
		p.emit(line)
	}
	p.buf, p.searched, p.marked, p.oversized = p.buf[:0], 0, false, false
	p.line++
}

// parse reads what follows a marker. A marker with nothing behind it is ignored.
func (p *Parser) parse(src []byte) {
	if len(bytes.TrimSpace(src)) == 0 {
		return
	}
	var r record
	if err := json.Unmarshal(src, &r); err != nil {
		p.fail(explain(src, err))
		return
	}
	if p.outputs == nil {
		p.outputs = map[string]string{}
	}
	p.outputs[r.Key] = r.Value
}

func (p *Parser) fail(err error) {
	if p.err == nil {
		p.err = fmt.Errorf("line %d of the command's output: %w", p.line, err)
	}
}

// explain says what is wrong with an output without quoting it.
func explain(src []byte, err error) error {
	if typ := (*json.UnmarshalTypeError)(nil); errors.As(err, &typ) {
		if typ.Field == "" {
			return fmt.Errorf("an output must be a JSON object with \"key\" and \"value\", found %s", typ.Value)
		}
		return fmt.Errorf("the %s of an output must be a string, found %s", strings.ToLower(typ.Field), typ.Value)
	}
	if bytes.Contains(src, []byte(Marker)) {
		return errors.New("two outputs on one line; each needs a line of its own")
	}
	if first := json.NewDecoder(bytes.NewReader(src)); first.Decode(&record{}) == nil {
		return errors.New("text after the output; the line must end with its JSON object")
	}
	return errors.New("what follows the marker is not a JSON object")
}
