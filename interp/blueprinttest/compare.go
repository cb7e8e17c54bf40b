package blueprinttest

import (
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"
	"github.com/rogpeppe/go-internal/diff"
)

// comparison unifies what a test expects with what came.
type comparison struct {
	ctx      *cue.Context
	failures []Failure
	// near is the last place in the test that had one.
	near token.Pos
}

// compare compares at a path, which is for people: "phase dump: args.image".
func (c *comparison) compare(path string, want cue.Value, got any) {
	c.value(path, want, c.ctx.Encode(got))
}

// value goes down as far as the expectation does, so that each failure is at the line
// that fails.
func (c *comparison) value(path string, want, got cue.Value) {
	if pos := position(want); written(pos) {
		c.near = pos
	}
	before := len(c.failures)
	switch {
	case want.IncompleteKind() == cue.StructKind && got.IncompleteKind() == cue.StructKind:
		c.fields(path, want, got)
	case want.IncompleteKind() == cue.ListKind && got.Kind() == cue.ListKind:
		c.elements(path, want, got)
	}
	if len(c.failures) > before {
		return
	}
	if err := want.Unify(got).Validate(cue.Concrete(true)); err != nil {
		c.mismatch(path, want, got)
	}
}

func (c *comparison) fields(path string, want, got cue.Value) {
	it, err := want.Fields()
	if err != nil {
		c.fail(path+": "+err.Error(), "", "")
		return
	}
	near := c.near
	for it.Next() {
		c.near = near
		below := path + "." + it.Selector().String()
		v := got.LookupPath(cue.MakePath(it.Selector()))
		if !v.Exists() {
			if pos := position(it.Value()); written(pos) {
				c.near = pos
			}
			c.fail(below+" is not there", shown(it.Value()), "")
			continue
		}
		c.value(below, it.Value(), v)
	}
}

func (c *comparison) elements(path string, want, got cue.Value) {
	wanted, there := elements(want), elements(got)
	open := !want.Len().IsConcrete()
	if len(there) < len(wanted) || len(there) > len(wanted) && !open {
		c.fail(fmt.Sprintf("%s has %d elements, expected %d", path, len(there), len(wanted)), shown(want), shown(got))
		return
	}
	near := c.near
	for i := range wanted {
		c.near = near
		c.value(path+"["+strconv.Itoa(i)+"]", wanted[i], there[i])
	}
}

func elements(list cue.Value) []cue.Value {
	var all []cue.Value
	it, err := list.List()
	for err == nil && it.Next() {
		all = append(all, it.Value())
	}
	return all
}

func (c *comparison) mismatch(path string, want, got cue.Value) {
	c.fail(path+" is not what the test expects", shown(want), shown(got))
	f := &c.failures[len(c.failures)-1]
	a, wantErr := want.String()
	b, gotErr := got.String()
	if wantErr == nil && gotErr == nil && strings.Contains(a+b, "\n") {
		f.Expected, f.Found = "", ""
		f.Diff = lineDiff(a, b)
	}
}

func (c *comparison) fail(message, expected, found string) {
	f := at(c.near, message)
	f.Expected, f.Found = expected, found
	c.failures = append(c.failures, f)
}

// lineDiff shows the lines in which two texts differ: expected ones with a minus, those
// found with a plus.
func lineDiff(want, got string) string {
	text := string(diff.Diff("expected", []byte(want), "found", []byte(got)))
	// The first line is the command line of a program that was not run.
	_, text, _ = strings.Cut(text, "\n")
	return text
}

// shown is a value as one would write it in CUE.
func shown(v cue.Value) string { return fmt.Sprint(v) }
