package compat

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rescuecue/rescue/schema"
)

// encodeYAML writes a document in the style of Kanister's own examples.
func encodeYAML(doc *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	err := enc.Close()
	return b.Bytes(), err
}

// mapping builds a YAML map in the order of its entries.
type mapping struct{ node *yaml.Node }

func newMapping() mapping { return mapping{&yaml.Node{Kind: yaml.MappingNode}} }

func (m mapping) set(key string, value *yaml.Node, c Comments) {
	k := scalarNode(key)
	k.HeadComment, k.FootComment = c.Head, c.Foot
	if c.Line != "" && value.Kind != yaml.ScalarNode {
		k.HeadComment = joinComments(k.HeadComment, c.Line)
	} else {
		value.LineComment = c.Line
	}
	m.node.Content = append(m.node.Content, k, value)
}

func (m mapping) empty() bool { return len(m.node.Content) == 0 }

func (m mapping) names(key string, names []string) {
	if len(names) == 0 {
		return
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, n := range names {
		list.Content = append(list.Content, scalarNode(n))
	}
	m.set(key, list, Comments{})
}

func (m mapping) texts(key string, texts map[string]string) {
	if len(texts) == 0 {
		return
	}
	sub := newMapping()
	for _, k := range slices.Sorted(maps.Keys(texts)) {
		sub.set(k, scalarNode(texts[k]), Comments{})
	}
	m.set(key, sub.node, Comments{})
}

// scalarNode writes a text as a person would: lines as a block, a template in
// quotes, because YAML takes braces for a map.
func scalarNode(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	switch {
	case strings.Contains(text, "\n") && blockText(text):
		n.Style = yaml.LiteralStyle
	case strings.Contains(text, "\n"):
		n.Style = yaml.DoubleQuotedStyle
	case isTemplate(text) && strings.ContainsAny(text, `"\`):
		n.Style = yaml.SingleQuotedStyle
	case isTemplate(text), !readsAsText(text):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// readsAsText says whether Kubernetes takes the text for one without quotes: by the
// rules of YAML 1.1, yes is a boolean.
func readsAsText(text string) bool {
	v := &Value{}
	v.plain(text)
	return v.Kind == String
}

// blockText says whether a block scalar can hold the text as it is.
func blockText(text string) bool {
	if strings.TrimLeft(text, " \t\n") == "" || strings.HasPrefix(text, "\n") || strings.HasPrefix(text, "\t") {
		return false
	}
	for _, r := range text {
		if r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\uFEFF' || r < ' ' && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}

func (w *exportWriter) document(e *Export) *yaml.Node {
	doc := newMapping()
	doc.set("apiVersion", scalarNode(apiGroup+"/v1alpha1"), Comments{})
	doc.set("kind", scalarNode(KindBlueprint), Comments{})
	meta := newMapping()
	meta.set("name", scalarNode(e.Name), Comments{})
	if e.Namespace != "" {
		meta.set("namespace", scalarNode(e.Namespace), Comments{})
	}
	meta.texts("labels", e.Labels)
	meta.texts("annotations", e.Annotations)
	doc.set("metadata", meta.node, Comments{})
	actions := newMapping()
	for _, a := range e.Actions {
		actions.set(a.Name, w.actionNode(a), a.Comments)
	}
	doc.set("actions", actions.node, Comments{})
	doc.node.HeadComment = e.Head
	return doc.node
}

func (w *exportWriter) actionNode(a *ExportAction) *yaml.Node {
	w.action, w.texts = a, nil
	// What the action reads is known when all of it is written.
	phases := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range a.Phases {
		phases.Content = append(phases.Content, w.phaseNode(p))
	}
	var last, artifacts *yaml.Node
	if a.Defer != nil {
		last = w.phaseNode(a.Defer)
		last.HeadComment = ""
	}
	if a.OutputArtifacts != nil {
		artifacts = w.value(a.OutputArtifacts, valueContext{})
	}

	m := newMapping()
	if a.Kind != "" {
		m.set("kind", scalarNode(a.Kind), Comments{})
	}
	m.names("inputArtifactNames", w.inputArtifacts(a))
	m.names("secretNames", a.SecretNames)
	m.names("configMapNames", a.ConfigMapNames)
	if artifacts != nil {
		m.set("outputArtifacts", artifacts, a.OutputArtifacts.Comments)
	}
	m.set("phases", phases, Comments{})
	if last != nil {
		m.set("deferPhase", last, a.Defer.Comments)
	}
	return m.node
}

// inputArtifacts are those that the author lists, or that are read of the ones
// that another action writes.
func (w *exportWriter) inputArtifacts(a *ExportAction) []string {
	if len(a.InputArtifactNames) > 0 {
		return a.InputArtifactNames
	}
	read := map[string]bool{}
	for _, text := range w.texts {
		use, err := TemplateRefs(text)
		if err != nil {
			continue
		}
		for _, r := range use.Refs {
			if n := r.Names(); len(n) > 1 && n[0] == "ArtifactsIn" {
				read[n[1]] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(a.ArtifactsFrom), func(name string) bool { return !read[name] })
}

func (w *exportWriter) phaseNode(p *ExportPhase) *yaml.Node {
	w.function(p)
	m := newMapping()
	m.set("func", scalarNode(p.Func), Comments{})
	if p.Name != "" {
		m.set("name", scalarNode(p.Name), Comments{})
	}
	if p.Objects != nil {
		m.set("objects", w.value(p.Objects, valueContext{beforePhases: true}), p.Objects.Comments)
	}
	if p.Args != nil {
		args := newMapping()
		for _, f := range p.Args.Fields {
			name := string(f.Key.(TextExpr))
			ctx := valueContext{literal: literalArg(p.Func, name), function: p.Func, arg: name}
			args.set(name, w.value(f.Value, ctx), f.Comments)
		}
		m.set("args", args.node, p.Args.Comments)
	}
	m.node.HeadComment = joinComments(p.Comments.Head, p.Comments.Line)
	return m.node
}

// function says what Kanister makes of the function and its arguments.
func (w *exportWriter) function(p *ExportPhase) {
	fn, known := schema.Function(p.Func)
	if !known {
		return
	}
	if fn.Removed != "" {
		w.note(p.Place.Errorf("Kanister has no %s since release %s", p.Func, fn.Removed))
	}
	if p.Args == nil {
		return
	}
	for _, f := range p.Args.Fields {
		if name, ok := f.Key.(TextExpr); ok && slices.Contains(fn.Extensions, fn.Canonical(string(name))) {
			w.fail(f.Value.Place.Errorf("%s: Kanister has no argument %s, which is Rescue's own", p.Func, name))
		}
	}
}

// valueContext says how Kanister treats the values at a place.
type valueContext struct {
	// literal ones are not rendered; function and arg say whose they are.
	literal       bool
	function, arg string
	// beforePhases are rendered when the action starts.
	beforePhases bool
}

func (w *exportWriter) value(v *ExportValue, ctx valueContext) *yaml.Node {
	switch {
	case v.Fields != nil:
		m := newMapping()
		for _, f := range v.Fields {
			key := w.scalar(&ExportValue{Expr: f.Key, Place: f.Value.Place}, ctx).Value
			inner := ctx
			inner.literal = ctx.literal && !isObjectReference(key)
			m.set(key, w.value(f.Value, inner), f.Comments)
		}
		if m.empty() {
			m.node.Style = yaml.FlowStyle
		}
		return m.node
	case v.Items != nil:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v.Items {
			n := w.value(item, ctx)
			n.HeadComment, n.LineComment = item.Comments.Head, item.Comments.Line
			list.Content = append(list.Content, n)
		}
		if len(v.Items) == 0 {
			list.Style = yaml.FlowStyle
		}
		return list
	}
	return w.scalar(v, ctx)
}

// scalar writes a constant as it is, and all else as a template.
func (w *exportWriter) scalar(v *ExportValue, ctx valueContext) *yaml.Node {
	switch e := v.Expr.(type) {
	case NumberExpr:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(e)}
	case BoolExpr:
		text, _ := constant(e)
		return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	case TextExpr:
		if ctx.literal {
			return scalarNode(string(e))
		}
	}
	if ctx.literal {
		w.fail(v.Place.Errorf("%s: Kanister does not render %s: only constants can stand here", ctx.function, ctx.arg))
		return scalarNode("")
	}
	t := &templateMaker{writer: w, place: v.Place, beforePhases: ctx.beforePhases}
	text, err := t.text(v.Expr)
	if err != nil {
		w.fail(v.Place.Errorf("%v", err))
	}
	w.texts = append(w.texts, text)
	return scalarNode(text)
}
