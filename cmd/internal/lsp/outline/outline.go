// Package outline reads the shape of a blueprint, CUE or YAML, while somebody is
// typing it: names, what stands under them, and where. It takes any text, makes of it
// what it can, and never fails; it does not say what is wrong.
package outline

import "strings"

// A Span is a part of a text, in bytes.
type Span struct{ Start, End int }

// Contains says whether the offset lies in the span or at one of its ends.
func (s Span) Contains(offset int) bool { return s.Start <= offset && offset <= s.End }

// Kind says what a node holds.
type Kind int

// The kinds of nodes.
const (
	// Empty is a field with nothing after it.
	Empty Kind = iota
	// Scalar is a text, a number, or an expression.
	Scalar
	// Map has fields.
	Map
	// List has items.
	List
)

// A Node is a field of a map, an item of a list, or a document.
type Node struct {
	// Key is the name of a field; it is empty for an item or document.
	Key string
	// KeySpan is where the key stands, with its quotes.
	KeySpan Span
	Kind    Kind
	// Text of a scalar: what a literal says, or the source of an expression.
	Text string
	// Literal says that Text is what a literal says.
	Literal bool
	// Value is where the value stands, up to the end of its last line.
	Value Span
	// Children are the fields or items, in the order written.
	Children []*Node
	Parent   *Node
	// Hidden marks what is no field of the map: `let` in CUE.
	Hidden bool
	// Refs are the names in the expression of a field, or embedded in its struct: what
	// they stand for, the field has too.
	Refs []Ref
}

// A Ref is a name in an expression, such as steps.#Dump, by its parts.
type Ref struct {
	Names []string
	Span  Span
}

// Span covers the key and the value.
func (n *Node) Span() Span {
	if n.Key == "" {
		return n.Value
	}
	return Span{n.KeySpan.Start, max(n.KeySpan.End, n.Value.End)}
}

// Get returns the field of that name, or nil. Of several, the last one counts. It may
// be called on nil.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i := len(n.Children) - 1; i >= 0; i-- {
		if c := n.Children[i]; c.Key == key && !c.Hidden {
			return c
		}
	}
	return nil
}

// Under returns the fields or items below all fields of that name: in CUE a field may be
// written in several parts.
func (n *Node) Under(key string) []*Node {
	var below []*Node
	for _, c := range n.Children {
		if c.Key != key || c.Hidden {
			continue
		}
		for _, x := range c.Children {
			if !x.Hidden {
				below = append(below, x)
			}
		}
	}
	return below
}

// GetText returns what the literal under the key says, or "".
func (n *Node) GetText(key string) string {
	if c := n.Get(key); c != nil && c.Kind == Scalar && c.Literal {
		return c.Text
	}
	return ""
}

// Keys lists the names of the fields.
func (n *Node) Keys() []string {
	if n == nil {
		return nil
	}
	var keys []string
	for _, c := range n.Children {
		if c.Key != "" && !c.Hidden {
			keys = append(keys, c.Key)
		}
	}
	return keys
}

// At returns the innermost node at an offset; the document, if there is no other.
func (n *Node) At(offset int) *Node {
	for _, c := range n.Children {
		if c.Span().Contains(offset) {
			// Two neighbours can touch: the one that begins here comes later.
			if next := c.next(); next == nil || next.Span().Start != offset {
				return c.At(offset)
			}
		}
	}
	return n
}

func (n *Node) next() *Node {
	siblings := n.Parent.Children
	for i, c := range siblings[:len(siblings)-1] {
		if c == n {
			return siblings[i+1]
		}
	}
	return nil
}

// Path leads from the document to the node, both included.
func (n *Node) Path() []*Node {
	var path []*Node
	for ; n != nil; n = n.Parent {
		path = append([]*Node{n}, path...)
	}
	return path
}

// Walk calls visit with the node and all below it, outer ones first.
func (n *Node) Walk(visit func(*Node)) {
	visit(n)
	for _, c := range n.Children {
		c.Walk(visit)
	}
}

// maxDepth keeps a hostile text from using up the stack.
const maxDepth = 200

func (n *Node) add(c *Node) *Node {
	c.Parent = n
	n.Children = append(n.Children, c)
	return c
}

// lineEnd is the offset of the end of the line that offset is in.
func lineEnd(text string, offset int) int {
	if i := strings.IndexByte(text[offset:], '\n'); i >= 0 {
		return offset + i
	}
	return len(text)
}
