package vet

import (
	"fmt"
	"path/filepath"
	"strings"

	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// loadErrors reports what keeps a package from being evaluated. Where something is wrong
// in a file, that it ends too early or too late is no news.
func (c *cueChecker) loadErrors(err errors.Error) {
	broken := map[string]bool{}
	for _, e := range errors.Errors(err) {
		inner := innermost(e)
		file, text := inner.Position().Filename(), message(inner)
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
	src, pos := c.sourceOf(e)
	text := message(innermost(e))
	f := Finding{Rule: ruleSyntax, Message: "not valid CUE: " + text}
	if src == nil {
		return whole(c.unit.Files[0].Name, f.Rule, f.Message, f.Suggestion)
	}
	if spec := src.importAt(pos.Offset()); spec != nil {
		return c.noPackage(src, spec, text)
	}
	if strings.HasSuffix(text, "found 'EOF'") {
		return src.atEnd(f)
	}
	line, column, advice := src.syntaxPlace(text, pos.Offset())
	f.Suggestion = advice
	return src.atLine(line, column, "", f)
}

// innermost is what an import failed for: what is wrong in the package that it leads to, or
// why there is none.
func innermost(e errors.Error) errors.Error {
	for {
		inner, ok := errors.Unwrap(e).(errors.Error)
		if !ok {
			return e
		}
		e = inner
	}
}

// sourceOf finds the place of an error: in one of the unit's files, or of those that they
// import from the same module.
func (c *cueChecker) sourceOf(e errors.Error) (*source, token.Pos) {
	positions := append([]token.Pos{innermost(e).Position()}, errors.Positions(e)...)
	for _, pos := range positions {
		if name := pos.Filename(); name != "" && c.isOwn(name) {
			c.pkg.addFile(name, filepath.Dir(c.unit.Files[0].Name), c.dir())
		}
		if src := c.pkg.source(pos); src != nil {
			return src, pos
		}
	}
	return nil, token.NoPos
}

// isOwn tells whether a file belongs to the user's module, and was not copied into it.
func (c *cueChecker) isOwn(path string) bool {
	module, err := c.unit.schema().Module(c.dir())
	if err != nil || module.Root == "" {
		return false
	}
	rel, err := filepath.Rel(module.Root, path)
	return err == nil && filepath.IsLocal(rel) && !strings.HasPrefix(filepath.ToSlash(rel), "cue.mod/")
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
