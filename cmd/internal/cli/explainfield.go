package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/schema"
)

// The parts of the language that explain knows beside functions and rules: what is typed,
// and its fields.
var fieldRoots = []fieldRoot{
	{"blueprint", "A blueprint in CUE: `blueprint: schema.#Blueprint & {…}`.", func() []schema.Field { return schema.Fields("#Blueprint") }},
	{"action", "An action of a blueprint.", func() []schema.Field { return schema.Fields("#Action") }},
	{"phase", "A phase of an action: one call of a function.", func() []schema.Field { return schema.Fields("#Phase") }},
	{"input", "What is known when an action starts. Which of these there are depends on the action's kind.", inputFields},
	{"ActionSet", "A request to run actions, in YAML.", func() []schema.Field { return schema.LegacyFields("#ActionSet") }},
	{"Profile", "Where backups are kept, and with which credentials, in YAML.", func() []schema.Field { return schema.LegacyFields("#Profile") }},
	{"RepositoryServer", "A Kopia repository server, in YAML.", func() []schema.Field { return schema.LegacyFields("#RepositoryServer") }},
}

type fieldRoot struct {
	name, doc string
	fields    func() []schema.Field
}

// inputFields are those of an action on any kind of object.
func inputFields() []schema.Field {
	for _, f := range schema.Fields("#Inputs") {
		if f.Name == "Any" {
			return f.Fields()
		}
	}
	return nil
}

func findRoot(name string) (fieldRoot, bool) {
	i := slices.IndexFunc(fieldRoots, func(r fieldRoot) bool { return strings.EqualFold(r.name, name) })
	if i < 0 {
		return fieldRoot{}, false
	}
	return fieldRoots[i], true
}

func rootNames() []string {
	var names []string
	for _, r := range fieldRoots {
		names = append(names, r.name)
	}
	return names
}

// fieldPaths lists what explain takes below a part of the language.
func fieldPaths(root string) []string {
	r, ok := findRoot(root)
	if !ok {
		return nil
	}
	var paths []string
	for _, f := range r.fields() {
		paths = append(paths, root+"."+f.Name)
	}
	return paths
}

// fieldDoc is the JSON form of a field.
type fieldDoc struct {
	Name     string     `json:"name"`
	Type     string     `json:"type,omitempty"`
	Optional bool       `json:"optional"`
	Doc      string     `json:"doc"`
	Example  string     `json:"example,omitempty"`
	Fields   []fieldDoc `json:"fields"`
}

func newFieldDoc(f schema.Field, inner []schema.Field) fieldDoc {
	d := fieldDoc{Name: f.Name, Type: strings.ReplaceAll(f.Type, "time.Duration()", "duration"), Optional: f.Optional, Doc: joined(f.Doc), Example: f.Example, Fields: []fieldDoc{}}
	for _, x := range inner {
		d.Fields = append(d.Fields, newFieldDoc(x, nil))
	}
	return d
}

// field explains a part of the language, and what a dotted path leads to in it. A name
// that the user chooses, such as that of an action, stands for all of them.
func (e explainer) field(root fieldRoot, path string) error {
	at, f, fields := root.name, schema.Field{Name: root.name, Doc: root.doc}, root.fields()
	for name := range strings.SplitSeq(path, ".") {
		if name == "" {
			continue
		}
		next, ok := fieldNamed(fields, name)
		if !ok {
			return unknown(name, "field of "+at, namesOf(fields))
		}
		at, f, fields = at+"."+name, next, inner(next)
	}
	doc := newFieldDoc(f, fields)
	doc.Name = at
	if doc.Example == "" && root.name == "input" && path != "" {
		doc.Example = "args: NAME: " + at
	}
	if e.json {
		return cannot(writeJSON(e.out, doc))
	}
	return cannot(doc.write(e))
}

func fieldNamed(fields []schema.Field, name string) (schema.Field, bool) {
	for _, wanted := range []string{name, ""} {
		if i := slices.IndexFunc(fields, func(f schema.Field) bool { return f.Name == wanted }); i >= 0 {
			return fields[i], true
		}
	}
	return schema.Field{}, false
}

// inner are the fields of a field, or of an item of its list.
func inner(f schema.Field) []schema.Field {
	if elem, ok := f.Elem(); ok {
		return elem.Fields()
	}
	return f.Fields()
}

func namesOf(fields []schema.Field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

func (d fieldDoc) write(e explainer) error {
	lines := []string{d.Name}
	if d.Doc != "" {
		lines = append(lines, "", d.Doc)
	}
	if d.Type != "" {
		lines = append(lines, "", "type: "+d.Type)
	}
	if d.Example != "" {
		lines = append(lines, "", "Example:", "  "+strings.ReplaceAll(d.Example, "\n", "\n  "))
	}
	if len(d.Fields) > 0 {
		lines = append(lines, "", "Fields:")
	}
	if _, err := fmt.Fprintln(e.out, strings.Join(lines, "\n")); err != nil {
		return err
	}
	var values []valueDoc
	for _, f := range d.Fields {
		if f.Name == "" {
			f.Name = "NAME"
		}
		values = append(values, valueDoc{Name: f.Name, Type: f.Type, Doc: summaryOf(f.Doc)})
	}
	return writeTable(e.out, values)
}
