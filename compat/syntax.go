package compat

import (
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parserMessage takes a message of the YAML library apart.
var parserMessage = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxError turns the parser's message into one with a position and advice.
func (s *source) syntaxError(err error) *Error {
	line, msg := splitMessage(err)
	line = s.culprit(line, msg)
	if at := s.tabIndent(line); at > 0 {
		return errorAt(s.file, at, 1+leadingSpaces(s.line(at)), "a tab in the indentation; YAML wants spaces")
	}
	column := 1 + leadingSpaces(s.line(line))
	for _, known := range syntaxAdvice {
		if strings.Contains(msg, known.part) {
			msg += "; " + known.advice
			break
		}
	}
	return errorAt(s.file, line, column, "not valid YAML: %s", msg)
}

func splitMessage(err error) (line int, msg string) {
	line, msg = 1, err.Error()
	if m := parserMessage.FindStringSubmatch(msg); m != nil {
		msg = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	return line, msg
}

// syntaxAdvice says what to do about the parser's commonest complaints.
var syntaxAdvice = []struct{ part, advice string }{
	{noKey, "check the indentation and the quotes here and on the lines above"},
	{noItem, "check the indentation of this list"},
	{"mapping values are not allowed", "put a value that holds \": \" in quotes"},
	{"could not find expected ':'", "check for a missing \":\" or a missing quote"},
	{"found unexpected end of stream", "a quote or bracket is not closed"},
	{"cannot start any token", "put the value in quotes"},
	{"found unknown escape character", "use single quotes, or double the backslash"},
	{"control characters are not allowed", "is this a text file?"},
	{"unknown anchor", "define it with & before it is used"},
}

// What the parser says where neither the next entry of a map or list nor its end is.
const (
	noKey  = "did not find expected key"
	noItem = "did not find expected '-' indicator"
)

// maxSearched is the size of a file that is parsed again to find its mistake.
const maxSearched = 1 << 20

// culprit is the line at which the parser gave up. For some mistakes it names where the
// map or list began, which may be pages above: the culprit then is the last line of the
// shortest beginning of the file that has the same mistake.
func (s *source) culprit(line int, msg string) int {
	if msg != noKey && msg != noItem || line >= len(s.lines) {
		return line
	}
	text := strings.Join(s.lines, "\n")
	if len(text) > maxSearched {
		return line
	}
	more := sort.Search(len(s.lines)-line, func(i int) bool {
		return parserComplaint(strings.Join(s.lines[:line+i], "\n")) == msg
	})
	return line + more
}

// parserComplaint is what the parser says of a text, "" if it takes all of it.
func parserComplaint(text string) (msg string) {
	defer func() {
		// The YAML library panics on some malformed comments.
		if p := recover(); p != nil {
			msg = ""
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var n yaml.Node
		switch err := dec.Decode(&n); {
		case err == io.EOF:
			return ""
		case err != nil:
			_, msg = splitMessage(err)
			return msg
		}
	}
}

// tabIndent returns the line, near the one given, whose indentation has a tab, or 0.
func (s *source) tabIndent(line int) int {
	for n := line; n <= line+1; n++ {
		text := s.line(n)
		if strings.HasPrefix(text[leadingSpaces(text):], "\t") {
			return n
		}
	}
	return 0
}

func leadingSpaces(text string) int {
	return len(text) - len(strings.TrimLeft(text, " "))
}
