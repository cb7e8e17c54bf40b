package vet

import (
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// A manifest is an object of Kubernetes, or a patch of one, in the text that KubeOps gets.
// Words stand for what is put into the text.
type manifest struct {
	root *compat.Value
	text *filledText
	form *trial
	src  *source
}

// manifests reads the objects in a text, in the first of its forms that is YAML. If none
// is, the errors are those of the first.
func (t *filledText) manifests() (objects []*manifest, unreadable []manifestError) {
	for _, form := range t.forms {
		src := newSource("", []byte(form.String()))
		docs, err := compat.Parse("", []byte(form.String()))
		if err == nil {
			for _, doc := range docs {
				objects = append(objects, &manifest{doc.Root, t, form, src})
			}
			return objects, nil
		}
		if unreadable == nil {
			unreadable = manifestErrors(&manifest{nil, t, form, src}, err)
		}
	}
	return nil, unreadable
}

// at adds a finding whose lines and columns are those of the text.
func (m *manifest) at(f Finding) {
	start, end := m.src.offset(f.Line, f.Column), m.src.offset(f.EndLine, f.EndColumn)
	from := m.form.source(start)
	m.text.report(from, max(from, m.form.source(end)), f)
}

// filled tells whether something is put into a line of the text.
func (m *manifest) filled(line int) bool {
	return slices.ContainsFunc(m.form.pieces, func(p trialPiece) bool {
		at, _ := m.src.position(p.at)
		return p.value != nil && at == line
	})
}

// open tells whether what is put into the text can be any YAML: it has a line for itself,
// or is made by an expression.
func (m *manifest) open() bool {
	return slices.ContainsFunc(m.form.pieces, func(p trialPiece) bool {
		line, _ := m.src.position(p.at)
		return p.value != nil && (p.value.open || strings.Trim(m.src.line(line), " -") == placeholderWord)
	})
}

// value is a value of the object as rules see those of arguments.
func (m *manifest) value(v *compat.Value) *outlineValue {
	out := &outlineValue{}
	if v == nil {
		return out
	}
	switch v.Kind {
	case compat.Map:
		for _, f := range v.Fields {
			out.fields = append(out.fields, outlineField{name: f.Name, mark: func(Finding) {}, value: m.value(f.Value)})
		}
	case compat.List:
		for _, item := range v.Items {
			out.items = append(out.items, m.value(item))
		}
	case compat.Null:
	default:
		out.text = &filledText{forms: []*trial{m.trial(v)}, report: m.text.report}
	}
	return out
}

// trial is a text of the object, with what is put into it, and the way back to the source.
func (m *manifest) trial(v *compat.Value) *trial {
	t, cursor := &trial{}, v.Cursor()
	begin, next, source := 0, -1, 0
	flush := func(end int) {
		if next >= 0 {
			t.literally(v.Str[begin:end], source)
		}
		next = -1
	}
	for i, r := range v.Str {
		at := m.src.offset(cursor.At(i))
		p, from := m.form.piece(at), m.form.source(at)
		switch {
		case p.value != nil:
			flush(i)
			t.fill(p.value)
		case p.fixed:
			flush(i)
			t.instead(string(r), from)
		default:
			if from != next {
				flush(i)
				begin, source = i, from
			}
			next = from + len(string(r))
		}
	}
	flush(len(v.Str))
	return t
}
