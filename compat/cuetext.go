package compat

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"cuelang.org/go/cue/ast"
)

// piece is a part of a string: text, or an expression whose value stands there.
type piece struct {
	text string
	// expr is CUE; empty for text.
	expr string
	// kind is that of the expression's value; one of text needs no string round it
	// where it stands alone.
	kind paramKind
	// name for the expression, should it need one.
	name string
}

// cueString writes pieces as a CUE string. What has line ends becomes a raw string
// of several lines, which are not indented yet: see indentLines.
func cueString(pieces []piece) string {
	lines, escapes := 0, 0
	for _, p := range pieces {
		lines += strings.Count(p.text, "\n")
		escapes += strings.Count(p.text, `"`) + strings.Count(p.text, `\`)
	}
	if lines > 0 {
		return multiLine(pieces)
	}
	// Behind the delimiter, two quotes would look like that of several lines.
	if escapes > 0 && !strings.HasPrefix(pieces[0].text, `""`) {
		return quoteWith(pieces, hashes(pieces, `"`))
	}
	return quoteWith(pieces, "")
}

// cueLine writes pieces as a CUE string on one line, also where they have line ends.
func cueLine(pieces []piece) string { return quoteWith(pieces, "") }

func quoteWith(pieces []piece, hash string) string {
	var b strings.Builder
	b.WriteString(hash + `"`)
	for _, p := range pieces {
		if p.expr != "" {
			b.WriteString(`\` + hash + "(" + p.expr + ")")
			continue
		}
		for _, r := range p.text {
			b.WriteString(escapeRune(r, hash, false))
		}
	}
	b.WriteString(`"` + hash)
	return b.String()
}

// multiLine writes a raw string over several lines. The line that closes it ends
// the last line of the text without adding to it.
func multiLine(pieces []piece) string {
	hash := hashes(pieces, `"""`)
	var b strings.Builder
	b.WriteString(hash + `"""` + "\n")
	for _, p := range pieces {
		if p.expr != "" {
			b.WriteString(`\` + hash + "(" + p.expr + ")")
			continue
		}
		for _, r := range p.text {
			b.WriteString(escapeRune(r, hash, true))
		}
	}
	b.WriteString("\n" + `"""` + hash)
	return b.String()
}

// escapeRune writes a character of a string whose delimiters have that many
// hashes. With at least one, only what cannot stand in a source file is escaped.
func escapeRune(r rune, hash string, multi bool) string {
	esc := `\` + hash
	switch {
	case r == '\n' && multi, r == '\t':
		if r == '\t' && !multi {
			return esc + "t"
		}
		return string(r)
	case r == '\n':
		return esc + "n"
	case r == '\r':
		return esc + "r"
	case hash == "" && (r == '"' || r == '\\'):
		return `\` + string(r)
	case r > 0xffff && !unicode.IsGraphic(r):
		return fmt.Sprintf(`%sU%08x`, esc, r)
	case !unicode.IsGraphic(r) || r == '\uFEFF' || r == '\u2028' || r == '\u2029' || r == '\uFFFD':
		return fmt.Sprintf(`%su%04x`, esc, r)
	}
	return string(r)
}

// hashes returns as many # as a raw string with that delimiter needs for the
// text to stand in it as it is.
func hashes(pieces []piece, delimiter string) string {
	for hash := "#"; ; hash += "#" {
		free := true
		for _, p := range pieces {
			if strings.Contains(p.text, `\`+hash) || strings.Contains(p.text, delimiter+hash) {
				free = false
			}
		}
		if free {
			return hash
		}
	}
}

// indentLines puts tabs before all lines but the first; empty lines stay empty.
func indentLines(text string, tabs int) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = strings.Repeat("\t", tabs) + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

// captured are names that must keep their meaning in the whole file: a field with
// one of them as a bare label would shadow it for what it encloses.
var captured = map[string]bool{
	"input": true, "phases": true, "deferPhase": true, "schema": true, "blueprint": true,
	"base64": true, "json": true, "list": true, "strconv": true, "strings": true, "time": true,
	"string": true, "len": true, "null": true, "true": true, "false": true,
	"for": true, "if": true, "let": true, "in": true, "import": true, "package": true,
}

// letName are the names that the converter gives to lets.
var letName = regexp.MustCompile(`^[a-z][A-Za-z0-9]*Text[0-9]*$`)

var plainLabel = regexp.MustCompile(`^[A-Za-z$][A-Za-z0-9_$]*$`)

// cueLabel writes the label of a field.
func cueLabel(name string) string {
	if captured[name] || letName.MatchString(name) || !plainLabel.MatchString(name) || ast.StringLabelNeedsQuoting(name) {
		return cueLine([]piece{{text: name}})
	}
	return name
}

// cueSelect writes the field name of the struct that base is.
func cueSelect(base, name string) string {
	if plainLabel.MatchString(name) && !ast.StringLabelNeedsQuoting(name) {
		return base + "." + name
	}
	return base + "[" + cueLine([]piece{{text: name}}) + "]"
}
