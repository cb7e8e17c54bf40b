package vet

import (
	_ "embed"
	"strings"
	"sync"
)

// podTypes are the fields of a pod's spec and of all types in it, as the Kubernetes
// API has them: one type a line, written by `go test -run TestPodTypes -update`. It
// is a table because the checker does not link the API's own package.
//
//go:embed podspec.txt
var podTypes string

// A podField is a field of one of those types.
type podField struct {
	name string
	// typ is string, int, bool, quantity, scalar (an int or a string), any, the values
	// that there are with | between them, or the name of a type.
	typ string
	// list and dict tell that the field has several of typ.
	list, dict bool
	// key is the field by which the items of a list are merged; it is empty for a
	// list that an override replaces.
	key string
}

// podSpec returns the fields of the types by name.
var podSpec = sync.OnceValue(func() map[string][]podField {
	types := map[string][]podField{}
	for line := range strings.Lines(podTypes) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		for _, text := range strings.Fields(rest) {
			types[name] = append(types[name], parsePodField(text))
		}
	}
	return types
})

// parsePodField reads a field such as `volumes=[]Volume/name`.
func parsePodField(text string) podField {
	name, typ, _ := strings.Cut(text, "=")
	typ, key, _ := strings.Cut(typ, "/")
	f := podField{name: name, key: key}
	f.typ, f.list = strings.CutPrefix(typ, "[]")
	if !f.list {
		f.typ, f.dict = strings.CutPrefix(typ, "{}")
	}
	return f
}
