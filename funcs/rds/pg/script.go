package pg

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// statementLimit is the longest statement that PostgreSQL takes.
const statementLimit = 1 << 30

// kind is what a piece of a script is.
type kind int

const (
	// statement is SQL, without the semicolon.
	statement kind = iota
	// meta is a line for psql that starts with a backslash.
	meta
	// copyIn is a COPY … FROM stdin, whose data follow.
	copyIn
)

// A script takes the plain text of a dump apart, as psql does: a semicolon ends a
// statement, unless it stands in a text, a quoted name, a comment, a body between
// dollars, parentheses, or the body of an SQL function.
type script struct {
	r *bufio.Reader
	// copying says that the data of a COPY have not been read yet.
	copying bool

	buf    strings.Builder
	parens int
	begins int // open BEGIN ATOMIC and CASE in the body of a function
	word   []byte
	words  []string // the first words of the statement, in upper case
}

func newScript(r io.Reader) *script { return &script{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next piece; at the end the error is io.EOF. Data of a COPY that
// nobody has read are skipped.
func (s *script) next() (kind, string, error) {
	if s.copying {
		if _, err := io.Copy(io.Discard, s.data()); err != nil {
			return 0, "", err
		}
	}
	s.buf.Reset()
	s.parens, s.begins, s.word, s.words = 0, 0, nil, nil
	for {
		c, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return s.end()
		}
		if err != nil {
			return 0, "", err
		}
		if c == '\\' && s.blank() {
			line, err := s.line()
			return meta, `\` + line, err
		}
		done, err := s.take(c)
		if err != nil {
			return 0, "", err
		}
		if done {
			return s.finish()
		}
	}
}

// blank tells whether nothing of a statement has been read.
func (s *script) blank() bool { return s.buf.Len() == 0 }

// end is the end of the script, at which no statement may be open.
func (s *script) end() (kind, string, error) {
	if s.blank() {
		return 0, "", io.EOF
	}
	return 0, "", errCut
}

// errCut is the error of a dump that ends where none can.
var errCut = fmt.Errorf("the dump ends in the middle of a statement: it is not complete (%w)", io.ErrUnexpectedEOF)

// take takes one character, and what it begins. It tells whether the statement is done.
func (s *script) take(c byte) (done bool, err error) {
	if s.buf.Len() > statementLimit {
		return false, errors.New("the dump has a statement of more than 1 GB, which PostgreSQL does not take")
	}
	before := s.word
	if !isWordByte(c) {
		s.endWord()
	}
	switch {
	case c == '-' && s.peek('-'):
		_, err = s.line()
		s.space('\n')
	case c == '/' && s.peek('*'):
		err = s.comment()
	case c == '\'':
		s.buf.WriteByte(c)
		err = s.quoted('\'', len(before) == 1 && (before[0] == 'e' || before[0] == 'E'))
	case c == '"':
		s.buf.WriteByte(c)
		err = s.quoted('"', false)
	case c == '$' && len(before) == 0:
		s.buf.WriteByte(c)
		err = s.dollars()
	case c == ';' && s.parens <= 0 && s.begins == 0:
		return !s.blank(), nil
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		s.space(c)
	default:
		s.plain(c)
	}
	return false, err
}

// plain takes a character that begins nothing.
func (s *script) plain(c byte) {
	switch {
	case c == '(':
		s.parens++
	case c == ')':
		s.parens--
	case isWordByte(c):
		s.word = append(s.word, c)
	}
	s.buf.WriteByte(c)
}

// space keeps white space, but none before a statement.
func (s *script) space(c byte) {
	if !s.blank() {
		s.buf.WriteByte(c)
	}
}

// isWordByte tells whether c may be part of a name or a keyword. Dollars may, but not
// at its start; so may all of UTF-8 beyond ASCII.
func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// endWord counts the blocks of SQL functions, which hold semicolons.
func (s *script) endWord() {
	if len(s.word) == 0 {
		return
	}
	word := strings.ToUpper(string(s.word))
	s.word = nil
	if len(s.words) < 4 {
		s.words = append(s.words, word)
	}
	switch {
	case !s.isRoutine():
	case word == "BEGIN", word == "CASE" && s.begins > 0:
		s.begins++
	case word == "END" && s.begins > 0:
		s.begins--
	}
}

// isRoutine tells whether the statement is CREATE [OR REPLACE] FUNCTION or PROCEDURE.
func (s *script) isRoutine() bool {
	w := s.words
	if len(w) < 2 || w[0] != "CREATE" {
		return false
	}
	what := w[1]
	if what == "OR" && len(w) > 3 {
		what = w[3]
	}
	return what == "FUNCTION" || what == "PROCEDURE"
}

// peek takes the next character if it is c.
func (s *script) peek(c byte) bool {
	b, err := s.r.Peek(1)
	if err != nil || b[0] != c {
		return false
	}
	_, _ = s.r.Discard(1) // it was just seen
	return true
}

// line takes the rest of the line.
func (s *script) line() (string, error) {
	line, err := s.r.ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// comment skips a comment, and those within it.
func (s *script) comment() error {
	s.space(' ')
	for depth := 1; depth > 0; {
		c, err := s.inside()
		if err != nil {
			return err
		}
		switch {
		case c == '*' && s.peek('/'):
			depth--
		case c == '/' && s.peek('*'):
			depth++
		}
	}
	return nil
}

// inside reads a character of something that must be ended.
func (s *script) inside() (byte, error) {
	c, err := s.r.ReadByte()
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return c, err
}

// quoted takes a text or a quoted name. A doubled mark ends and begins it again, which
// makes no difference here.
func (s *script) quoted(mark byte, escapes bool) error {
	for {
		c, err := s.inside()
		if err != nil {
			return err
		}
		s.buf.WriteByte(c)
		switch {
		case c == mark && !s.doubled(mark):
			return nil
		case c == '\\' && escapes:
			if c, err = s.inside(); err != nil {
				return err
			}
			s.buf.WriteByte(c)
		}
	}
}

// doubled takes the second of two marks, which stand for one.
func (s *script) doubled(mark byte) bool {
	if !s.peek(mark) {
		return false
	}
	s.buf.WriteByte(mark)
	return true
}

var dollarTag = regexp.MustCompile(`^([A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$`)

// dollars takes a text between dollars, $tag$ … $tag$. The first one was read. If it
// begins no tag, it is part of something else, such as the parameter $1.
func (s *script) dollars() error {
	ahead, err := s.r.Peek(64)
	if err != nil && len(ahead) == 0 {
		return nil // the end will be noticed
	}
	m := dollarTag.Find(ahead)
	if m == nil {
		return nil
	}
	tag := "$" + string(m)
	_, _ = s.r.Discard(len(m)) // it was just seen
	s.buf.Write(m)
	for at := s.buf.Len(); ; {
		c, err := s.inside()
		if err != nil {
			return err
		}
		s.buf.WriteByte(c)
		if c == '$' && s.buf.Len()-at >= len(tag) && strings.HasSuffix(s.buf.String(), tag) {
			return nil
		}
	}
}

var copyFromStdin = regexp.MustCompile(`(?is)^COPY\s.*\sFROM\s+stdin\b`)

// finish returns the statement, without spaces at its end.
func (s *script) finish() (kind, string, error) {
	sql := strings.TrimRight(s.buf.String(), " \t\r\n")
	if len(s.words) == 0 || s.words[0] != "COPY" || !copyFromStdin.MatchString(sql) {
		return statement, sql, nil
	}
	// The data start on the next line.
	rest, err := s.line()
	if err == nil && strings.TrimSpace(rest) != "" {
		err = errors.New("the dump has something after COPY … FROM stdin; on the same line")
	}
	s.copying = true
	return copyIn, sql, err
}

// data are the lines of a COPY, up to the one that ends them.
func (s *script) data() io.Reader { return &copyData{s: s, start: true} }

// copyData reads lines until one that is only \. ; long ones come in pieces.
type copyData struct {
	s     *script
	rest  []byte
	start bool // at the start of a line
}

// Read implements io.Reader.
func (d *copyData) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		if !d.s.copying {
			return 0, io.EOF
		}
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *copyData) fill() error {
	piece, err := d.s.r.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the dump ends in the middle of a table's data: it is not complete (%w)", io.ErrUnexpectedEOF)
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return err
	}
	if d.start && strings.TrimRight(string(piece), "\r\n") == `\.` {
		d.s.copying = false
		return nil
	}
	d.start = err == nil
	d.rest = piece
	return nil
}
