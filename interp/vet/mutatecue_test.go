package vet

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// cueMutator finds places for mistakes in a native blueprint.
type cueMutator struct {
	text string
	list []mutation
	// action has its own fields at hand.
	action *ast.StructLit
}

// TestMutationsCUE makes one mistake of each kind in native blueprints that work: in
// written ones, and in what legacy ones become.
func TestMutationsCUE(t *testing.T) {
	total := map[string]int{}
	texts := soundCUE(t)
	for i, name := range sortedKeys(texts) {
		if testing.Short() && i%8 > 0 {
			continue
		}
		text := texts[name]
		file, err := parser.ParseFile(name, text)
		if err != nil {
			t.Fatal(err)
		}
		m := &cueMutator{text: text}
		m.actions(file)
		countKinds(total, tryMutations(t, name, text, m.list))
	}
	if !testing.Short() {
		wantKinds(t, total, 5, "function", "argument", "type", "removed argument", "phase", "output", "input", "artifact", "field", "action")
	}
}

// soundCUE lists native blueprints without errors, by name.
func soundCUE(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{"testdata/ok/common.cue": mustRead(t, "testdata/ok/common.cue")}
	for name, text := range soundYAML(t) {
		docs, err := compat.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(docs) != 1 || docs[0].Kind != compat.KindBlueprint {
			continue
		}
		base := strings.TrimSuffix(filepath.Base(name), ".yaml")
		texts[base+".cue"] = string(convertedQuietly(t, base, docs[0]))
	}
	return texts
}

// convertedQuietly is a blueprint in CUE, whatever the conversion warns of.
func convertedQuietly(t *testing.T, name string, doc *compat.Document) []byte {
	t.Helper()
	bp, _ := compat.ReadBlueprint(doc)
	conversion, err := compat.Convert(bp, compat.ConvertOptions{Package: name})
	if err != nil {
		t.Fatal(err)
	}
	return conversion.CUE
}

// actions finds the places in all actions of a file.
func (m *cueMutator) actions(file *ast.File) {
	ast.Walk(file, func(n ast.Node) bool {
		f, ok := n.(*ast.Field)
		if !ok || labelText(f.Label) != "actions" {
			return true
		}
		for _, s := range structs(f.Value) {
			for _, d := range s.Elts {
				if action, ok := d.(*ast.Field); ok {
					m.inAction(action)
				}
			}
		}
		return false
	}, nil)
}

func (m *cueMutator) inAction(action *ast.Field) {
	s, ok := action.Value.(*ast.StructLit)
	if !ok {
		return
	}
	m.action = s
	for _, d := range s.Elts {
		f, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		switch name := labelText(f.Label); name {
		case "outputArtifacts", "deferPhase":
			m.label(f, "field", ruleUnknownField)
		case "artifactsFrom":
			m.quoted(f.Value, "action", ruleUnknownAction)
		}
	}
	ast.Walk(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructLit:
			m.phase(n)
		case *ast.SelectorExpr, *ast.IndexExpr:
			if names := chain(n.(ast.Expr)); names != nil {
				m.selection(n.(ast.Expr), names)
				return false
			}
		}
		return true
	}, nil)
}

func (m *cueMutator) add(mu mutation) { m.list = append(m.list, mu) }

// replace adds a mistake in the place of a node.
func (m *cueMutator) replace(n ast.Node, by, kind string, warning bool, rules ...string) {
	sp := nodeSpan(n)
	m.add(mutation{kind: kind, rules: rules, warning: warning, start: sp.start, end: sp.end, by: by, at: sp.start})
}

func (m *cueMutator) label(f *ast.Field, kind, rule string) {
	if id, ok := f.Label.(*ast.Ident); ok {
		m.replace(id, misspell(id.Name), kind, false, rule)
	}
}

func (m *cueMutator) quoted(e ast.Expr, kind, rule string) {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING && !strings.Contains(lit.Value, "\n") {
		m.replace(lit, misspell(lit.Value), kind, false, rule)
	}
}

