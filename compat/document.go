package compat

import (
	"strings"
)

// Kinds of documents that Rescue knows.
const (
	KindBlueprint        = "Blueprint"
	KindActionSet        = "ActionSet"
	KindProfile          = "Profile"
	KindRepositoryServer = "RepositoryServer"
)

// apiGroup is the group of Kanister's custom resources, APIVersion its only version.
const (
	apiGroup   = "cr.kanister.io"
	APIVersion = apiGroup + "/v1alpha1"
)

// Document is one document of a YAML file.
type Document struct {
	File string
	// Kind is one of the Kind constants, or empty if the document is something
	// else, such as another Kubernetes object.
	Kind string
	Root *Value
	// Foot is the comment after the last line of the document.
	Foot string
}

// ValueKind is the kind of a value. The zero value is Null.
type ValueKind uint8

// The kinds are those of JSON, with integers told from other numbers.
const (
	Null ValueKind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

// String names the kind as error messages do.
func (k ValueKind) String() string {
	return [...]string{"null", "a boolean", "an integer", "a number", "a string", "a list", "a map"}[k]
}

// Style is how a value is written.
type Style uint8

// Styles of scalars and, with Flow, of lists and maps.
const (
	Plain Style = iota
	SingleQuoted
	DoubleQuoted
	Literal
	Folded
	Flow
)

// Comments are those that belong to a value or field, each with its # signs, and
// lines divided by a newline.
type Comments struct {
	// Head stands above, Line at the end of the first line, Foot below.
	Head, Line, Foot string
}

// Value is a node of a document, resolved as Kubernetes resolves it.
type Value struct {
	Kind  ValueKind
	Style Style
	// Line and Column of the first character, counted from 1; columns count
	// characters. For a block scalar it is that of its | or >. A value that came
	// through an alias has the position of its anchor.
	Line, Column int
	// Comments of a list's item or of the document's root. Those of a map's
	// field are with the Field.
	Comments Comments

	// Str is the text of a String, and the source text of any other scalar.
	Str    string
	Bool   bool
	Int    int64
	Float  float64
	Items  []*Value
	Fields []*Field

	src *source
}

// Field is one entry of a map, in the order written.
type Field struct {
	Name string
	// Line and Column of the key.
	Line, Column int
	Value        *Value
	Comments     Comments
}

// Get returns the value of the field, or nil. It may be called on nil and on a
// value that is no map.
func (v *Value) Get(name string) *Value {
	if f := v.Field(name); f != nil {
		return f.Value
	}
	return nil
}

// Field returns the field of that name, or nil.
func (v *Value) Field(name string) *Field {
	if v == nil {
		return nil
	}
	for _, f := range v.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Text returns the string, and whether the value is one.
func (v *Value) Text() (string, bool) {
	if v == nil || v.Kind != String {
		return "", false
	}
	return v.Str, true
}

// Any returns the value as Kubernetes' JSON decoder would: nil, bool, int64,
// float64, string, []any or map[string]any.
func (v *Value) Any() any {
	switch v.Kind {
	case Bool:
		return v.Bool
	case Int:
		return v.Int
	case Float:
		return v.Float
	case String:
		return v.Str
	case List:
		items := make([]any, len(v.Items))
		for i, item := range v.Items {
			items[i] = item.Any()
		}
		return items
	case Map:
		fields := make(map[string]any, len(v.Fields))
		for _, f := range v.Fields {
			fields[f.Name] = f.Value.Any()
		}
		return fields
	}
	return nil
}

// File names the file that the value stands in.
func (v *Value) File() string {
	if v.src == nil {
		return ""
	}
	return v.src.file
}

// Errorf makes an error at the value's position.
func (v *Value) Errorf(format string, args ...any) *Error {
	return errorAt(v.File(), v.Line, v.Column, format, args...)
}

// errorf makes an error at the position of the field's key.
func (f *Field) errorf(format string, args ...any) *Error {
	return errorAt(f.Value.File(), f.Line, f.Column, format, args...)
}

// kindOf says which of Rescue's documents root is.
func kindOf(root *Value) string {
	kind, _ := root.Get("kind").Text()
	switch kind {
	case KindBlueprint, KindActionSet, KindProfile, KindRepositoryServer:
	default:
		return ""
	}
	// Others have a Profile too: the group tells them apart.
	version, given := root.Get("apiVersion").Text()
	if given && version != "" && !strings.HasPrefix(version, apiGroup+"/") {
		return ""
	}
	return kind
}
