package lsp

import (
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
)

// A view is what can be seen of the blueprints in a document, and in the other files of
// its package.
type view struct {
	*resolver
	language vet.Language
	doc      *document
	root     *outline.Node
	actions  []*action
}

// An action of a blueprint; in CUE its parts may stand in several files and packages.
type action struct {
	name          string
	kind          string
	artifactsFrom string
	phases        []*phase
	deferPhase    *phase
	artifacts     []*artifact
	// place is the first of the parts.
	place part
}

type phase struct {
	name     string
	function string
	// outputs that the phase declares, or that its scripts write.
	outputs []part
	written []string
	objects []part
	parts   []part
}

type artifact struct {
	name     string
	keys     []string
	snapshot bool
	place    part
}

// newView looks at a document, and at others of its package.
func newView(doc *document, near *neighbours) *view {
	v := newViewOf(doc, near)
	for _, other := range v.near.files {
		v.collect(other)
	}
	return v
}

// newViewOf looks at the blueprints of a document alone.
func newViewOf(doc *document, near *neighbours) *view {
	v := &view{resolver: newResolver(doc, near), language: doc.language, doc: doc, root: doc.tree()}
	v.collect(doc)
	return v
}

func (v *view) collect(doc *document) {
	for _, bp := range v.blueprints(doc) {
		for _, p := range v.under(bp, "actions") {
			if p.node.Key != "" {
				v.addAction(p)
			}
		}
	}
}

// blueprints finds what has actions: documents in YAML, fields in CUE. Those of a field at
// the top may come from elsewhere.
func (v *view) blueprints(doc *document) []part {
	var found []part
	doc.tree().Walk(func(n *outline.Node) {
		p := part{node: n, doc: doc}
		if len(n.Path()) > 4 || slices.ContainsFunc(n.Path(), isActions) {
			return
		}
		if n.Get("actions") != nil || n.Parent == doc.tree() && len(v.fields(p, "actions")) > 0 {
			found = append(found, p)
		}
	})
	return found
}

func isActions(n *outline.Node) bool { return n.Key == "actions" }

func (v *view) addAction(p part) {
	a := v.action(p.node.Key)
	if a == nil || v.language == vet.YAML {
		a = &action{name: p.node.Key, place: p}
		v.actions = append(v.actions, a)
	}
	if kind := v.text(p, "kind"); kind != "" {
		a.kind = kind
	}
	if from := v.text(p, "artifactsFrom"); from != "" {
		a.artifactsFrom = from
	}
	for _, q := range v.under(p, "phases") {
		v.addPhase(a, q)
	}
	for _, q := range v.fields(p, "deferPhase") {
		a.deferPhase = v.with(a.deferPhase, q)
	}
	for _, q := range v.under(p, "outputArtifacts") {
		v.addArtifact(a, q)
	}
}

// addPhase adds a part of a phase to its action. In CUE the same name is the same phase.
func (v *view) addPhase(a *action, p part) {
	if same := a.phase(p.node.Key); same != nil && v.language == vet.CUE {
		v.with(same, p)
		return
	}
	a.phases = append(a.phases, v.with(nil, p))
}

// with adds a part to a phase, which may be nil, and returns it.
func (v *view) with(ph *phase, p part) *phase {
	if ph == nil {
		ph = &phase{name: p.node.Key}
	}
	ph.parts = append(ph.parts, v.parts(p)...)
	if f := v.text(p, "func"); f != "" && ph.function == "" {
		ph.function = f
	}
	ph.objects = append(ph.objects, v.under(p, "objects")...)
	if v.language == vet.YAML {
		ph.name = p.node.GetText("name")
		ph.written = scriptOutputs(p.node.Get("args"))
		return ph
	}
	for _, o := range v.under(p, "output") {
		if !slices.ContainsFunc(ph.outputs, func(x part) bool { return x.node.Key == o.node.Key }) {
			ph.outputs = append(ph.outputs, o)
		}
	}
	return ph
}

// place is the first of the phase's parts.
func (p *phase) place() part { return p.parts[0] }

func (v *view) addArtifact(a *action, p part) {
	x := &artifact{name: p.node.Key, place: p}
	for _, kv := range v.under(p, "keyValue") {
		x.keys = append(x.keys, kv.node.Key)
	}
	x.snapshot = len(v.fields(p, "kopiaSnapshot")) > 0
	a.artifacts = append(a.artifacts, x)
}

// scriptOutputs lists what the scripts in the arguments write.
func scriptOutputs(args *outline.Node) []string {
	var keys []string
	if args == nil {
		return nil
	}
	args.Walk(func(n *outline.Node) {
		if n.Kind != outline.Scalar || !strings.Contains(n.Text, "kando") {
			return
		}
		outputs, _ := compat.ScriptOutputs(n.Text)
		for _, o := range outputs {
			if !slices.Contains(keys, o.Key) {
				keys = append(keys, o.Key)
			}
		}
	})
	return keys
}

func (v *view) action(name string) *action {
	for _, a := range v.actions {
		if a.name == name {
			return a
		}
	}
	return nil
}

// around returns the action and the phase that a node is in, nil if it is in none.
func (v *view) around(n *outline.Node) (*action, *phase) {
	path := n.Path()
	a := v.actionOn(path)
	for _, n := range slices.Backward(path) {
		if isPhase(n) {
			return a, v.phaseAt(a, n)
		}
	}
	return a, nil
}

// actionOn is the action that a path leads through, or nil.
func (v *view) actionOn(path []*outline.Node) *action {
	i := slices.IndexFunc(path, isActions)
	if i < 0 || i+1 >= len(path) {
		return nil
	}
	for _, a := range v.actions {
		if a.place.node == path[i+1] {
			return a
		}
	}
	return v.action(path[i+1].Key)
}

// phaseAt is the phase that a node is, or is a part of.
func (v *view) phaseAt(a *action, n *outline.Node) *phase {
	if a != nil {
		for _, p := range append(slices.Clone(a.phases), a.deferPhase) {
			if p != nil && slices.ContainsFunc(p.parts, func(x part) bool { return x.node == n }) {
				return p
			}
		}
	}
	return v.with(nil, part{node: n, doc: v.doc})
}

// isPhase says whether a node is a phase: by its place, or because it calls a function, as
// those do that several blueprints share.
func isPhase(n *outline.Node) bool {
	if n.Key == "deferPhase" {
		return true
	}
	if p := n.Parent; p != nil && p.Key == "phases" && p.Parent != nil {
		return true
	}
	if n.Get("func") == nil {
		return false
	}
	_, known := schema.Function(n.GetText("func"))
	return known || n.Get("args") != nil
}

func (a *action) phase(name string) *phase {
	for _, p := range a.phases {
		if p.name == name {
			return p
		}
	}
	return nil
}
