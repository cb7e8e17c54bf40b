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
	language vet.Language
	doc      *document
	root     *outline.Node
	actions  []*action
}

// An action of a blueprint; in CUE its parts may stand in several files.
type action struct {
	name          string
	kind          string
	artifactsFrom string
	phases        []*phase
	deferPhase    *phase
	artifacts     []*artifact
	node          *outline.Node
	doc           *document
}

type phase struct {
	name     string
	function string
	// outputs that the phase declares, or that its scripts write.
	outputs []*outline.Node
	written []string
	objects *outline.Node
	node    *outline.Node
	doc     *document
}

type artifact struct {
	name     string
	keys     []string
	snapshot bool
	node     *outline.Node
	doc      *document
}

// newView looks at a document, and at others of its package.
func newView(doc *document, others []*document) *view {
	v := &view{language: doc.language, doc: doc, root: doc.tree()}
	v.collect(doc)
	for _, other := range others {
		v.collect(other)
	}
	return v
}

func (v *view) collect(doc *document) {
	for _, bp := range blueprints(doc.tree()) {
		for _, n := range bp.Under("actions") {
			if n.Key != "" {
				v.addAction(doc, n)
			}
		}
	}
}

// blueprints finds the nodes that have actions: documents in YAML, fields in CUE.
func blueprints(root *outline.Node) []*outline.Node {
	var found []*outline.Node
	root.Walk(func(n *outline.Node) {
		if n.Get("actions") != nil && len(n.Path()) <= 4 && !slices.ContainsFunc(n.Path(), isActions) {
			found = append(found, n)
		}
	})
	return found
}

func isActions(n *outline.Node) bool { return n.Key == "actions" }

func (v *view) addAction(doc *document, n *outline.Node) {
	a := v.action(n.Key)
	if a == nil || v.language == vet.YAML {
		a = &action{name: n.Key, node: n, doc: doc}
		v.actions = append(v.actions, a)
	}
	if kind := n.GetText("kind"); kind != "" {
		a.kind = kind
	}
	if from := n.GetText("artifactsFrom"); from != "" {
		a.artifactsFrom = from
	}
	for _, p := range n.Under("phases") {
		a.phases = append(a.phases, v.newPhase(doc, p))
	}
	if d := n.Get("deferPhase"); d != nil {
		a.deferPhase = v.newPhase(doc, d)
	}
	for _, x := range n.Under("outputArtifacts") {
		a.artifacts = append(a.artifacts, newArtifact(doc, x))
	}
}

func (v *view) newPhase(doc *document, n *outline.Node) *phase {
	p := &phase{name: n.Key, function: n.GetText("func"), objects: n.Get("objects"), node: n, doc: doc}
	if v.language == vet.YAML {
		p.name = n.GetText("name")
		p.written = scriptOutputs(n.Get("args"))
	} else {
		p.outputs = n.Under("output")
	}
	return p
}

func newArtifact(doc *document, n *outline.Node) *artifact {
	return &artifact{name: n.Key, keys: n.Get("keyValue").Keys(), snapshot: n.Get("kopiaSnapshot") != nil, node: n, doc: doc}
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
	var a *action
	if i := slices.IndexFunc(path, isActions); i >= 0 && i+1 < len(path) {
		j := slices.IndexFunc(v.actions, func(a *action) bool { return a.node == path[i+1] })
		if j < 0 {
			j = slices.IndexFunc(v.actions, func(a *action) bool { return a.name == path[i+1].Key })
		}
		if j >= 0 {
			a = v.actions[j]
		}
	}
	for _, n := range slices.Backward(path) {
		if isPhase(n) {
			return a, v.newPhase(v.doc, n)
		}
	}
	return a, nil
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
