package vet

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// A memo is what was asked about one evaluation of a package. Rules ask the same again
// and again, and each question makes CUE a context.
type memo struct {
	// values by path, and the phases of actions in their order.
	values map[string]cue.Value
	phases map[string][]string
	// given are the fields of structs by path: to list them is costly, because CUE sorts
	// them each time.
	given map[string][]string
}

func newMemo() *memo {
	return &memo{
		values: map[string]cue.Value{},
		phases: map[string][]string{},
		given:  map[string][]string{},
	}
}

// memoKey is empty for the root alone.
func memoKey(path []string) string {
	var key strings.Builder
	for _, name := range path {
		key.WriteByte(0)
		key.WriteString(name)
	}
	return key.String()
}

// remembered is what known has of the path, or else what find brings.
func remembered[T any](known map[string]T, path []string, find func() T) T {
	key := memoKey(path)
	v, ok := known[key]
	if !ok {
		v = find()
		known[key] = v
	}
	return v
}

// given lists the regular fields of the value at path: those that have a value. The list
// is the memo's own.
func (c *cueChecker) given(path ...string) []string {
	return remembered(c.memo.given, path, func() []string { return givenFields(c.lookup(path...)) })
}

// has tells whether the value at path has a regular field. Most often there is none, and
// then nothing is listed.
func (c *cueChecker) has(path []string, name string) bool {
	v, _ := c.lookup(path...).Default()
	return v.LookupPath(cue.MakePath(cue.Str(name))).Exists() && slices.Contains(c.given(path...), name)
}
