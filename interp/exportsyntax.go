package interp

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"

	"github.com/rescuecue/rescue/compat"
)

// selfContained is the expression of a value, in which everything that it reads
// stands as a let.
type selfContained struct {
	x    *exporter
	file *ast.File
	lets map[string]*ast.LetClause
	// imports has the packages by the names that the expression gives them.
	imports map[string]string
	// top holds what is to be evaluated: the elements of the file, but for lets.
	top *ast.StructLit
}

// syntax is the expression of a value. It is parsed again, because what CUE makes
// is not quite what its parser would.
func (x *exporter) syntax(v cue.Value) (*selfContained, error) {
	src, err := source(v)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile("expression", src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	s := &selfContained{x: x, file: file, lets: map[string]*ast.LetClause{}, imports: importNames(file), top: &ast.StructLit{}}
	for _, let := range lets(file) {
		s.lets[let.Ident.Name] = let
	}
	for _, d := range file.Decls {
		switch d.(type) {
		case *ast.LetClause, *ast.ImportDecl:
		default:
			s.top.Elts = append(s.top.Elts, d)
		}
	}
	return s, nil
}

// scope has the names that an expression sees besides the lets.
type scope struct {
	outer *scope
	// fields of the struct around it, and all that this is unified with.
	fields *ast.StructLit
	whole  bothRef
	// vars of a loop.
	vars map[string]bool
	// let of a comprehension.
	let *ast.LetClause
}

// element is a part of a struct, with what it sees.
type element struct {
	node  ast.Decl
	scope *scope
}

// elements of the value, when it is a struct, those of embedded ones included.
func (s *selfContained) elements() []element { return s.elementsOf(s.top, nil, 0) }

func (s *selfContained) elementsOf(st *ast.StructLit, sc *scope, depth int) []element {
	if depth > maxDepth {
		return nil
	}
	var all []element
	inner := &scope{outer: sc, fields: st}
	for _, e := range st.Elts {
		switch e := e.(type) {
		case *ast.EmbedDecl:
			for _, lit := range s.structs(e.Expr, inner, depth+1) {
				all = append(all, s.elementsOf(lit.node, lit.scope, depth+1)...)
			}
		case *ast.Field, *ast.Comprehension:
			all = append(all, element{e, inner})
		}
	}
	return all
}

type scopedStruct struct {
	node  *ast.StructLit
	scope *scope
}

// structs are the struct literals that an expression unifies.
func (s *selfContained) structs(n ast.Expr, sc *scope, depth int) []scopedStruct {
	if depth > maxDepth {
		return nil
	}
	switch n := n.(type) {
	case *ast.StructLit:
		return []scopedStruct{{n, sc}}
	case *ast.ParenExpr:
		return s.structs(n.X, sc, depth+1)
	case *ast.BinaryExpr:
		if isAnd(n) {
			return append(s.structs(n.X, sc, depth+1), s.structs(n.Y, sc, depth+1)...)
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		r, err := s.resolve(n, sc)
		if err != nil {
			return nil
		}
		if lit, ok := r.(litRef); ok && lit.node != n {
			return s.structs(lit.node, lit.scope, depth+1)
		}
	}
	return nil
}

// listComprehensions are those right in a list.
func (s *selfContained) listComprehensions() []*ast.Comprehension {
	var found []*ast.Comprehension
	for _, d := range s.top.Elts {
		embed, ok := d.(*ast.EmbedDecl)
		if !ok {
			continue
		}
		for _, part := range conjuncts(embed.Expr) {
			list, ok := part.(*ast.ListLit)
			if !ok {
				continue
			}
			for _, e := range list.Elts {
				if c, ok := e.(*ast.Comprehension); ok {
					found = append(found, c)
				}
			}
		}
	}
	return found
}

// dependsOnRun says whether what decides about a comprehension is only known in a
// run.
func (s *selfContained) dependsOnRun(c *ast.Comprehension) bool {
	for _, clause := range c.Clauses {
		switch clause := clause.(type) {
		case *ast.IfClause:
			if s.runTime(clause.Condition, nil) {
				return true
			}
		case *ast.ForClause:
			if s.runTime(clause.Source, nil) {
				return true
			}
		case *ast.LetClause:
			if s.runTime(clause.Expr, nil) {
				return true
			}
		}
	}
	return false
}

// runTime says whether an expression reads something that is only known in a run.
func (s *selfContained) runTime(n ast.Node, sc *scope) bool { return s.reads(n, sc, map[string]bool{}) }

func (s *selfContained) reads(n ast.Node, sc *scope, seen map[string]bool) (found bool) {
	ast.Walk(n, func(n ast.Node) bool {
		if found {
			return false
		}
		switch n := n.(type) {
		case *ast.SelectorExpr, *ast.IndexExpr:
			if r, ok := s.outside(n.(ast.Expr), sc); ok {
				found = s.readsPath(r, seen)
				return false
			}
		case *ast.Ident:
			let := s.lets[n.Name]
			if let == nil || seen[n.Name] {
				return true
			}
			seen[n.Name] = true
			if r, ok := s.outside(n, sc); ok {
				found = s.readsPath(r, seen)
				return false
			}
			found = s.x.isMarker(let) || s.reads(let.Expr, nil, seen)
		}
		return true
	}, nil)
	return found
}

// outside resolves a path that leads into the action.
func (s *selfContained) outside(n ast.Expr, sc *scope) (pathRef, bool) {
	r, err := s.resolve(n, sc)
	if err != nil {
		return pathRef{}, false
	}
	p, ok := r.(pathRef)
	return p, ok
}

// readsPath says so of a path: an input, an output, or a value that reads one.
func (s *selfContained) readsPath(r pathRef, seen map[string]bool) bool {
	if r.isParameter() || len(r.steps) < 3 {
		return true
	}
	v, ok := s.x.at(r)
	if !ok {
		return true
	}
	key := v.Path().String()
	if seen[key] {
		return false
	}
	seen[key] = true
	inner, err := s.x.syntax(v)
	return err != nil || inner.reads(inner.top, nil, seen)
}

// clauseText is what a comprehension asks for, as far as it can be told.
func clauseText(c *ast.Comprehension) string {
	head := &ast.File{Decls: []ast.Decl{&ast.Comprehension{Clauses: c.Clauses, Value: &ast.StructLit{}}}}
	astutil.Apply(head, nil, func(c astutil.Cursor) bool {
		ast.SetComments(c.Node(), nil)
		if sel, ok := c.Node().(*ast.SelectorExpr); ok {
			// CUE writes input as INPUT.#x.
			id, wrapped := sel.Sel.(*ast.Ident)
			if let, ok := sel.X.(*ast.Ident); ok && wrapped && id.Name == "#x" {
				c.Replace(ast.NewIdent(strings.ToLower(let.Name)))
			}
		}
		return true
	})
	src, err := format.Node(head)
	if err != nil {
		return "a comprehension"
	}
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(src)), "{}"))
}

