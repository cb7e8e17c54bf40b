package compat

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of what Parse reads. No real file comes near them; they keep a hostile
// one from taking the machine's memory.
const (
	maxFileSize = 64 << 20
	maxDepth    = 500
	maxValues   = 2_000_000
)

// Parse reads the documents of a YAML file the way Kubernetes does: `yes` and `on`
// are booleans, 010 is eight, dates are text. Empty documents are left out, and
// the items of a List stand as documents of their own. The error is an Errors;
// with one, the documents that could be read are returned all the same.
func Parse(file string, src []byte) ([]*Document, error) {
	if len(src) > maxFileSize {
		return nil, Errors{errorAt(file, 0, 0, "the file has %d MiB; the limit is %d MiB", len(src)>>20, maxFileSize>>20)}
	}
	r := &reader{src: newSource(file, src)}
	nodes, syntax := r.src.nodes(src)
	var docs []*Document
	for _, n := range nodes {
		if root := r.document(n); root != nil {
			docs = append(docs, r.split(root, n)...)
		}
	}
	if syntax != nil {
		r.errs = append(r.errs, syntax)
	}
	if len(r.errs) > 0 {
		return docs, r.errs
	}
	return docs, nil
}

// nodes parses as many documents as it can.
func (s *source) nodes(src []byte) (nodes []*yaml.Node, problem *Error) {
	defer func() {
		// The YAML library panics on some malformed comments.
		if p := recover(); p != nil {
			problem = errorAt(s.file, 1, 1, "cannot read this YAML (%v); simplify its comments and quoting", p)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if err == io.EOF {
			return nodes, nil
		}
		if err != nil {
			return nodes, s.syntaxError(err)
		}
		nodes = append(nodes, &n)
	}
}

// reader turns YAML nodes into values.
type reader struct {
	src  *source
	errs Errors
	// values counts those made, aliases expanded.
	values int
	// open are the anchored nodes that are being read: an alias to one of them
	// would never end.
	open map[*yaml.Node]bool
}

// document returns nil for an empty document.
func (r *reader) document(n *yaml.Node) *Value {
	if n.Kind != yaml.DocumentNode || len(n.Content) == 0 {
		return nil
	}
	root := n.Content[0]
	if root.Kind == yaml.ScalarNode && root.Value == "" && root.Style == 0 {
		return nil
	}
	r.values, r.open = 0, map[*yaml.Node]bool{}
	v := r.value(root, 0)
	v.Comments.Head = joinComments(n.HeadComment, v.Comments.Head)
	return v
}

// split makes documents of a root: one, or one for each item of a List.
func (r *reader) split(root *Value, n *yaml.Node) []*Document {
	kind, _ := root.Get("kind").Text()
	items := root.Get("items")
	if !strings.HasSuffix(kind, "List") || items == nil || items.Kind != List {
		return []*Document{{File: r.src.file, Kind: kindOf(root), Root: root, Foot: n.FootComment}}
	}
	var docs []*Document
	for _, item := range items.Items {
		docs = append(docs, &Document{File: r.src.file, Kind: kindOf(item), Root: item})
	}
	return docs
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, errorAt(r.src.file, n.Line, n.Column, format, args...))
}

func (r *reader) value(n *yaml.Node, depth int) *Value {
	v := &Value{
		Line: n.Line, Column: n.Column, Style: styleOf(n), src: r.src,
		Comments: Comments{Head: n.HeadComment, Line: n.LineComment, Foot: n.FootComment},
	}
	r.values++
	switch {
	case depth > maxDepth:
		r.fail(n, "nested more than %d levels deep", maxDepth)
	case r.values == maxValues:
		r.fail(n, "more than %d values once the aliases are expanded; write out what is needed", maxValues)
	case r.values > maxValues:
		// Reported already.
	case n.Kind == yaml.AliasNode:
		return r.alias(n, depth)
	case n.Kind == yaml.ScalarNode:
		if err := v.resolve(n.Tag, n.Style&yaml.TaggedStyle != 0, n.Value); err != nil {
			r.fail(n, "%v", err)
		}
	case n.Kind == yaml.SequenceNode:
		v.Kind = List
		r.within(n, func() {
			for _, item := range n.Content {
				v.Items = append(v.Items, r.value(item, depth+1))
			}
		})
	case n.Kind == yaml.MappingNode:
		v.Kind = Map
		r.within(n, func() { r.fields(v, n, depth+1) })
	}
	return v
}

// within marks n as being read while read runs.
func (r *reader) within(n *yaml.Node, read func()) {
	if n.Anchor != "" {
		r.open[n] = true
		defer delete(r.open, n)
	}
	read()
}

