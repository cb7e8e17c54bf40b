package lsp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/cmd/internal/lsp/rpc"
	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
)

// hover explains what the pointer is over: a function, argument, output, input, phase or
// rule.
func (s *Server) hover(p positionParams) (any, *rpc.Error) {
	c, doc := s.cursor(p)
	if c == nil {
		return nil, rpc.Errorf(rpc.CodeInvalidParams, "%s is not open", p.TextDocument.URI)
	}
	text, span, ok := c.explain()
	if !ok {
		return nil, nil
	}
	r := doc.span(span)
	return hover{markup{"markdown", text}, &r}, nil
}

func (c *cursor) explain() (string, outline.Span, bool) {
	if rule, ok := c.rule(); ok {
		return ruleText(rule), c.word, true
	}
	if names, ok := c.names(); ok {
		if s, ok := c.symbol(names); ok {
			return s.markdown(), c.word, true
		}
	}
	if c.inKey() {
		s, ok := c.view.shape(c.node)
		return s.markdown(), c.node.KeySpan, ok && s.name != ""
	}
	if c.node.Key == "func" {
		f, ok := schema.Function(c.node.Text)
		return functionText(f), c.word, ok
	}
	if p := c.namedPhase(c.text()); p != nil {
		return phaseSymbols([]*phase{p}, nativeParts)[0].markdown(), c.word, true
	}
	return "", outline.Span{}, false
}

// rule is the rule of vet that a comment names here.
func (c *cursor) rule() (vet.Rule, bool) {
	if !strings.Contains(c.before(), "rescue:ignore") {
		return vet.Rule{}, false
	}
	rules := vet.Rules()
	i := slices.IndexFunc(rules, func(r vet.Rule) bool { return r.Name == c.text() })
	if i < 0 {
		return vet.Rule{}, false
	}
	return rules[i], true
}

// namedPhase is the phase that a text in `after` names.
func (c *cursor) namedPhase(name string) *phase {
	if c.action == nil || c.node.Parent == nil || c.node.Parent.Key != "after" {
		return nil
	}
	return c.action.phase(name)
}

func ruleText(r vet.Rule) string {
	return fmt.Sprintf("**%s** (%s)\n\n%s\n\n[More about it](%s)", r.Name, r.Severity, r.Summary, vet.RulePage(r.Name))
}

// markdown explains a symbol.
func (s symbol) markdown() string {
	title := "**" + s.name + "**"
	if s.typ != "" {
		title += " `" + s.typ + "`"
	}
	if s.required {
		title += " (required)"
	}
	parts := []string{title}
	example := ""
	if s.example != "" {
		example = "```cue\n" + s.example + "\n```"
	}
	for _, text := range []string{s.doc, s.note, s.choice(), example, "_" + s.what + "_"} {
		if strings.Trim(text, "_") != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n\n")
}

// choice lists the values, if there are few.
func (s symbol) choice() string {
	if len(s.values) < 2 {
		return ""
	}
	return "One of " + strings.Join(s.values, ", ") + "."
}

// functionText explains a function.
func functionText(f schema.Func) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n%s\n", f.Name, f.Doc)
	for _, note := range functionNotes(f) {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	if len(f.Args) > 0 {
		b.WriteString("\nArguments:\n\n")
		for _, a := range argumentSymbols(f) {
			mark := ""
			if a.required {
				mark = ", required"
			}
			fmt.Fprintf(&b, "- `%s` (%s%s): %s\n", a.name, a.typ, mark, a.doc)
		}
	}
	if f.Example != "" {
		fmt.Fprintf(&b, "\n```cue\n%s\n```\n", f.Example)
	}
	return b.String()
}

func functionNotes(f schema.Func) []string {
	var notes []string
	if f.Deprecated != "" {
		notes = append(notes, "Deprecated: use "+f.Deprecated+".")
	}
	if f.Removed != "" {
		notes = append(notes, "Kanister "+f.Removed+" removed it; it runs here all the same.")
	}
	if f.Script {
		notes = append(notes, "Its outputs are what the command writes with `kando output KEY VALUE`.")
	}
	return notes
}
