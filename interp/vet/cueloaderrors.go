package vet

import (
	"cmp"
	"fmt"
	"strings"

	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// loadErrors reports what keeps a package from being evaluated. Where something is wrong
// in a file, that it ends too early or too late is no news.
func (c *cueChecker) loadErrors(err errors.Error) {
	broken := map[string]bool{}
	for _, e := range errors.Errors(err) {
		file := e.Position().Filename()
		text := message(e)
		if follows := strings.HasSuffix(text, "found 'EOF'") || strings.HasPrefix(text, "expected 'EOF'"); !follows || !broken[file] {
			c.add(c.loadError(e))
		}
		broken[file] = true
	}
	if err == nil {
		c.add(whole(c.unit.Files[0].Name, ruleNoBlueprint, "the file holds no CUE", blueprintAdvice))
	}
}

func (c *cueChecker) loadError(e errors.Error) Finding {
	text := message(e)
	f := Finding{Rule: ruleSyntax, Message: "not valid CUE: " + text}
	if strings.Contains(text, "import failed") || strings.Contains(text, "cannot find") {
		f.Rule, f.Message = ruleUnknownReference, text
		f.Suggestion = fmt.Sprintf("the language is imported as %q", schema.Module+"/schema")
	}
	src := c.pkg.source(e.Position())
	for _, pos := range errors.Positions(e) {
		if src != nil {
			break
		}
		src = c.pkg.source(pos)
	}
	if src == nil {
		return whole(c.unit.Files[0].Name, f.Rule, f.Message, f.Suggestion)
	}
	if strings.HasSuffix(text, "found 'EOF'") {
		return src.atEnd(f)
	}
	line, column, advice := src.syntaxPlace(text, e.Position().Offset())
	f.Suggestion = cmp.Or(f.Suggestion, advice)
	return src.atLine(line, column, "", f)
}

// atEnd places a finding at the end of what is written, and says which bracket is open.
func (s *source) atEnd(f Finding) Finding {
	end := len(strings.TrimRight(s.text, " \t\r\n"))
	if open := openBracket([]byte(s.text)); open >= 0 {
		line, _ := s.position(open)
		f.Suggestion = fmt.Sprintf("the %c in line %d has no counterpart", s.text[open], line)
	}
	return s.at(span{max(0, end-1), end}, f)
}

// openBracket is the offset of the last bracket that is not closed, or -1.
func openBracket(data []byte) int {
	var s scanner.Scanner
	// What the scanner itself has to say, the parser has said.
	s.Init(token.NewFile("", -1, len(data)), data, func(token.Pos, string, []any) {}, 0)
	var open []int
	for {
		pos, tok, _ := s.Scan()
		switch tok {
		case token.EOF:
			if len(open) == 0 {
				return -1
			}
			return open[len(open)-1]
		case token.LBRACE, token.LBRACK, token.LPAREN:
			open = append(open, pos.Offset())
		case token.RBRACE, token.RBRACK, token.RPAREN:
			open = open[:max(0, len(open)-1)]
		}
	}
}
