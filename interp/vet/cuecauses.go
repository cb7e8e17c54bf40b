package vet

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/token"
)

// schemaField is the first field of a path in which the schema says what is wrong, or -1:
// a hidden one that is not the author's own.
func (c *cueChecker) schemaField(path []string) int {
	o := &cueOutliner{cueChecker: c, path: path}
	for i, name := range path {
		if isHidden(name) && len(o.find(path[:i+1])) == 0 {
			return i
		}
	}
	return -1
}

// rootCauses leaves out what may follow from something else that is wrong. What does not
// comes up again once that was taken out.
func (c *cueChecker) rootCauses(list []mistake) []mistake {
	// The inputs depend on the kind.
	if kinds := keep(list, func(m mistake) bool { i := c.schemaField(m.path); return i >= 0 && m.path[i] == "_kind" }); len(kinds) > 0 {
		return kinds
	}
	own := keep(list, c.ownAffair)
	return slices.DeleteFunc(slices.Clone(list), func(m mistake) bool {
		return !c.ownAffair(m) && slices.ContainsFunc(own, func(cause mistake) bool { return c.shares(cause, m) }) ||
			slices.ContainsFunc(list, func(cause mistake) bool { return c.causes(cause, m) })
	})
}

func keep(list []mistake, wanted func(mistake) bool) []mistake {
	return slices.DeleteFunc(slices.Clone(list), func(m mistake) bool { return !wanted(m) })
}

// causes tells what a phase's function decides from the function, and what its arguments
// are as a whole from the arguments and their names.
func (c *cueChecker) causes(cause, m mistake) bool {
	n := len(cause.path)
	if isNumbered(cause) {
		return len(m.path) > n && slices.Equal(cause.path, m.path[:n])
	}
	if n > 2 && cause.path[n-2] == "args" && strings.HasSuffix(cause.text, notAllowedText) {
		return len(m.path) >= n && m.path[n-2] == "_args" && slices.Equal(cause.path[:n-2], m.path[:n-2])
	}
	if n < 2 || len(m.path) < n || slices.Equal(cause.path, m.path) || !slices.Equal(cause.path[:n-1], m.path[:n-1]) {
		return false
	}
	switch cause.path[n-1] {
	case "func":
		return true
	case "args":
		return m.path[n-1] == "_args"
	}
	// The arguments are there, under a name that is none.
	return m.path[n-1] == "_args" && strings.HasSuffix(cause.text, notAllowedText) && misspelt("args", cause.path[n-1:])
}

// ownAffair tells fields that the author has for himself: those who read them have the
// same mistake.
func (c *cueChecker) ownAffair(m mistake) bool {
	return slices.ContainsFunc(m.path, hidden) && c.schemaField(m.path) < 0
}

// shares tells whether two mistakes are about something at the same place of the user's.
func (c *cueChecker) shares(m, other mistake) bool {
	return slices.ContainsFunc(m.positions, func(p token.Pos) bool {
		return c.pkg.source(p) != nil && slices.ContainsFunc(other.positions, func(q token.Pos) bool {
			return p.Filename() == q.Filename() && p.Offset() == q.Offset()
		})
	})
}

// once reports whether this is the first of the round at a place.
func (c *cueChecker) once(key string) bool {
	before := c.settled[key]
	c.settled[key] = true
	return !before
}

// outermost leads what is not allowed back to the outermost field that is not: CUE names
// what stands in it.
func (c *cueChecker) outermost(list []mistake) []mistake {
	var out []mistake
	for _, m := range list {
		if strings.HasSuffix(m.text, notAllowedText) {
			m.path = c.firstNotAllowed(m.path)
		}
		if !slices.ContainsFunc(out, func(other mistake) bool { return other.key() == m.key() && other.text == m.text }) {
			out = append(out, m)
		}
	}
	return out
}

const notAllowedText = "field not allowed"

// firstNotAllowed is the part of the path down to the first field that is not allowed, of
// those that the user has written: CUE has nothing to say of a struct with an error in it.
func (c *cueChecker) firstNotAllowed(path []string) []string {
	for n := 1; n < len(path); n++ {
		if hidden(path[n]) || len(locate(c.files, path[:n+1])) == 0 {
			continue
		}
		if _, typ := schemaType(path[:n]); typ != "" && !slices.Contains(c.unit.schema().FieldNames(typ), path[n]) {
			return path[:n+1]
		}
		if closed := c.closedBy(path[:n]); closed != nil && !slices.Contains(closed.fields, path[n]) {
			return path[:n+1]
		}
	}
	return path
}
