package lsp

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/interp/vet"
)

// A part is a node that belongs to what stands at some place, because it stands there or
// because a name there leads to it.
type part struct {
	node *outline.Node
	doc  *document
	// by is the name that led to it; it is empty for what stands there itself.
	by outline.Span
}

// neighbours are what can be seen from a document besides itself.
type neighbours struct {
	// files are the others of its package.
	files []*document
	// imported returns the files of a package that a file in a folder imports.
	imported func(dir string, path ast.ImportPath) []*document
}

// A resolver follows names, such as steps.#Dump, to what they stand for. Each node is
// followed once: names may lead in circles.
type resolver struct {
	near *neighbours
	// packages are the files of packages, by one of them.
	packages map[*document][]*document
	// tops are the fields at the top of a document by name.
	tops  map[*document]map[string][]*outline.Node
	known map[*outline.Node][]part
	// depth counts the names that are being followed.
	depth int
}

func newResolver(doc *document, near *neighbours) *resolver {
	if near == nil {
		near = &neighbours{}
	}
	r := &resolver{near: near, packages: map[*document][]*document{}, tops: map[*document]map[string][]*outline.Node{}, known: map[*outline.Node][]part{}}
	r.join(append([]*document{doc}, near.files...))
	return r
}

// join makes documents one package.
func (r *resolver) join(docs []*document) {
	for _, d := range docs {
		r.packages[d] = docs
	}
}

// maxParts is how many parts something can have, and maxDepth how many names lead on from
// one to the next: enough for all that people write.
const (
	maxParts = 200
	maxDepth = 50
)

// parts are the node itself and what the names in its expression lead to.
func (r *resolver) parts(p part) []part {
	all := []part{p}
	if p.doc.language != vet.CUE {
		return all
	}
	for _, q := range r.referred(p) {
		if p.by != (outline.Span{}) {
			q.by = p.by
		}
		all = append(all, q)
	}
	return all
}

// referred are the parts that names lead to.
func (r *resolver) referred(p part) []part {
	if found, ok := r.known[p.node]; ok {
		return found
	}
	if r.depth >= maxDepth {
		return nil
	}
	r.depth++
	defer func() { r.depth-- }()
	r.known[p.node] = nil // While it is under way, a name that leads back brings nothing new.
	var all []part
	for _, ref := range p.node.Refs {
		for _, target := range r.targets(p, ref.Names) {
			for _, q := range r.parts(target) {
				q.by = ref.Span
				if len(all) < maxParts && !slices.ContainsFunc(all, func(x part) bool { return x.node == q.node }) {
					all = append(all, q)
				}
			}
		}
	}
	r.known[p.node] = all
	return all
}

// targets are the nodes of the names, seen from a node.
func (r *resolver) targets(p part, names []string) []part {
	found, rest := r.enclosing(p, names[0]), names[1:]
	if spec, ok := p.doc.imports()[names[0]]; found == nil && ok {
		if len(rest) == 0 {
			return nil
		}
		found, rest = r.declared(r.imported(p.doc, spec), rest[0]), rest[1:]
	} else if found == nil {
		found = r.declared(r.packages[p.doc], names[0])
	}
	for _, name := range rest {
		var next []part
		for _, q := range found {
			next = append(next, r.fields(q, name)...)
		}
		found = next[:min(len(next), maxParts)]
	}
	return found
}

// enclosing looks for a field or let in the structs around a node, but not at the top of
// the file: there the whole package counts.
func (r *resolver) enclosing(p part, name string) []part {
	for n := p.node; n != nil && n.Parent != nil; n = n.Parent {
		var found []part
		for _, c := range n.Children {
			if c.Key == name && c != p.node {
				found = append(found, part{node: c, doc: p.doc})
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// declared are the fields at the top of a package.
func (r *resolver) declared(docs []*document, name string) []part {
	var found []part
	for _, d := range docs {
		for _, c := range r.topOf(d)[name] {
			found = append(found, part{node: c, doc: d})
		}
	}
	return found
}

func (r *resolver) topOf(d *document) map[string][]*outline.Node {
	top, ok := r.tops[d]
	if !ok {
		top = map[string][]*outline.Node{}
		for _, c := range d.tree().Children {
			top[c.Key] = append(top[c.Key], c)
		}
		r.tops[d] = top
	}
	return top
}

// imported are the files of a package that a document imports.
func (r *resolver) imported(doc *document, path ast.ImportPath) []*document {
	if r.near.imported == nil {
		return nil
	}
	docs := r.near.imported(doc.dir(), path)
	for _, d := range docs {
		if known := r.packages[d]; known != nil {
			return known
		}
	}
	r.join(docs)
	return docs
}

// fields are those of a name that something has.
func (r *resolver) fields(p part, name string) []part {
	var found []part
	for _, q := range r.parts(p) {
		for _, c := range q.node.Children {
			if c.Key == name && !c.Hidden {
				found = append(found, part{c, q.doc, q.by})
			}
		}
	}
	return found
}

// under are the fields of the fields of a name.
func (r *resolver) under(p part, name string) []part {
	var found []part
	for _, f := range r.fields(p, name) {
		for _, q := range r.parts(f) {
			for _, c := range q.node.Children {
				if !c.Hidden {
					found = append(found, part{c, q.doc, q.by})
				}
			}
		}
	}
	return found
}

// text is what a literal of that name says, or "".
func (r *resolver) text(p part, name string) string {
	for _, q := range r.parts(p) {
		if text := q.node.GetText(name); text != "" {
			return text
		}
	}
	for _, f := range r.fields(p, name) {
		for _, q := range r.parts(f) {
			if q.node.Kind == outline.Scalar && q.node.Literal {
				return q.node.Text
			}
		}
	}
	return ""
}
