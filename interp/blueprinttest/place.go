package blueprinttest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// position is where the author wrote a value: not the schema, which it may be unified
// with.
func position(v cue.Value) token.Pos {
	if op, parts := v.Expr(); op == cue.AndOp {
		for _, part := range parts {
			if pos := part.Pos(); written(pos) {
				return pos
			}
		}
	}
	return v.Pos()
}

func written(pos token.Pos) bool {
	return pos.IsValid() && pos.Filename() != "" && !schema.Owns(pos.Filename())
}

// at makes a failure at a position.
func at(pos token.Pos, message string) Failure {
	f := Failure{Message: message}
	if pos.IsValid() {
		f.File, f.Line, f.Column = relative(pos.Filename()), pos.Line(), pos.Column()
	}
	return f
}

// relative is a file as the user would name it from here.
func relative(file string) string {
	wd, err := os.Getwd()
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(wd, file)
	if err != nil || strings.HasPrefix(rel, "..") {
		return file
	}
	return rel
}

// cueFailures are CUE's errors, each at the place in the files that mine says yes to:
// at the last of them, because a test says what it expects after what it is given.
func cueFailures(err error, mine func(token.Pos) bool) []Failure {
	var all []Failure
	for _, one := range cueerrors.Errors(err) {
		f := at(errorPosition(one, mine), message(one))
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

func errorPosition(err cueerrors.Error, mine func(token.Pos) bool) token.Pos {
	var best token.Pos
	for _, pos := range cueerrors.Positions(err) {
		switch {
		case !written(pos):
		case !best.IsValid() || mine(pos) && !mine(best):
			best = pos
		case mine(pos) && pos.Compare(best) > 0:
			best = pos
		}
	}
	return best
}

// message is what an error says, without the path that led CUE to it: the place says
// that better.
func message(err cueerrors.Error) string {
	text := err.Error()
	if path := strings.Join(err.Path(), "."); path != "" {
		text = strings.TrimPrefix(text, path+": ")
	}
	return text
}
