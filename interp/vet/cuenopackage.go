package vet

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"github.com/rescuecue/rescue/schema"
	"github.com/rescuecue/rescue/schema/suggest"
)

// importAt finds the import that begins at an offset, or nil.
func (s *source) importAt(offset int) *ast.ImportSpec {
	file, err := parser.ParseFile(s.name, s.text, parser.ImportsOnly)
	if err != nil {
		return nil
	}
	for spec := range file.ImportSpecs() {
		if spec.Pos().Offset() == offset || spec.Path.Pos().Offset() == offset {
			return spec
		}
	}
	return nil
}

// noPackage says why what a file imports cannot be loaded, which CUE says in its words, and
// what was likely meant.
func (c *cueChecker) noPackage(src *source, spec *ast.ImportSpec, text string) Finding {
	f := Finding{Rule: ruleUnknownReference, Message: text}
	given, _ := strconv.Unquote(spec.Path.Value)
	module, err := c.unit.schema().Module(c.dir())
	if err != nil {
		return src.at(nodeSpan(spec.Path), f)
	}
	meant := ""
	if at := ast.ParseImportPath(given); strings.HasPrefix(text, "cannot find package ") && at.Version == "" {
		if folder, own := module.Folder(at.Path); own {
			f.Message = fmt.Sprintf("there is no package %s: %s", given, c.whyNone(module, folder, at.Qualifier))
			meant = nearPackage(module, folder)
		} else {
			f.Suggestion = ownPackagesAdvice(module)
			meant = nearImport(module, at.Path)
		}
	}
	if meant != "" && meant != given {
		f.Suggestion, f.Replacement = fmt.Sprintf("did you mean %q?", meant), strconv.Quote(meant)
	}
	return src.at(nodeSpan(spec.Path), f)
}

// dir is the folder of the unit.
func (c *cueChecker) dir() string { return filepath.Dir(c.unit.Files[0].path()) }

// whyNone says what is wrong with the folder that a package of the user's module should be in.
func (c *cueChecker) whyNone(module schema.CUEModule, folder, name string) string {
	dir := filepath.Join(module.Root, folder)
	shown := dir
	if rel, err := filepath.Rel(c.dir(), dir); err == nil {
		shown = filepath.Join(filepath.Dir(c.unit.Files[0].Name), rel)
	}
	switch names := packageNames(dir); {
	case !exists(dir):
		return fmt.Sprintf("the folder %s does not exist", shown)
	case len(names) == 0:
		return fmt.Sprintf("the folder %s has no CUE files of a package", shown)
	default:
		return fmt.Sprintf("the folder %s has no package %s, but %s", shown, name, strings.Join(names, ", "))
	}
}

// packageNames lists the packages that the CUE files in a folder belong to.
func packageNames(dir string) []string {
	paths, _ := (&ownLoader{}).paths(dir)
	var names []string
	for _, path := range paths {
		if f, err := parser.ParseFile(path, nil, parser.PackageClauseOnly); err == nil && f.PackageName() != "" {
			names = append(names, f.PackageName())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// nearPackage is the import path of a package in that folder of the module, or in one of
// nearly its name; or "".
func nearPackage(module schema.CUEModule, folder string) string {
	at := "."
	for _, name := range strings.Split(filepath.ToSlash(folder), "/") {
		names := subfolders(filepath.Join(module.Root, at))
		if !slices.Contains(names, name) {
			name = suggest.Nearest(name, names)
		}
		if name == "" {
			return ""
		}
		at = path.Join(at, name)
	}
	names := packageNames(filepath.Join(module.Root, at))
	switch {
	case len(names) == 0:
		return ""
	case slices.Contains(names, path.Base(at)):
		return module.Path + "/" + at
	}
	return module.Path + "/" + at + ":" + names[0]
}

// subfolders lists the folders in a folder; one that cannot be read has none.
func subfolders(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "cue.mod" && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

// nearImport is what an import that leads to no module was likely meant to be: the schema,
// or a package of the user's module whose path is misspelt; or "".
func nearImport(module schema.CUEModule, given string) string {
	if near := suggest.Nearest(given, []string{schema.Module + "/schema"}); near != "" || module.Path == "" {
		return near
	}
	names, length := strings.Split(given, "/"), strings.Count(module.Path, "/")+1
	if len(names) <= length || suggest.Nearest(strings.Join(names[:length], "/"), []string{module.Path}) == "" {
		return ""
	}
	return nearPackage(module, path.Join(names[length:]...))
}

// ownPackagesAdvice says where packages come from that are not found.
func ownPackagesAdvice(module schema.CUEModule) string {
	if module.Path == "" {
		return fmt.Sprintf("the language is imported as %q; packages of your own need a module, as `rescue init` makes one", schema.Module+"/schema")
	}
	return fmt.Sprintf("packages of this module begin with %q; other modules are listed in cue.mod/module.cue", module.Path+"/")
}
