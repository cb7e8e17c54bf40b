package compat

import (
	"fmt"
	"go/token"
	"sort"
	"strings"

	"cuelang.org/go/cue/format"

	"github.com/rescuecue/rescue/schema"
)

// ConvertOptions change what Convert writes.
type ConvertOptions struct {
	// Package is the name of the CUE package; by default it is made of the
	// blueprint's name.
	Package string
}

// Conversion is a blueprint as CUE, and what became of its templates.
type Conversion struct {
	CUE []byte
	// Native counts the template actions, {{ … }}, that became CUE.
	Native int
	// Kept are the strings that stayed templates.
	Kept []KeptTemplate
	// Warnings are places where the CUE says something else than the YAML, because
	// that was wrong, ignored by Kanister or had to be guessed.
	Warnings []*Error
}

// KeptTemplate is a string that the CUE has as a Go template, in an attribute
// @gotmpl.
type KeptTemplate struct {
	// Line and Column of the string in the YAML file.
	Line, Column int
	// Actions counts the {{ … }} in it.
	Actions int
	// Reason says why.
	Reason string
}

// KeptActions counts the template actions that did not become CUE.
func (c *Conversion) KeptActions() int {
	n := 0
	for _, k := range c.Kept {
		n += k.Actions
	}
	return n
}

// Convert writes a blueprint as CUE. What is wrong with the blueprint, unknown
// functions and arguments among it, is carried over, so that checking the CUE
// reports it. An error means that no CUE could be made.
func Convert(bp *Blueprint, opts ConvertOptions) (*Conversion, error) {
	c := &converter{bp: bp, out: &Conversion{}, imports: map[string]bool{}}
	fields := c.blueprint()
	src := c.file(opts, fields)
	formatted, err := format.Source([]byte(src))
	if err != nil {
		return nil, errorAt(bp.Doc.File, 1, 1, "cannot write this blueprint as CUE: %v", err)
	}
	c.out.CUE = formatted
	sort.SliceStable(c.out.Warnings, func(i, j int) bool { return c.out.Warnings[i].Line < c.out.Warnings[j].Line })
	return c.out, nil
}

type converter struct {
	bp      *Blueprint
	out     *Conversion
	imports map[string]bool
	// header is the comment above the package clause, pending the comments of
	// what was left out: they go to the next field.
	header, pending string
}

func (c *converter) warn(err *Error) { c.out.Warnings = append(c.out.Warnings, err) }

// drop keeps the comments of a field that has no place in the CUE.
func (c *converter) drop(f *Field) {
	if f != nil {
		c.pending = joinComments(c.pending, allComments(f))
	}
}

// take returns the comments of a field, those of dropped ones before them.
func (c *converter) take(own Comments) Comments {
	own.Head = joinComments(c.pending, own.Head)
	c.pending = ""
	return own
}

// allComments of a field and all that is in it, from top to bottom.
func allComments(f *Field) string {
	return joinComments(f.Comments.Head, f.Comments.Line, valueComments(f.Value), f.Comments.Foot)
}

func valueComments(v *Value) string {
	all := []string{v.Comments.Head, v.Comments.Line}
	for _, f := range v.Fields {
		all = append(all, allComments(f))
	}
	for _, item := range v.Items {
		all = append(all, valueComments(item))
	}
	return joinComments(append(all, v.Comments.Foot)...)
}

// importPaths of the packages that converted templates use.
var importPaths = map[string]string{
	"base64": "encoding/base64", "list": "list", "strconv": "strconv", "strings": "strings", "time": "time",
}

// file writes the whole source, not yet formatted.
func (c *converter) file(opts ConvertOptions, fields []*cueField) string {
	w := &cueWriter{}
	if c.header != "" {
		w.commentLines(c.header, 0)
		w.WriteByte('\n')
	}
	name := opts.Package
	if name == "" {
		name = packageName(c.bp.Name)
	}
	w.WriteString("package " + name + "\n\n")
	w.imports(c.imports)
	w.WriteString("blueprint: schema.#Blueprint & ")
	w.structure(fields, 0)
	w.WriteByte('\n')
	foot := joinComments(c.pending, c.bp.Doc.Foot)
	if foot != "" {
		w.WriteByte('\n')
		w.commentLines(foot, 0)
	}
	return w.String()
}

func (w *cueWriter) imports(used map[string]bool) {
	var paths []string
	for pkg := range used {
		paths = append(paths, importPaths[pkg])
	}
	sort.Strings(paths)
	own := schema.Module + "/schema"
	if len(paths) == 0 {
		fmt.Fprintf(w, "import %q\n\n", own)
		return
	}
	w.WriteString("import (\n")
	for _, p := range paths {
		fmt.Fprintf(w, "\t%q\n", p)
	}
	fmt.Fprintf(w, "\n\t%q\n)\n\n", own)
}

// packageName makes an identifier of a blueprint's name.
func packageName(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			b.WriteRune(r)
		}
	}
	p := b.String()
	if p == "" || !token.IsIdentifier(p) {
		p = "blueprint" + p
	}
	return p
}

func (c *converter) blueprint() []*cueField {
	root := c.bp.Doc.Root
	c.header = root.Comments.Head
	c.headerField(root.Field("apiVersion"))
	c.headerField(root.Field("kind"))
	name := c.bp.Name
	if name == "" {
		name = "blueprint"
		c.warn(root.Errorf("the blueprint has no metadata.name: it is called %q in the CUE", name))
	}
	meta := c.metadata(root.Field("metadata"))
	fields := []*cueField{{label: "name", expr: quoteText(name), comments: c.take(Comments{})}}
	if len(meta) > 0 {
		fields = append(fields, &cueField{label: "metadata", fields: meta})
	}
	for _, f := range c.bp.Unknown {
		c.warn(f.errorf("a Blueprint has no field %s: it is left out", f.Name))
		c.drop(f)
	}
	if actions := root.Field("actions"); actions != nil {
		c.pending = joinComments(c.pending, actions.Comments.Head, actions.Comments.Line)
	}
	for _, a := range c.bp.Actions {
		fields = append(fields, c.action(a))
	}
	if len(c.bp.Actions) == 0 {
		fields = append(fields, &cueField{label: "actions", fields: []*cueField{}})
	}
	return fields
}

// headerField moves the comments of a field that the CUE has no use for to the
// top of the file.
func (c *converter) headerField(f *Field) {
	if f != nil {
		c.header = joinComments(c.header, allComments(f))
	}
}

// metadata keeps what `export` needs to write the same resource again.
func (c *converter) metadata(f *Field) []*cueField {
	if f == nil {
		return nil
	}
	c.drop(f)
	var fields []*cueField
	for _, name := range []string{"namespace", "labels", "annotations"} {
		v := f.Value.Get(name)
		switch {
		case v == nil:
		case v.Kind == String && name == "namespace" && v.Str != "":
			fields = append(fields, &cueField{label: name, expr: quoteText(v.Str)})
		case v.Kind == Map && len(v.Fields) > 0:
			sub := []*cueField{}
			for _, x := range v.Fields {
				if x.Value.Kind == String {
					sub = append(sub, &cueField{label: cueLabel(x.Name), expr: quoteText(x.Value.Str)})
				}
			}
			fields = append(fields, &cueField{label: name, fields: sub})
		}
	}
	return fields
}

func quoteText(text string) string { return cueString([]piece{{text: text}}) }
