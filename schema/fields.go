package schema

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// A Field is a field of the language, as the schema's source declares it: for
// documentation, where nothing has to be evaluated.
type Field struct {
	// Name is empty for a pattern, which stands for fields of any name.
	Name string
	// Doc is the comment on it. A comment that begins with several names counts for
	// all of them.
	Doc string
	// Example is the indented end of the comment: CUE source, perhaps empty.
	Example string
	// Type is its constraint as CUE source; a struct is "{…}".
	Type     string
	Optional bool

	in    *definitions
	value ast.Expr
}

// Fields returns the fields of one of the language's definitions, such as #Phase or
// #Inputs, in the order of the schema. It is empty if there is no such definition.
func Fields(definition string) []Field { return nativeDefinitions().named(definition) }

// LegacyFields returns those of a definition of the package kanister.
func LegacyFields(definition string) []Field { return legacyDefinitions().named(definition) }

// Fields of the struct that the field holds, if it holds one.
func (f Field) Fields() []Field {
	if f.in == nil {
		return nil
	}
	return f.in.of(f.value, 0)
}

// Elem is what an item of the list is that the field holds.
func (f Field) Elem() (Field, bool) {
	list, ok := f.value.(*ast.ListLit)
	if !ok || len(list.Elts) != 1 {
		return Field{}, false
	}
	rest, ok := list.Elts[0].(*ast.Ellipsis)
	if !ok || rest.Type == nil {
		return Field{}, false
	}
	return Field{Type: typeSource(rest.Type), in: f.in, value: rest.Type}, true
}

var (
	nativeDefinitions = sync.OnceValue(func() *definitions { return readDefinitions(".") })
	legacyDefinitions = sync.OnceValue(func() *definitions { return readDefinitions("kanister") })
)

// definitions are those of one package: name to its parts, of which each file may
// have one.
type definitions struct{ parts map[string][]ast.Expr }

func readDefinitions(dir string) *definitions {
	d := &definitions{parts: map[string][]ast.Expr{}}
	names, _ := fs.Glob(FS, path.Join(dir, "*.cue")) // The pattern is a good one.
	for _, name := range names {
		src, err := FS.ReadFile(name)
		if err != nil {
			continue // Embedded files can be read.
		}
		f, err := parser.ParseFile(name, src, parser.ParseComments)
		if err != nil {
			continue // So does the schema's own test say.
		}
		for _, decl := range f.Decls {
			if field, ok := decl.(*ast.Field); ok {
				label, _, _ := ast.LabelName(field.Label)
				d.parts[label] = append(d.parts[label], field.Value)
			}
		}
	}
	return d
}

func (d *definitions) named(name string) []Field {
	return d.ofNamed(name, 0)
}

func (d *definitions) ofNamed(name string, depth int) []Field {
	var fields []Field
	for _, part := range d.parts[name] {
		fields = appendFields(fields, d.of(part, depth+1))
	}
	return fields
}

// appendFields adds fields; one that is there already is completed.
func appendFields(fields, more []Field) []Field {
	for _, m := range more {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == m.Name })
		if i < 0 {
			fields = append(fields, m)
		} else if fields[i].Doc == "" {
			fields[i].Doc = m.Doc
		}
	}
	return fields
}

// maxFieldDepth ends definitions that refer to each other in a circle.
const maxFieldDepth = 8

// of lists the fields of an expression.
func (d *definitions) of(x ast.Expr, depth int) []Field {
	if depth > maxFieldDepth {
		return nil
	}
	switch x := x.(type) {
	case *ast.StructLit:
		return d.ofStruct(x, depth)
	case *ast.Ident:
		return d.ofNamed(x.Name, depth)
	case *ast.Alias:
		return d.of(x.Expr, depth)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			return appendFields(d.of(x.X, depth), d.of(x.Y, depth))
		}
	}
	return nil
}

func (d *definitions) ofStruct(x *ast.StructLit, depth int) []Field {
	var fields []Field
	for _, decl := range x.Elts {
		switch decl := decl.(type) {
		case *ast.EmbedDecl:
			fields = appendFields(fields, d.of(decl.Expr, depth+1))
		case *ast.Field:
			if f, ok := d.field(decl); ok {
				if f.Doc == "" {
					f.Doc, f.Example = sharedDoc(fields, f.Name)
				}
				fields = appendFields(fields, []Field{f})
			}
		}
	}
	return fields
}

// field describes a declaration; hidden ones and definitions are none of the user's.
func (d *definitions) field(x *ast.Field) (Field, bool) {
	f := Field{Type: typeSource(x.Value), Optional: x.Constraint == token.OPTION, in: d, value: x.Value}
	if alias, ok := x.Value.(*ast.Alias); ok {
		f.value = alias.Expr
	}
	if _, pattern := x.Label.(*ast.ListLit); !pattern {
		name, _, err := ast.LabelName(x.Label)
		if err != nil || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#") {
			return Field{}, false
		}
		f.Name = name
	}
	for _, g := range ast.Comments(x) {
		if g.Doc {
			f.Doc, f.Example = splitExample(strings.TrimSpace(g.Text()))
		}
	}
	return f, true
}

// severalNames are what a comment on several fields begins with.
var severalNames = regexp.MustCompile(`^(?:\w+, )*\w+ and \w+ `)

// sharedDoc is the comment on the fields before, if it begins with several names and
// this one is among them.
func sharedDoc(before []Field, name string) (doc, example string) {
	if len(before) == 0 {
		return "", ""
	}
	last := before[len(before)-1]
	names := strings.FieldsFunc(severalNames.FindString(last.Doc), func(c rune) bool { return c == ',' || c == ' ' })
	if slices.Contains(names, name) {
		return last.Doc, last.Example
	}
	return "", ""
}

// typeSource writes a constraint in one line, a struct with fields as {…}.
func typeSource(x ast.Expr) string {
	x = withoutError(x)
	if s, ok := x.(*ast.StructLit); ok && len(s.Elts) > 0 {
		if _, open := s.Elts[0].(*ast.Ellipsis); !open && !isPattern(s) {
			return "{…}"
		}
	}
	if alias, ok := x.(*ast.Alias); ok {
		return typeSource(alias.Expr)
	}
	src, err := format.Node(x)
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(src)), " ")
}

func isPattern(s *ast.StructLit) bool {
	f, ok := s.Elts[0].(*ast.Field)
	if !ok {
		return false
	}
	_, ok = f.Label.(*ast.ListLit)
	return ok
}
