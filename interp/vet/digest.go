package vet

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"

	"cuelang.org/go/cue/parser"
)

// A digest tells units apart by what is checked: their files' names and content.
type digest [sha256.Size]byte

func digestOf(u Unit) digest {
	h := sha256.New()
	fmt.Fprintln(h, u.Language, u.Library, len(u.Files))
	for _, f := range u.Files {
		fmt.Fprintf(h, "%q %q %d\n", f.Name, f.Path, len(f.Data))
		h.Write(f.Data)
	}
	return digest(h.Sum(nil))
}

// importsOthers tells whether a unit depends on packages that are not its own: its
// files do not say when those change.
func importsOthers(u Unit) bool {
	if u.Language != CUE {
		return false
	}
	module, err := u.schema().Module(filepath.Dir(u.Files[0].path()))
	return err != nil || slices.ContainsFunc(u.Files, func(f File) bool {
		file, err := parser.ParseFile(f.Name, f.Data, parser.ImportsOnly)
		return err == nil && (hasAttributes(file) || !eachImport(file, func(path string) bool {
			_, own := module.Folder(path)
			return !own && alwaysThere(path)
		}))
	})
}
