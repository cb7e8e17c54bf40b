package lsp

import (
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/interp/vet"
)

// A document is an open file, or another file of its package. It does not change: an
// edit makes a new one.
type document struct {
	uri      string
	path     string
	language vet.Language
	version  int
	text     string
	// lines are the offsets at which the lines begin.
	lines []int
	root  *outline.Node
	// imported are the packages that it imports, by the names that it has for them.
	imported map[string]ast.ImportPath
}

func newDocument(uri, path string, language vet.Language, version int, text string) *document {
	d := &document{uri: uri, path: path, language: language, version: version, text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	return d
}

// tree is the shape of the text.
func (d *document) tree() *outline.Node {
	if d.root == nil {
		if d.language == vet.CUE {
			d.root = outline.CUE(d.text)
		} else {
			d.root = outline.YAML(d.text)
		}
	}
	return d.root
}

// imports are the packages that a CUE file imports, also while the rest of it is broken.
func (d *document) imports() map[string]ast.ImportPath {
	if d.imported != nil {
		return d.imported
	}
	d.imported = map[string]ast.ImportPath{}
	// What can be read is there beside an error.
	file, err := parser.ParseFile(d.path, d.text, parser.ImportsOnly)
	if file == nil || err != nil && len(file.Decls) == 0 {
		return d.imported
	}
	for spec := range file.ImportSpecs() {
		text, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		path := ast.ParseImportPath(text)
		name := path.Qualifier
		if spec.Name != nil {
			name = spec.Name.Name
		}
		d.imported[name] = path
	}
	return d.imported
}

// dir is the document's folder.
func (d *document) dir() string { return filepath.Dir(d.path) }

// comment is what stands in the lines right above a node.
func (d *document) comment(n *outline.Node) string {
	var lines []string
	for i := d.position(n.KeySpan.Start).Line - 1; i >= 0; i-- {
		text, ok := strings.CutPrefix(strings.TrimSpace(d.line(i)), "//")
		if !ok {
			break
		}
		lines = append([]string{strings.TrimSpace(text)}, lines...)
	}
	return strings.Join(lines, " ")
}

// line returns a line, counted from 0, without its end.
func (d *document) line(n int) string {
	if n < 0 || n >= len(d.lines) {
		return ""
	}
	rest := d.text[d.lines[n]:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "\r")
}

// offset finds the byte at a position. One outside of the text is moved to its nearest end,
// one in the middle of a character to its start.
func (d *document) offset(p position) int {
	switch {
	case p.Line < 0:
		return 0
	case p.Line >= len(d.lines):
		return len(d.text)
	}
	line, units := d.line(p.Line), p.Character
	for i, c := range line {
		if units -= utf16Length(c); units < 0 {
			return d.lines[p.Line] + i
		}
	}
	return d.lines[p.Line] + len(line)
}

// position is the inverse of offset.
func (d *document) position(offset int) position {
	offset = min(max(offset, 0), len(d.text))
	n := sort.Search(len(d.lines), func(i int) bool { return d.lines[i] > offset }) - 1
	units := 0
	for _, c := range d.text[d.lines[n]:offset] {
		units += utf16Length(c)
	}
	return position{n, units}
}

// utf16Length is the number of code units of a character. A byte that is no UTF-8 is one.
func utf16Length(c rune) int {
	if c >= 0x10000 {
		return 2
	}
	return 1
}

// span makes a range of bytes.
func (d *document) span(s outline.Span) textRange {
	return textRange{d.position(s.Start), d.position(s.End)}
}

// at finds the byte of a line and column as findings have them: from 1, in characters.
func (d *document) at(line, column int) int {
	if line < 1 || line > len(d.lines) {
		return len(d.text)
	}
	text := d.line(line - 1)
	for i := range text {
		if column--; column < 1 {
			return d.lines[line-1] + i
		}
	}
	return d.lines[line-1] + len(text)
}

// edit returns the document with a change made. Without a range it is the whole text.
func (d *document) edit(version int, changes []contentChange) *document {
	text := d.text
	for _, c := range changes {
		if c.Range == nil {
			text = c.Text
		} else {
			now := newDocument(d.uri, d.path, d.language, version, text)
			start, end := now.offset(c.Range.Start), now.offset(c.Range.End)
			text = text[:start] + c.Text + text[max(start, end):]
		}
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	return newDocument(d.uri, d.path, d.language, version, text)
}
