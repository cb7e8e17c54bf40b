package vet

import (
	"strings"

	"cuelang.org/go/cue"
)

// A memo is what was asked about one evaluation of a package. Rules ask the same again
// and again, and each question makes CUE a context.
type memo struct {
	// values by path, and the phases of actions in their order.
	values map[string]cue.Value
	phases map[string][]string
}

func newMemo() *memo { return &memo{values: map[string]cue.Value{}, phases: map[string][]string{}} }

func memoKey(path []string) string { return strings.Join(path, "\x00") }

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
