package compat

import (
	"errors"
	"strconv"
	"strings"
	"text/template"
)

// A conditionPiece is a place of a condition of Wait with values of the object: a
// piece `{ $.path }`, or the whole string that has one inside. In the template
// stands the call of a function instead, whose name the piece has.
type conditionPiece struct {
	name    string
	written string
	parts   []conditionPart
	// quoted says that the value is a text, whatever it looks like.
	quoted bool
}

// A conditionPart is either text or a JSONPath.
type conditionPart struct{ text, path string }

// values are the functions that stand for the pieces. With find nil they are only
// there to be parsed.
func (c *Condition) values(find func(path string) (string, error)) template.FuncMap {
	funcs := template.FuncMap{}
	for _, p := range c.pieces {
		funcs[p.name] = func() (any, error) { return p.value(find) }
	}
	return funcs
}

func (p conditionPiece) value(find func(path string) (string, error)) (any, error) {
	if find == nil {
		return nil, errors.New("the condition has no object")
	}
	var b strings.Builder
	for _, part := range p.parts {
		b.WriteString(part.text)
		if part.path == "" {
			continue
		}
		text, err := find(part.path)
		if err != nil {
			return nil, &NotYet{Reason: "{ " + part.path + " }: " + err.Error()}
		}
		b.WriteString(text)
	}
	if p.quoted {
		return b.String(), nil
	}
	return operand(b.String()), nil
}

// operand is what a text means where a template has no quotes around it: a number,
// a boolean, or a quoted text. Everything else is a text as well.
func operand(text string) any {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return int(n)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f
	}
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	if s, err := strconv.Unquote(text); err == nil {
		return s
	}
	return text
}

// A conditionScanner puts calls in the place of the pieces. It keeps the lines.
type conditionScanner struct {
	src    string
	prefix string // of the functions' names
	out    strings.Builder
	pieces []conditionPiece
}

func newConditionScanner(src string) *conditionScanner {
	prefix := "jsonPath"
	for strings.Contains(src, prefix) {
		prefix += "_"
	}
	return &conditionScanner{src: src, prefix: prefix}
}

// scan returns the source of the template.
func (s *conditionScanner) scan() (string, error) {
	rest := s.src
	for rest != "" {
		if inner, ok := strings.CutPrefix(rest, "{{"); ok {
			s.out.WriteString("{{")
			var err error
			if rest, err = s.action(inner); err != nil {
				return "", err
			}
			continue
		}
		if path, n := jsonPathPiece(rest); n > 0 {
			s.call("{{", "}}", rest[:n], true, conditionPart{path: path})
			rest = rest[n:]
			continue
		}
		s.out.WriteByte(rest[0])
		rest = rest[1:]
	}
	return s.out.String(), nil
}

// action takes what follows an opening {{, up to its end, and returns the rest.
func (s *conditionScanner) action(rest string) (string, error) {
	if n := commentEnd(rest); n > 0 {
		s.out.WriteString(rest[:n])
		rest = rest[n:]
	}
	for rest != "" {
		if tail, ok := strings.CutPrefix(rest, "}}"); ok {
			s.out.WriteString("}}")
			return tail, nil
		}
		n := 1
		switch c := rest[0]; c {
		case '"', '`', '\'':
			var err error
			if n, err = s.quoted(rest, c); err != nil {
				return "", err
			}
		case '{':
			path, length := jsonPathPiece(rest)
			if length == 0 {
				s.out.WriteByte(c)
				break
			}
			n = length
			s.call("(", ")", rest[:n], false, conditionPart{path: path})
		default:
			s.out.WriteByte(c)
		}
		rest = rest[n:]
	}
	return "", nil
}

// commentEnd is the length of a comment that an action consists of.
func commentEnd(rest string) int {
	inner := strings.TrimPrefix(rest, "-")
	inner = strings.TrimLeft(inner, " \t\r\n")
	if !strings.HasPrefix(inner, "/*") {
		return 0
	}
	end := strings.Index(rest, "*/")
	if end < 0 {
		return len(rest)
	}
	return end + len("*/")
}

// quoted takes a string, raw string or character, and returns its length. A path
// inside may have quotes of its own.
func (s *conditionScanner) quoted(rest string, quote byte) (int, error) {
	var parts []conditionPart
	from, i := 1, 1
	for i < len(rest) && rest[i] != quote {
		path, n := jsonPathPiece(rest[i:])
		switch {
		case n > 0 && quote != '\'':
			parts = append(parts, conditionPart{text: rest[from:i]}, conditionPart{path: path})
			i += n
			from = i
		case rest[i] == '\\' && quote != '`':
			i += 2
		default:
			i++
		}
	}
	end := min(i+1, len(rest))
	if parts != nil && i >= len(rest) {
		if err := s.checkClosed(parts); err != nil {
			return 0, err
		}
	}
	if parts == nil || i >= len(rest) { // the parser has the words for a string without an end
		s.out.WriteString(rest[:end])
		return end, nil
	}
	parts = append(parts, conditionPart{text: rest[from:i]})
	if quote == '"' {
		if err := s.unescape(parts); err != nil {
			return 0, err
		}
	}
	s.call("(", ")", rest[:end], true, parts...)
	return end, nil
}

// checkClosed finds a path whose brace was forgotten: it goes over the quote that ends
// its string, on to the braces that end the action.
func (s *conditionScanner) checkClosed(parts []conditionPart) error {
	for _, p := range parts {
		path, _, found := strings.Cut(p.path, `"`)
		if !found || strings.Count(p.path, `"`)%2 == 0 {
			continue
		}
		return &TemplateError{
			Line: 1 + strings.Count(s.out.String(), "\n"),
			Msg:  "the path has no closing brace: { " + path,
			Hint: "write it as { " + path + " }",
		}
	}
	return nil
}

// unescape resolves the escapes in the text of a string.
func (s *conditionScanner) unescape(parts []conditionPart) error {
	for i, p := range parts {
		text, err := strconv.Unquote(`"` + p.text + `"`)
		if err != nil {
			return &TemplateError{
				Line: 1 + strings.Count(s.out.String(), "\n"),
				Msg:  "the string has an escape or a line break that strings in quotes cannot have: \"" + p.text + "\"",
				Hint: "put the string into backquotes",
			}
		}
		parts[i].text = text
	}
	return nil
}

// call writes the call that stands for a piece.
func (s *conditionScanner) call(before, after, written string, quoted bool, parts ...conditionPart) {
	name := s.prefix + strconv.Itoa(len(s.pieces)) + "_"
	s.pieces = append(s.pieces, conditionPiece{name: name, written: written, parts: parts, quoted: quoted})
	s.out.WriteString(before + name + strings.Repeat("\n", strings.Count(written, "\n")) + after)
}

// jsonPathPiece finds a piece such as { $.status.phase } at the start of s, which
// ends with the first closing brace. It returns the path and the piece's length, 0
// if there is none.
func jsonPathPiece(s string) (path string, length int) {
	inner, ok := strings.CutPrefix(s, "{")
	if !ok || !strings.HasPrefix(strings.TrimLeft(inner, " \t\r\n\f"), "$") {
		return "", 0
	}
	path, _, ok = strings.Cut(inner, "}")
	if !ok {
		return "", 0
	}
	return strings.TrimSpace(path), len("{") + len(path) + len("}")
}
