package vet

import (
	"fmt"
	"slices"
)

// unusedArtifact reports artifacts, and keys of artifacts, that no other action reads
// though there are actions that could.
func unusedArtifact(o *outline) {
	if o.strayArtifacts || slices.ContainsFunc(o.actions, func(a *outlineAction) bool { return a.opaque }) {
		return
	}
	for _, a := range o.actions {
		readers := o.artifactReaders(a)
		if len(readers) == 0 {
			continue // That is a matter of actions, not of artifacts.
		}
		for _, artifact := range a.writes {
			artifact.unused(readers)
		}
	}
}

// artifactReaders are the other actions that read artifacts.
func (o *outline) artifactReaders(writer *outlineAction) []*outlineAction {
	var readers []*outlineAction
	for _, a := range o.actions {
		if a != writer && (a.from != "" || len(a.takes) > 0 || slices.ContainsFunc(a.reads, func(r ref) bool { return r.of("artifactsIn") })) {
			readers = append(readers, a)
		}
	}
	return readers
}

// unused reports the artifact if none of the actions reads it, or else those of its
// keys that none reads.
func (w outlineArtifact) unused(readers []*outlineAction) {
	read := func(names ...string) bool {
		return slices.ContainsFunc(readers, func(a *outlineAction) bool {
			return slices.ContainsFunc(a.reads, func(r ref) bool { return r.touches(append([]string{"artifactsIn", w.name}, names...)...) })
		})
	}
	if !read() {
		w.mark(Finding{
			Rule:       ruleUnusedArtifact,
			Message:    fmt.Sprintf("no other action reads the artifact %q", w.name),
			Suggestion: "read it in the restore or the delete action, or leave it out",
		})
		return
	}
	for _, key := range w.keys {
		if !read("keyValue", key.name) {
			key.mark(Finding{
				Rule:       ruleUnusedArtifact,
				Message:    fmt.Sprintf("no other action reads the key %q of the artifact %q", key.name, w.name),
				Suggestion: "read it in the restore or the delete action, or leave it out",
			})
		}
	}
}
