package compat

import (
	"fmt"
	"strings"
)

// checkPaths finds paths that no JSONPath parser takes, at the line of the text.
func (c *Condition) checkPaths(text string) error {
	from := 0
	for _, p := range c.pieces {
		at := from + strings.Index(text[from:], p.written)
		for _, part := range p.parts {
			if problem := pathProblem(part.path); problem != "" {
				return &TemplateError{
					Line: 1 + strings.Count(text[:at], "\n"),
					Msg:  fmt.Sprintf("the path { %s } %s", part.path, problem),
					Hint: "write it as kubectl's jsonpath does, such as { $.status.conditions[0].status }",
				}
			}
		}
		from = at + len(p.written)
	}
	return nil
}

// pathProblem says what is wrong with the brackets and quotes of a JSONPath; "" if
// nothing is. What stands between them is the function's business, and so are paths
// with backslashes: whether these escape a quote depends on where it stands.
func pathProblem(path string) string {
	if strings.Contains(path, `\`) {
		return ""
	}
	open := 0
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '[':
			open++
		case ']':
			open--
		case '"', '\'':
			if open == 0 {
				continue
			}
			n := strings.IndexByte(path[i+1:], path[i])
			if n < 0 {
				return "has a quote that is not closed"
			}
			i += 1 + n
		}
		if open < 0 {
			return "has a ] without a ["
		}
	}
	if open > 0 {
		return "has a [ that is not closed"
	}
	return ""
}
