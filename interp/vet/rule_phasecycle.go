package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
)

// phaseCycles finds phases that wait for each other: by `after`, by the outputs that
// they read, and, without `after`, by the order written.
func (c *cueChecker) phaseCycles(field string) {
	for _, action := range c.given(field, "actions") {
		a := &cueAction{cueChecker: c, path: []string{field, "actions", action}}
		a.phases = c.phaseNames(a.path)
		a.phaseCycle()
	}
}

func (a *cueAction) phaseCycle() {
	if !slices.ContainsFunc(a.phases, a.hasAfter) {
		return // In the order written, nothing waits for what comes later.
	}
	waits := map[string][]string{}
	for i, name := range a.phases {
		waits[name] = a.waitsFor(i)
	}
	cycle := circle(a.phases, waits)
	if cycle == nil {
		return
	}
	at := sub(a.path, "phases", cycle[0])
	node := a.valueNode(sub(at, "after")...)
	if node == nil {
		node = a.labelNode(at...)
	}
	a.addAt(node, at, Finding{
		Rule:       rulePhaseCycle,
		Message:    fmt.Sprintf("phases wait for each other: %s", strings.Join(cycle, " waits for ")),
		Suggestion: "take one of them out of an `after`, or out of what a phase reads",
	})
}

// waitsFor lists the phases that a phase waits for.
func (a *cueAction) waitsFor(i int) []string {
	at := sub(a.path, "phases", a.phases[i])
	waits := a.phases[:i:i]
	if a.hasAfter(a.phases[i]) {
		waits = nil
		for n := range givenItems(a.lookup(sub(at, "after")...)) {
			waits = append(waits, a.text(sub(at, "after", fmt.Sprint(n))...))
		}
	}
	for _, p := range locate(a.files, at) {
		walkChains(p.value, func(_ ast.Node, names []string) {
			if names[0] == "phases" {
				names = names[1:]
			}
			if len(names) > 1 && names[1] == "output" && slices.Contains(a.phases, names[0]) {
				waits = append(waits, names[0])
			}
		})
	}
	return waits
}

// circle is a way from a phase back to itself, or nil. It looks at each phase once, in
// the order given.
func circle(phases []string, waits map[string][]string) []string {
	done := map[string]bool{}
	var path []string
	var walk func(name string) []string
	walk = func(name string) []string {
		if i := slices.Index(path, name); i >= 0 {
			return append(slices.Clone(path[i:]), name)
		}
		if done[name] {
			return nil
		}
		path = append(path, name)
		for _, next := range waits[name] {
			if found := walk(next); found != nil {
				return found
			}
		}
		path = path[:len(path)-1]
		done[name] = true
		return nil
	}
	for _, name := range phases {
		if found := walk(name); found != nil {
			return found
		}
	}
	return nil
}