func fieldOf(s *ast.StructLit, name string) *ast.Field {
	for _, d := range s.Elts {
		if f, ok := d.(*ast.Field); ok && labelText(f.Label) == name {
			return f
		}
	}
	return nil
}

// phase finds places in a struct that calls a function.
func (m *cueMutator) phase(s *ast.StructLit) {
	fn := fieldOf(s, "func")
	if fn == nil {
		return
	}
	name, ok := fn.Value.(*ast.BasicLit)
	if !ok {
		return
	}
	function, known := schema.Function(strings.Trim(name.Value, `"`))
	if !known {
		return
	}
	m.quoted(fn.Value, "function", ruleUnknownFunction)
	args := fieldOf(s, "args")
	if args == nil {
		return
	}
	list, ok := args.Value.(*ast.StructLit)
	if !ok {
		return
	}
	for _, d := range list.Elts {
		f, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		m.label(f, "argument", ruleUnknownArgument)
		if arg, known := function.Arg(labelText(f.Label)); known {
			m.retype(f, arg)
			m.remove(function, name, f, list)
		}
	}
}

// retype gives an argument a value of another type.
func (m *cueMutator) retype(f *ast.Field, arg schema.Arg) {
	if _, literal := f.Value.(*ast.BasicLit); literal && arg.Kind&cue.StructKind == 0 {
		m.replace(f.Value, "{a: 1}", "type", false, ruleArgumentType)
	}
}

// remove takes an argument out that must be given.
func (m *cueMutator) remove(function schema.Func, name *ast.BasicLit, f *ast.Field, args *ast.StructLit) {
	if !slices.Contains(function.Required, labelText(f.Label)) || !args.Lbrace.IsValid() {
		return
	}
	sp := nodeSpan(f)
	if strings.Contains(m.text[sp.start:sp.end], "Text)") || m.lastUse(sp) {
		return // A let or an import would be left over.
	}
	if rest := m.text[sp.end:]; strings.HasPrefix(rest, ", ") {
		sp.end += 2
	}
	at := name.Pos().Offset()
	if at < sp.start {
		m.add(mutation{kind: "removed argument", rules: []string{ruleMissingArgument}, start: sp.start, end: sp.end, at: at})
	}
}

// lastUse tells whether a part of the file is the only one that uses one of CUE's packages.
func (m *cueMutator) lastUse(sp span) bool {
	rest := m.text[:sp.start] + m.text[sp.end:]
	for _, call := range packageCall.FindAllString(m.text[sp.start:sp.end], -1) {
		if !strings.Contains(rest, call) {
			return true
		}
	}
	return false
}

var packageCall = regexp.MustCompile(`\b(strings|strconv|json|yaml|base64|list|time|math|regexp)\.`)

// selection misspells a step of a path that is known to be right.
func (m *cueMutator) selection(e ast.Expr, names []string) {
	from := fieldOf(m.action, "artifactsFrom")
	switch {
	case names[0] == "input" && len(names) > 2 && names[1] == "artifactsIn":
		m.step(e, 3, "artifact", from == nil, ruleUnknownArtifact)
	case names[0] == "input" && len(names) > 1 && fieldOf(m.action, "kind") != nil:
		m.step(e, 2, "input", false, ruleUnknownInput)
	case names[0] == "phases" && len(names) > 3 && names[2] == "output":
		m.step(e, 2, "phase", false, ruleUnknownPhase)
		m.step(e, 4, "output", false, ruleUnknownOutput)
	}
}

// step misspells the last of the first count names of a selection, if it is one with
// a dot.
func (m *cueMutator) step(e ast.Expr, count int, kind string, warning bool, rule string) {
	if id, ok := lastPart(e, count).(*ast.Ident); ok {
		m.replace(id, misspell(id.Name), kind, warning, rule)
	}
}
