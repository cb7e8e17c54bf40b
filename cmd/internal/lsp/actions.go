package lsp

import (
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/outline"
	"github.com/rescuecue/rescue/cmd/internal/lsp/rpc"
	"github.com/rescuecue/rescue/interp/vet"
)

// codeActions offers to put the replacement of a finding into its place, and to ignore what
// is no error. Findings of an older text are left out: their places may have moved.
func (s *Server) codeActions(p codeActionParams) (any, *rpc.Error) {
	doc, problem := s.open(p.TextDocument.URI)
	if problem != nil {
		return nil, problem
	}
	actions := []codeAction{}
	known := s.shown[doc.uri]
	if known.doc == nil || known.doc.text != doc.text {
		return actions, nil
	}
	for _, f := range known.findings {
		if r := rangeOf(doc, f); f.Line > 0 && overlaps(r, p.Range) {
			actions = append(actions, fixes(doc, f, r)...)
		}
	}
	return actions, nil
}

// fixes are what can be done about a finding.
func fixes(doc *document, f vet.Finding, r textRange) []codeAction {
	var actions []codeAction
	add := func(title string, edit textEdit) {
		actions = append(actions, codeAction{
			Title: title, Kind: "quickfix", IsPreferred: f.Replacement != "" && len(actions) == 0,
			Diagnostics: []diagnostic{newDiagnostic(doc, f)}, Edit: workspaceEdit{map[string][]textEdit{doc.uri: {edit}}},
		})
	}
	if f.Replacement != "" {
		add("Replace by "+f.Replacement, textEdit{r, f.Replacement})
	}
	// What is wrong with such a comment is mended in it.
	if f.Severity != vet.Error && !strings.Contains(f.Snippet, "rescue:ignore") {
		add(fmt.Sprintf("Ignore %s here (say why)", f.Rule), ignoreComment(doc, f))
	}
	return actions
}

// ignoreComment writes the comment that ignores a finding above its line; above the whole
// text if it is in one of several lines, in which a comment would be text.
func ignoreComment(doc *document, f vet.Finding) textEdit {
	line, start := f.Line-1, doc.at(f.Line, f.Column)
	if n := doc.tree().At(start); n.Kind == outline.Scalar {
		line = min(line, doc.position(n.Span().Start).Line)
	}
	text := doc.line(line)
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	mark := "#"
	if doc.language == vet.CUE {
		mark = "//"
	}
	at := position{Line: line}
	return textEdit{textRange{at, at}, fmt.Sprintf("%s%s rescue:ignore %s -- \n", indent, mark, f.Rule)}
}

func overlaps(a, b textRange) bool { return !before(a.End, b.Start) && !before(b.End, a.Start) }

func before(a, b position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character
}
