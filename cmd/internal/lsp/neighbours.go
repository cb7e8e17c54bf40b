package lsp

import (
	"cuelang.org/go/cue/ast"

	"github.com/rescuecue/rescue/interp/vet"
)

// around is what can be seen from a document: the other files of its package, and the
// packages that it imports, as the editor holds them where it does.
func (s *Server) around(doc *document) *neighbours {
	if doc.language != vet.CUE {
		return nil
	}
	j := s.job(doc)
	loaded := map[string][]*document{}
	return &neighbours{files: j.siblings(), imported: func(dir string, path ast.ImportPath) []*document {
		folder := s.packages.folder(dir, path)
		if folder == "" {
			return nil
		}
		key := folder + ":" + path.Qualifier
		if _, ok := loaded[key]; !ok {
			loaded[key] = j.packageIn(folder, path.Qualifier)
		}
		return loaded[key]
	}}
}

// packageIn are the files of a package in a folder.
func (j job) packageIn(folder, name string) []*document {
	return j.documents(vet.PackageFiles(folder, name, j.texts()))
}
