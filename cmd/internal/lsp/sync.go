package lsp

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/lsp/rpc"
	"github.com/rescuecue/rescue/interp/vet"
)

func (s *Server) didOpen(p didOpenParams) (any, *rpc.Error) {
	item := p.TextDocument
	path := pathOf(item.URI)
	d := newDocument(item.URI, path, languageOf(item.LanguageID, path), item.Version, item.Text)
	s.docs[item.URI] = d
	s.check(d)
	return nil, nil
}

// languageOf trusts the name before what the editor thinks.
func languageOf(id, path string) vet.Language {
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".cue", ext == "" && id == "cue":
		return vet.CUE
	}
	return vet.YAML
}

func (s *Server) didChange(p didChangeParams) (any, *rpc.Error) {
	d, problem := s.open(p.TextDocument.URI)
	if problem != nil {
		return nil, problem
	}
	d = d.edit(p.TextDocument.Version, p.ContentChanges)
	s.docs[d.uri] = d
	s.check(d)
	return nil, nil
}

func (s *Server) didSave(p documentParams) (any, *rpc.Error) {
	d, problem := s.open(p.TextDocument.URI)
	if problem == nil {
		s.check(d)
	}
	return nil, problem
}

// didClose goes back to what is on disk: other open files of the package may see a
// difference.
func (s *Server) didClose(p documentParams) (any, *rpc.Error) {
	d, problem := s.open(p.TextDocument.URI)
	if problem != nil {
		return nil, problem
	}
	delete(s.docs, d.uri)
	s.forget(d.uri)
	s.checkAll()
	return nil, nil
}

func (s *Server) filesChanged(json.RawMessage) (any, *rpc.Error) {
	s.checkAll()
	return nil, nil
}

// check asks for the findings of a document, and then of those that may depend on it.
func (s *Server) check(d *document) {
	jobs := []job{s.job(d)}
	for _, other := range s.sorted() {
		if other.uri != d.uri && d.language == vet.CUE && other.language == vet.CUE {
			jobs = append(jobs, s.job(other))
		}
	}
	s.checker.ask(jobs)
}

func (s *Server) checkAll() {
	var jobs []job
	for _, d := range s.sorted() {
		jobs = append(jobs, s.job(d))
	}
	s.checker.ask(jobs)
}

func (s *Server) sorted() []*document {
	var docs []*document
	for _, d := range s.docs {
		docs = append(docs, d)
	}
	slices.SortFunc(docs, func(a, b *document) int { return strings.Compare(a.uri, b.uri) })
	return docs
}

// job is the work for one document with what is open now.
func (s *Server) job(d *document) job {
	open := map[string]*document{}
	for _, other := range s.docs {
		open[other.path] = other
	}
	return job{doc: d, open: open}
}
