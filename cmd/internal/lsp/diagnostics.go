package lsp

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/interp/vet"
)

// found are the findings of one file that came from the check of one document, and the text
// that they are about.
type found struct {
	doc      *document
	findings []vet.Finding
}

// publish sends the findings of a check to the client, and takes back those that are gone.
func (s *Server) publish(r result) error {
	if r.err != nil {
		return s.log(r.err.Error())
	}
	if now, open := s.docs[r.doc.uri]; !open || now.version > r.doc.version {
		return nil // Its next check is under way, or it was closed.
	}
	touched := s.withdraw(r.doc.uri)
	for path, findings := range r.byFile() {
		doc := r.documentAt(path)
		if s.found[doc.uri] == nil {
			s.found[doc.uri] = map[string]found{}
		}
		s.found[doc.uri][r.doc.uri] = found{doc, findings}
		touched[doc.uri] = true
	}
	return s.showAll(touched)
}

// withdraw forgets what came from the check of a document, and returns the files that it was
// about.
func (s *Server) withdraw(from string) map[string]bool {
	touched := map[string]bool{}
	for uri, sources := range s.found {
		if _, ok := sources[from]; ok {
			delete(sources, from)
			touched[uri] = true
		}
	}
	return touched
}

// forget takes back what came from a document that was closed.
func (s *Server) forget(uri string) {
	touched := s.withdraw(uri)
	touched[uri] = true
	// An error is that the client is gone: the next read says so.
	_ = s.showAll(touched)
}

// byFile sorts the findings by the paths of their files; the document is always among them.
func (r result) byFile() map[string][]vet.Finding {
	files := map[string][]vet.Finding{r.doc.path: nil}
	for _, f := range r.findings {
		path, err := filepath.Abs(f.File) // What was not opened may be named from here.
		if err != nil {
			path = f.File
		}
		files[path] = append(files[path], f)
	}
	return files
}

func (s *Server) showAll(uris map[string]bool) error {
	for _, uri := range slices.Sorted(maps.Keys(uris)) {
		if err := s.show(uri); err != nil {
			return err
		}
	}
	return nil
}

// show sends all findings of a file. The files of one package have the same findings, and a
// file can be seen by those that import it: each is shown once. Those of an older text are
// left out, their check is under way.
func (s *Server) show(uri string) error {
	open := s.docs[uri]
	shown := checked{doc: open}
	for _, from := range slices.Sorted(maps.Keys(s.found[uri])) {
		f := s.found[uri][from]
		if open != nil && f.doc.text != open.text {
			continue
		}
		if shown.doc == nil {
			shown.doc = f.doc
		}
		shown.findings = append(shown.findings, f.findings...)
	}
	vet.Sort(shown.findings)
	shown.findings = slices.Compact(shown.findings)
	p := publishParams{URI: uri, Diagnostics: []diagnostic{}}
	for _, f := range shown.findings {
		p.Diagnostics = append(p.Diagnostics, newDiagnostic(shown.doc, f))
	}
	if len(s.found[uri]) == 0 {
		delete(s.found, uri)
	}
	delete(s.shown, uri)
	if open != nil {
		p.Version = &open.version
		s.shown[uri] = shown
	}
	return s.conn.Notify("textDocument/publishDiagnostics", p)
}

// documentAt is a document as it was checked: from the editor, or from disk.
func (r result) documentAt(path string) *document {
	if path == r.doc.path {
		return r.doc
	}
	if d := r.open[path]; d != nil {
		return d
	}
	// One that is gone by now has no text: its findings then stand at the top.
	data, err := os.ReadFile(path)
	if err != nil {
		data = nil
	}
	return newDocument(uriOf(path), path, r.doc.language, 0, string(data))
}

func newDiagnostic(doc *document, f vet.Finding) diagnostic {
	d := diagnostic{Range: rangeOf(doc, f), Severity: severityOf(f.Severity), Code: f.Rule, Source: "rescue", Message: f.Message}
	if f.Help != "" {
		d.CodeDescription = &codeDescription{f.Help}
	}
	var more []string
	if f.Expected != "" && !strings.Contains(f.Message, f.Expected) {
		more = append(more, "expected: "+f.Expected)
	}
	if f.Found != "" && !strings.Contains(f.Message, f.Found) {
		more = append(more, "found: "+f.Found)
	}
	if f.Suggestion != "" {
		more = append(more, f.Suggestion)
	}
	d.Message = strings.Join(append([]string{d.Message}, more...), "\n")
	return d
}

func severityOf(s vet.Severity) int {
	switch s {
	case vet.Error:
		return severityError
	case vet.Warning:
		return severityWarning
	}
	return severityInformation
}

// rangeOf is where a finding stands; one about the file as a whole is at its first line.
func rangeOf(doc *document, f vet.Finding) textRange {
	if f.Line == 0 {
		return textRange{End: doc.position(len(doc.line(0)))}
	}
	start, end := doc.at(f.Line, f.Column), doc.at(f.EndLine, f.EndColumn)
	return textRange{doc.position(start), doc.position(max(start, end))}
}
