package vet

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// TextOptions are the choices of the text format.
type TextOptions struct {
	// Color marks up with ANSI escape sequences.
	Color bool
}

// WriteText writes findings for people to read:
//
//	bp.yaml:12:15: error: unknown function "KubeTsk" [unknown-function]
//	  12 |       - func: KubeTsk
//	     |               ^^^^^^^
//	     = did you mean "KubeTask"?
func WriteText(w io.Writer, findings []Finding, opts TextOptions) error {
	out := bufio.NewWriter(w)
	p := painter(opts.Color)
	for _, f := range findings {
		writeHead(out, f, p)
		writeSnippet(out, f, p)
	}
	return out.Flush()
}

func writeHead(w io.Writer, f Finding, p painter) {
	fmt.Fprintf(w, "%s: %s %s %s\n", p.paint(bold, location(f)), p.paint(severityColor(f.Severity), string(f.Severity)+":"),
		p.paint(bold, printable(f.Message)), p.paint(gray, "["+f.Rule+"]"))
}

func severityColor(s Severity) string {
	switch s {
	case Error:
		return red
	case Warning:
		return yellow
	}
	return cyan
}

func location(f Finding) string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

func writeSnippet(w io.Writer, f Finding, p painter) {
	margin := 4
	if f.Line > 0 && f.Snippet != "" {
		number := fmt.Sprintf("%4d", f.Line)
		margin = len(number)
		text, before, marks := window(f)
		fmt.Fprintf(w, "%s %s\n", p.paint(gray, number+" |"), text)
		fmt.Fprintf(w, "%s %s%s\n", p.paint(gray, strings.Repeat(" ", margin)+" |"), before, p.paint(green, marks))
	}
	if f.Suggestion != "" {
		fmt.Fprintf(w, "%s %s\n", p.paint(gray, strings.Repeat(" ", margin)+" ="), printable(f.Suggestion))
	}
}

// maxSnippet is the most characters of a source line that are shown.
const maxSnippet = 160

// window returns the source line, the blanks that lead to the span under it, and
// the carets. Of a very long line it shows the part around the span.
func window(f Finding) (text, before, marks string) {
	line := []rune(f.Snippet)
	first := max(f.SnippetColumn, 1)
	start := min(max(f.Column-first, 0), len(line))
	end := len(line)
	if f.EndLine == f.Line {
		end = min(max(f.EndColumn-first, start), len(line))
	}
	if len(line) > maxSnippet {
		from := max(0, start-maxSnippet/4)
		to := min(len(line), from+maxSnippet)
		line, start, end = line[from:to], start-from, min(end, to)-from
	}
	before = blanks(line[:start])
	marks = strings.Repeat("^", max(1, columns(line[start:end])))
	return printable(string(line)), before, marks
}

// blanks is white space as wide as the text: tabs stay tabs, so that it fits
// whatever their width is.
func blanks(text []rune) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\t' {
			b.WriteByte('\t')
			continue
		}
		b.WriteString(strings.Repeat(" ", runeWidth(r)))
	}
	return b.String()
}

func columns(text []rune) int {
	n := 0
	for _, r := range text {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is the number of terminal cells that a character takes.
func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// printable replaces control characters, which a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// painter says whether to colour.
type painter bool

// The ANSI codes that are used.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	gray   = "90"
)

func (p painter) paint(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
