package interp

import (
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// sourceNotes find the author's source of a value: its comments, and the places of
// what CUE has no value for.
type sourceNotes struct {
	files  []*ast.File
	fields map[placeKey]*ast.Field
	// chains has the field before each one that stands on its line: in
	// `actions: backup: {…}` actions, by backup.
	chains map[*ast.Field]*ast.Field
}

type placeKey struct {
	file   string
	offset int
}

func keyOf(pos token.Pos) placeKey { return placeKey{pos.Filename(), pos.Offset()} }

func newSourceNotes(root cue.Value) *sourceNotes {
	n := &sourceNotes{fields: map[placeKey]*ast.Field{}, chains: map[*ast.Field]*ast.Field{}}
	seen := map[*build.Instance]bool{}
	var visit func(*build.Instance)
	visit = func(inst *build.Instance) {
		if inst == nil || seen[inst] {
			return
		}
		seen[inst] = true
		for _, f := range inst.Files {
			n.add(f)
		}
		for _, dep := range inst.Imports {
			visit(dep)
		}
	}
	visit(root.BuildInstance())
	return n
}

func (n *sourceNotes) add(f *ast.File) {
	if schema.Owns(f.Filename) {
		return
	}
	n.files = append(n.files, f)
	ast.Walk(f, func(node ast.Node) bool {
		if field, ok := node.(*ast.Field); ok {
			n.fields[keyOf(field.Label.Pos())] = field
			n.fields[keyOf(field.Value.Pos())] = field
			if next := nextInChain(field); next != nil {
				n.chains[next] = field
			}
		}
		return true
	}, nil)
}

// of returns the comments of the field that a value was written as.
func (n *sourceNotes) of(v cue.Value) compat.Comments {
	var c compat.Comments
	field := n.fields[keyOf(userPos(v))]
	if field == nil || nextInChain(field) != nil {
		return c
	}
	for ; field != nil; field = n.chains[field] {
		for _, group := range ast.Comments(field) {
			if group.Line {
				c.Line = joinLines(commentText(group), c.Line)
			} else if group.Position == 0 {
				c.Head = joinLines(commentText(group), c.Head)
			}
		}
	}
	return c
}

// nextInChain is the field that stands on the line of this one; its comments are
// those of both.
func nextInChain(f *ast.Field) *ast.Field {
	st, ok := f.Value.(*ast.StructLit)
	if !ok || st.Lbrace.IsValid() || len(st.Elts) != 1 {
		return nil
	}
	next, _ := st.Elts[0].(*ast.Field)
	return next
}

// header is the comment above the package clause of the blueprint's file.
func (n *sourceNotes) header(v cue.Value) string {
	pos := userPos(v)
	for _, f := range n.files {
		if f.Filename != pos.Filename() {
			continue
		}
		var head string
		for _, group := range ast.Comments(f) {
			head = joinLines(head, commentText(group))
		}
		for _, d := range f.Decls {
			if p, ok := d.(*ast.Package); ok {
				for _, group := range ast.Comments(p) {
					if !group.Line {
						head = joinLines(head, commentText(group))
					}
				}
			}
		}
		return head
	}
	return ""
}

func joinLines(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}

// commentText writes a comment as YAML does.
func commentText(group *ast.CommentGroup) string {
	var lines []string
	for _, c := range group.List {
		lines = append(lines, "#"+strings.TrimRight(strings.TrimPrefix(c.Text, "//"), " \t"))
	}
	return strings.Join(lines, "\n")
}

// comprehension is the place of one of a struct's comprehensions, or else of the
// struct.
func (n *sourceNotes) comprehension(v cue.Value, i, of int) compat.Place {
	at := valuePlace(v)
	field := n.fields[keyOf(userPos(v))]
	if field == nil {
		return at
	}
	st, ok := field.Value.(*ast.StructLit)
	if !ok {
		return at
	}
	var found []*ast.Comprehension
	for _, e := range st.Elts {
		if c, ok := e.(*ast.Comprehension); ok {
			found = append(found, c)
		}
	}
	if len(found) == of {
		at.Line, at.Column = found[i].Pos().Line(), found[i].Pos().Column()
	}
	return at
}
