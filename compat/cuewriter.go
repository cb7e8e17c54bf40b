package compat

import (
	"strings"
)

// cueField is a field of the CUE to be written. Exactly one of expr, fields and
// items is set; an empty struct has fields that are not nil.
type cueField struct {
	// label as it stands in the source, quoted where it has to be.
	label string
	// let makes it a let clause.
	let    bool
	expr   string
	fields []*cueField
	items  []*cueItem
	// attr stands behind the value.
	attr string
	// blank leaves an empty line before the field.
	blank    bool
	comments Comments
}

// cueItem is an element of a list.
type cueItem struct {
	expr     string
	fields   []*cueField
	items    []*cueItem
	comments Comments
}

// cueWriter writes fields in the way a person would: a struct of a single field on
// the line of its parent, short lists on one line.
type cueWriter struct{ strings.Builder }

func (w *cueWriter) tabs(n int) { w.WriteString(strings.Repeat("\t", n)) }

// commentLines writes a YAML comment as one of CUE.
func (w *cueWriter) commentLines(comment string, depth int) {
	if comment == "" {
		return
	}
	for _, line := range strings.Split(comment, "\n") {
		if line == "" {
			w.WriteByte('\n')
			continue
		}
		w.tabs(depth)
		w.WriteString(cueComment(line) + "\n")
	}
}

// cueComment turns `# text` into `// text`.
func cueComment(line string) string {
	text := strings.TrimRight(strings.TrimPrefix(strings.TrimLeft(line, " \t"), "#"), " \t\r")
	if text != "" && text[0] != ' ' && text[0] != '\t' {
		text = " " + text
	}
	return "//" + text
}

func (w *cueWriter) fields(fields []*cueField, depth int) {
	for i, f := range fields {
		if f.blank && i > 0 {
			w.WriteByte('\n')
		}
		w.field(f, depth)
	}
}

func (w *cueWriter) field(f *cueField, depth int) {
	w.commentLines(f.comments.Head, depth)
	tail := f.comments.Line
	if tail != "" && (f.expr == "" || strings.Contains(f.expr+tail, "\n")) {
		w.commentLines(tail, depth)
		tail = ""
	}
	w.tabs(depth)
	if f.let {
		w.WriteString("let " + f.label + " = ")
	} else {
		w.WriteString(f.label + ": ")
	}
	w.value(f, depth)
	if f.attr != "" {
		w.WriteString(" " + indentLines(f.attr, depth+1))
	}
	if tail != "" {
		w.WriteString(" " + cueComment(tail))
	}
	w.WriteByte('\n')
	w.foot(f.comments.Foot, depth)
}

// foot writes a comment that belongs to what stands above it.
func (w *cueWriter) foot(comment string, depth int) {
	if comment != "" {
		w.commentLines(comment, depth)
		w.WriteByte('\n')
	}
}

func (w *cueWriter) value(f *cueField, depth int) {
	switch {
	case f.fields != nil:
		if only := single(f.fields); only != nil {
			w.WriteString(only.label + ": ")
			w.value(only, depth)
			return
		}
		w.structure(f.fields, depth)
	case f.items != nil:
		w.list(f.items, depth)
	default:
		w.WriteString(indentLines(f.expr, depth+1))
	}
}

// single returns the only field, if it can stand on the line of its parent.
func single(fields []*cueField) *cueField {
	if len(fields) != 1 {
		return nil
	}
	f := fields[0]
	if f.let || f.attr != "" || f.comments != (Comments{}) {
		return nil
	}
	return f
}

func (w *cueWriter) structure(fields []*cueField, depth int) {
	if len(fields) == 0 {
		w.WriteString("{}")
		return
	}
	w.WriteString("{\n")
	w.fields(fields, depth+1)
	w.tabs(depth)
	w.WriteByte('}')
}

func (w *cueWriter) list(items []*cueItem, depth int) {
	if len(items) == 0 {
		w.WriteString("[]")
		return
	}
	if hasComments(items) {
		w.tallList(items, depth)
		return
	}
	w.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			w.WriteString(", ")
		}
		w.item(item, depth)
	}
	w.WriteByte(']')
}

func hasComments(items []*cueItem) bool {
	for _, item := range items {
		if item.comments != (Comments{}) {
			return true
		}
	}
	return false
}

// tallList gives every element a line of its own.
func (w *cueWriter) tallList(items []*cueItem, depth int) {
	w.WriteString("[\n")
	for _, item := range items {
		w.commentLines(item.comments.Head, depth+1)
		tail := item.comments.Line
		if tail != "" && strings.Contains(item.expr, "\n") {
			w.commentLines(tail, depth+1)
			tail = ""
		}
		w.tabs(depth + 1)
		w.item(item, depth+1)
		w.WriteByte(',')
		if tail != "" {
			w.WriteString(" " + cueComment(tail))
		}
		w.WriteByte('\n')
		w.commentLines(item.comments.Foot, depth+1)
	}
	w.tabs(depth)
	w.WriteByte(']')
}

func (w *cueWriter) item(item *cueItem, depth int) {
	switch {
	case item.fields != nil:
		w.structure(item.fields, depth)
	case item.items != nil:
		w.list(item.items, depth)
	default:
		w.WriteString(indentLines(item.expr, depth+1))
	}
}