// tree exports an expression with the structs and lists in it.
func (s *selfContained) tree(n ast.Expr, sc *scope, at compat.Place) (*compat.ExportValue, error) {
	out := &compat.ExportValue{Place: at}
	switch n := n.(type) {
	case *ast.StructLit:
		out.Fields = []*compat.ExportField{}
		inner := &scope{outer: sc, fields: n}
		for _, e := range n.Elts {
			f, ok := e.(*ast.Field)
			if !ok {
				return nil, fmt.Errorf("a struct under a computed name that is more than its fields")
			}
			field, err := s.treeField(f, inner, at)
			if err != nil {
				return nil, err
			}
			out.Fields = append(out.Fields, field)
		}
		return out, nil
	case *ast.ListLit:
		out.Items = []*compat.ExportValue{}
		for _, e := range n.Elts {
			item, err := s.tree(e, sc, at)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, item)
		}
		return out, nil
	}
	var err error
	out.Expr, err = s.expr(n, sc)
	return out, err
}

func (s *selfContained) treeField(f *ast.Field, sc *scope, at compat.Place) (*compat.ExportField, error) {
	field := &compat.ExportField{}
	var err error
	if label := computedLabel(f); label != nil {
		field.Key, err = s.expr(label, sc)
	} else {
		var name string
		name, _, err = ast.LabelName(f.Label)
		field.Key = compat.TextExpr(name)
	}
	if err != nil {
		return nil, err
	}
	field.Value, err = s.tree(f.Value, sc, at)
	return field, err
}
