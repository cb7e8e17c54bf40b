package interp

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	cueliteral "cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// inputReads lists what the blueprint reads of its inputs, as it is written: options.text,
// deployment.pods.0. What it reads by way of other names is not among them.
func (b *Blueprint) inputReads() [][]string {
	r := &readFinder{seen: map[string]bool{}}
	if inst := b.root.BuildInstance(); inst != nil {
		r.instance(inst, map[*build.Instance]bool{})
	}
	return r.paths
}

// readsAt lists what the innermost field around a place in the blueprint's files reads of
// the inputs.
func (b *Blueprint) readsAt(pos token.Pos) [][]string {
	inst := b.root.BuildInstance()
	if inst == nil || !pos.IsValid() {
		return nil
	}
	var field *ast.Field
	find := func(n ast.Node) bool {
		f, ok := n.(*ast.Field)
		if ok && f.Pos().Filename() == pos.Filename() && f.Pos().Offset() <= pos.Offset() && pos.Offset() <= f.End().Offset() {
			field = f
		}
		return true
	}
	for _, file := range inst.Files {
		ast.Walk(file, find, nil)
	}
	r := &readFinder{seen: map[string]bool{}}
	if field != nil {
		ast.Walk(field.Value, r.node, nil)
	}
	return r.paths
}

type readFinder struct {
	paths [][]string
	seen  map[string]bool
}

func (r *readFinder) instance(inst *build.Instance, done map[*build.Instance]bool) {
	if done[inst] || strings.HasPrefix(inst.ImportPath, schema.Module+"/schema") {
		return
	}
	done[inst] = true
	for _, f := range inst.Files {
		ast.Walk(f, r.node, nil)
	}
	for _, imported := range inst.Imports {
		r.instance(imported, done)
	}
}

func (r *readFinder) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.SelectorExpr, *ast.IndexExpr:
		if path, ok := inputPath(n.(ast.Expr)); ok {
			r.add(path)
			return false
		}
	case *ast.Attribute:
		if key, body := n.Split(); key == "gotmpl" {
			r.template(body)
		}
	}
	return true
}

// template adds what a Go template reads.
func (r *readFinder) template(attribute string) {
	text, err := cueliteral.Unquote(attribute)
	if err != nil {
		text = attribute
	}
	use, err := compat.TemplateRefs(text)
	if err != nil {
		return // rendering it says what is wrong
	}
	for _, ref := range use.Refs {
		if path := ref.Names(); len(path) > 1 && path[0] != "Phases" && path[0] != "DeferPhase" {
			r.add(asInput(path))
		}
	}
}

// asInput writes the path of a template as that below input. Names that users give, and the
// fields of objects, stay.
func asInput(path []string) []string {
	path = slices.Clone(path)
	fields := []int{0}
	switch path[0] {
	case "Secrets", "ConfigMaps", "ArtifactsIn":
		fields = []int{0, 2}
	case "Profile", "RepositoryServer":
		fields = []int{0, 1, 2, 3}
	case "StatefulSet", "Deployment", "DeploymentConfig", "PVC", "Namespace":
		fields = []int{0, 1}
	}
	for _, i := range fields {
		if i < len(path) && path[i] != "" {
			path[i] = strings.ToLower(path[i][:1]) + path[i][1:]
		}
	}
	if path[0] == "pVC" {
		path[0] = "pvc"
	}
	return path
}

func (r *readFinder) add(path []string) {
	if key := strings.Join(path, "\x00"); !r.seen[key] {
		r.seen[key] = true
		r.paths = append(r.paths, path)
	}
}

// inputPath is the path below input that an expression names.
func inputPath(x ast.Expr) ([]string, bool) {
	switch x := x.(type) {
	case *ast.Ident:
		return nil, x.Name == "input"
	case *ast.SelectorExpr:
		path, ok := inputPath(x.X)
		name, _, err := ast.LabelName(x.Sel)
		return append(path, name), ok && err == nil
	case *ast.IndexExpr:
		path, ok := inputPath(x.X)
		lit, isLit := x.Index.(*ast.BasicLit)
		if !ok || !isLit {
			// What is below is not known, but that it is read is.
			return path, ok && len(path) > 0
		}
		if name, err := strconv.Unquote(lit.Value); err == nil {
			return append(path, name), true
		}
		return append(path, lit.Value), true
	}
	return nil, false
}