func (r *reader) alias(n *yaml.Node, depth int) *Value {
	if r.open[n.Alias] {
		r.fail(n, "the alias *%s stands inside the value that it repeats", n.Value)
		return &Value{Line: n.Line, Column: n.Column, src: r.src}
	}
	v := r.value(n.Alias, depth)
	v.Comments = Comments{Head: n.HeadComment, Line: n.LineComment, Foot: n.FootComment}
	return v
}

// fields reads the pairs of a map into v. Merge keys give only what the map does
// not have itself.
func (r *reader) fields(v *Value, n *yaml.Node, depth int) {
	index := map[string]*Field{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if isMerge(key) {
			merges = append(merges, val)
			continue
		}
		name, ok := r.key(key)
		if !ok {
			continue
		}
		f := &Field{Name: name, Line: key.Line, Column: key.Column, Value: r.value(val, depth)}
		f.Comments = pairComments(key, f.Value)
		if first := index[name]; first != nil {
			r.fail(key, "duplicate key %q: it stands at %d:%d already; remove one of them", name, first.Line, first.Column)
			continue
		}
		index[name] = f
		v.Fields = append(v.Fields, f)
	}
	for _, m := range merges {
		r.merge(v, index, m, depth)
	}
}

// pairComments moves the comments of key and value to the field they make.
func pairComments(key *yaml.Node, v *Value) Comments {
	c := Comments{
		Head: key.HeadComment,
		Line: joinComments(key.LineComment, v.Comments.Line),
		Foot: joinComments(v.Comments.Foot, key.FootComment),
	}
	// A comment between a key and its map or list stands above the first entry.
	if v.Comments.Head != "" {
		switch {
		case len(v.Fields) > 0:
			first := &v.Fields[0].Comments
			first.Head = joinComments(v.Comments.Head, first.Head)
		case len(v.Items) > 0:
			first := &v.Items[0].Comments
			first.Head = joinComments(v.Comments.Head, first.Head)
		default:
			c.Head = joinComments(c.Head, v.Comments.Head)
		}
	}
	v.Comments = Comments{}
	return c
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Tag == "!!merge" || key.Style == 0)
}

// key returns a key as Kubernetes' conversion to JSON writes it.
func (r *reader) key(n *yaml.Node) (string, bool) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "a key must be text; put a template or flow value that is a key in quotes")
		return "", false
	}
	text, err := keyText(n)
	if err != nil {
		r.fail(n, "%v", err)
		return "", false
	}
	return text, true
}

// keyText writes a scalar as a key of JSON.
func keyText(n *yaml.Node) (string, error) {
	v := Value{Style: styleOf(n)}
	if err := v.scalar(n.Tag, n.Style&yaml.TaggedStyle != 0, n.Value); err != nil {
		return "", err
	}
	switch v.Kind {
	case Null:
		return "", errors.New("a key must not be null; put it in quotes if it is text")
	case Bool:
		return strconv.FormatBool(v.Bool), nil
	case Int:
		return strconv.FormatInt(v.Int, 10), nil
	case Float:
		return floatKey(v.Float, n.Value)
	}
	return v.Str, nil
}

// floatKey writes a number as Kubernetes' conversion does when it is a key.
func floatKey(f float64, text string) (string, error) {
	if _, err := strconv.ParseUint(strings.ReplaceAll(text, "_", ""), 0, 64); err == nil {
		return "", errors.New("the number is too large for a key; put it in quotes if it is text")
	}
	switch s := strconv.FormatFloat(f, 'g', -1, 32); s {
	case "+Inf":
		return ".inf", nil
	case "-Inf":
		return "-.inf", nil
	case "NaN":
		return ".nan", nil
	default:
		return s, nil
	}
}

func (r *reader) merge(v *Value, index map[string]*Field, n *yaml.Node, depth int) {
	from := r.value(n, depth)
	sources := []*Value{from}
	if from.Kind == List {
		sources = from.Items
	}
	for _, s := range sources {
		if s.Kind != Map {
			r.fail(n, "<< needs a map, or a list of maps, to merge")
			return
		}
		for _, f := range s.Fields {
			if index[f.Name] == nil {
				index[f.Name] = f
				v.Fields = append(v.Fields, f)
			}
		}
	}
}

func styleOf(n *yaml.Node) Style {
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		return Literal
	case n.Style&yaml.FoldedStyle != 0:
		return Folded
	case n.Style&yaml.SingleQuotedStyle != 0:
		return SingleQuoted
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return DoubleQuoted
	case n.Style&yaml.FlowStyle != 0:
		return Flow
	}
	return Plain
}

func joinComments(comments ...string) string {
	var kept []string
	for _, c := range comments {
		if c != "" {
			kept = append(kept, c)
		}
	}
	return strings.Join(kept, "\n")
}
