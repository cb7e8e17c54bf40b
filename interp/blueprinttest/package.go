package blueprinttest

import (
	"path/filepath"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/schema"
)

// A Package holds the tests of one CUE package, and the blueprints that they test. It
// owns a cue.Context: drop it after use.
type Package struct {
	Place Place
	Tests []*Test

	ctx        *cue.Context
	files      []string
	labels     map[string]token.Pos // of tests, by name
	blueprints map[string]*interp.Blueprint
	// paths of blueprints, by the place where a test names one.
	paths map[token.Pos]string
}

// A Test is one test, as its author wrote it.
type Test struct {
	Name string
	// Pos is where it stands.
	Pos token.Pos

	value cue.Value
}

// Load reads the tests of a package, which are the fields of `tests`. What is wrong with
// the package comes as failures; an error in one test is left for Run.
func Load(p Place) (*Package, []Failure) {
	inst, err := instance(p)
	if err != nil {
		return nil, cueFailures(err, written)
	}
	pkg := &Package{Place: p, ctx: cuecontext.New(), labels: map[string]token.Pos{}, blueprints: map[string]*interp.Blueprint{}, paths: map[token.Pos]string{}}
	for _, f := range inst.Files {
		pkg.files = append(pkg.files, f.Filename)
		pkg.addLabels(f)
	}
	root := pkg.ctx.BuildInstance(inst)
	tests := root.LookupPath(cue.ParsePath("tests"))
	if !tests.Exists() {
		if err := root.Err(); err != nil {
			return nil, cueFailures(err, written)
		}
		// What tests have in common may stand in a package of its own.
		return pkg, nil
	}
	it, err := tests.Fields()
	if err != nil {
		return nil, cueFailures(err, pkg.owns)
	}
	for it.Next() {
		pkg.add(it.Selector().Unquoted(), it.Value())
	}
	return pkg, nil
}

func (p *Package) add(name string, v cue.Value) {
	t := &Test{Name: name, Pos: p.testPosition(name, v), value: v}
	if p.Place.Only != "" {
		only, err := filepath.Abs(p.Place.Only)
		if err == nil && t.Pos.Filename() != only {
			return
		}
	}
	p.Tests = append(p.Tests, t)
}

// testPosition is where a test is written. A test that a comprehension makes stands
// where its action does.
func (p *Package) testPosition(name string, v cue.Value) token.Pos {
	if pos, ok := p.labels[name]; ok {
		return pos
	}
	return position(v.LookupPath(cue.ParsePath("action")))
}

// addLabels finds the names of tests in a file: `tests: NAME: …`, or in a struct. Of a name
// that is written several times it is the first.
func (p *Package) addLabels(f *ast.File) {
	for _, d := range f.Decls {
		tests, ok := d.(*ast.Field)
		if !ok || labelOf(tests) != "tests" {
			continue
		}
		names, ok := tests.Value.(*ast.StructLit)
		if !ok {
			continue
		}
		for _, e := range names.Elts {
			if test, ok := e.(*ast.Field); ok && p.labels[labelOf(test)] == token.NoPos {
				p.labels[labelOf(test)] = test.Label.Pos()
			}
		}
	}
}

// labelOf is a field's name, or empty where it is computed.
func labelOf(f *ast.Field) string {
	name, _, err := ast.LabelName(f.Label)
	if err != nil {
		return ""
	}
	return name
}

// owns says whether a position is in the package's own files.
func (p *Package) owns(pos token.Pos) bool { return slices.Contains(p.files, pos.Filename()) }

// instance loads the package with the embedded schema in reach, and with the files
// named _test.cue, which other commands leave out.
func instance(p Place) (*build.Instance, error) {
	dir, err := filepath.Abs(p.Dir)
	if err != nil {
		return nil, err
	}
	overlay, err := schema.ModuleOverlay(dir)
	if err != nil {
		return nil, err
	}
	arg := ".:" + p.Name
	if p.Name == "" {
		arg = filepath.Base(p.file)
	}
	inst := load.Instances([]string{arg}, &load.Config{Dir: dir, Overlay: overlay, Tests: true})[0]
	if inst.Err != nil {
		return nil, inst.Err
	}
	return inst, nil
}

// blueprint loads the blueprint that a test is about.
func (p *Package) blueprint(t *Test) (*interp.Blueprint, error) {
	path, err := p.path(t)
	if err != nil {
		return nil, err
	}
	if b := p.blueprints[path]; b != nil {
		return b, nil
	}
	b, err := interp.Load(path, nil)
	if err != nil {
		return nil, err
	}
	p.blueprints[path] = b
	return b, nil
}

// path is where the blueprint of a test can be loaded from. Most tests name theirs in one
// place.
func (p *Package) path(t *Test) (string, error) {
	at := t.value.LookupPath(cue.ParsePath("of")).Pos()
	if path, ok := p.paths[at]; ok && written(at) {
		return path, nil
	}
	path, err := t.blueprintPath()
	if err == nil {
		p.paths[at] = path
	}
	return path, err
}
