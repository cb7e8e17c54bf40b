package interp

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"

	"github.com/rescuecue/rescue/schema"
)

// CUE's export of expressions takes what is read at one place of the source for one
// value. That is wrong where the place counts more than once: in a comprehension, in a
// definition or a helper that is used several times. It also loses the variables of some
// comprehensions. So an action of a blueprint that has such things is evaluated once more,
// with a probe in the place of each value that is not known yet, and an expression is
// only trusted if it comes to what the action itself comes to. Others are bound in the
// tree, or in pieces if these come to what the tree comes to.

// verify compares the expressions of the plan with the tree.
func (p *Plan) verify() error {
	doubtful := slices.DeleteFunc(p.expressions(), func(e *expression) bool { return !p.reuses && e.tree == nil })
	if len(doubtful) == 0 {
		return nil
	}
	probes := newProbes(p.markers)
	known := map[Ref]json.RawMessage{}
	for _, mk := range p.markers.list {
		text, err := literal(mk.ref, probes.lookup)
		if err != nil {
			return err
		}
		known[mk.ref] = text
	}
	filled, err := p.tree.with(known)
	if err != nil {
		return nil // An output that takes no probe: bind falls back on the tree.
	}
	for _, e := range doubtful {
		p.compare(e, probes, filled.root.LookupPath(e.value.Path()))
	}
	p.tree.last = filledTree{} // It is large, and not asked for again.
	return nil
}

// expressions of all phases, and that of the artifacts.
func (p *Plan) expressions() []*expression {
	all := []*expression{p.artifacts}
	for _, ph := range p.Phases {
		all = append(all, ph.args, ph.objects)
	}
	if p.Defer != nil {
		all = append(all, p.Defer.args, p.Defer.objects)
	}
	return slices.DeleteFunc(all, func(e *expression) bool { return e == nil || e.constant })
}

// compare has an expression bound in the tree unless it comes to what the tree comes to.
func (p *Plan) compare(e *expression, probes *probes, inTree cue.Value) {
	want, err := inTree.MarshalJSON()
	if e.tree == nil {
		got, gotErr := e.probed(p.markers.ctx, probes)
		if err == nil && gotErr == nil && sameJSON(want, got) {
			return
		}
		if err != nil && gotErr != nil && len(e.reads()) == 0 {
			return // It lacks an input: the expression says so as well.
		}
	}
	e.tree = p.tree
	e.alsoReads(probes.in(want))
	if err == nil {
		e.pieces = p.trustedPieces(e.value, probes, want)
	}
}

// trustedPieces are the pieces of a value if they come to what is wanted with probes.
func (p *Plan) trustedPieces(v cue.Value, probes *probes, want []byte) *pieces {
	pieces, err := p.markers.inPieces(v)
	if err != nil {
		return nil
	}
	bound, err := pieces.bind(p.markers.ctx, probes.lookup)
	if err != nil {
		return nil
	}
	if got, err := bound.MarshalJSON(); err != nil || !sameJSON(want, got) {
		return nil
	}
	return pieces
}

// probed is what the expression on its own comes to with probes.
func (e *expression) probed(ctx *cue.Context, probes *probes) ([]byte, error) {
	src, missing, err := e.filled(probes.lookup)
	if err != nil || missing != nil {
		return nil, errors.Join(err, missing)
	}
	v, err := e.evaluate(ctx, src, probes.lookup)
	if err != nil {
		return nil, err
	}
	return v.MarshalJSON()
}

// sameJSON compares without the order of fields, which CUE need not keep.
func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// probes are values that stand for what is not known, and are found again where they went.
type probes struct {
	m     *markers
	index map[Ref]int
}

func newProbes(m *markers) *probes {
	p := &probes{m, map[Ref]int{}}
	for i, mk := range m.list {
		p.index[mk.ref] = i
	}
	return p
}

// firstProbe is the number that stands for the first value. Texts are digits as well: an
// author may make numbers of them.
const firstProbe = 1_730_000_000

// probeDigits finds probes in what an evaluation came to.
var probeDigits = regexp.MustCompile(`173\d{7}`)

func probe(i int, kind cue.Kind) any {
	text := strconv.Itoa(firstProbe + i)
	switch {
	case kind&cue.StringKind != 0:
		return text
	case kind&cue.NumberKind != 0:
		return firstProbe + i
	case kind == cue.BoolKind:
		return true
	case kind == cue.StructKind:
		return map[string]any{text: text}
	case kind == cue.ListKind:
		return []any{text}
	}
	return text
}

// lookup gives the probe for a Ref.
func (p *probes) lookup(ref Ref) (any, bool, error) {
	if i, ok := p.index[ref]; ok {
		return probe(i, p.m.list[i].kind), true, nil
	}
	if ref.Kind != OutputRef || ref.Key != "" {
		return nil, false, nil
	}
	all := map[string]any{}
	for i, mk := range p.m.list {
		if mk.ref.Phase == ref.Phase && mk.ref.Kind == OutputRef {
			all[mk.ref.Key] = probe(i, mk.kind)
		}
	}
	return all, true, nil
}

// in lists what the probes in a value stand for.
func (p *probes) in(text []byte) []Ref {
	var refs []Ref
	for _, digits := range probeDigits.FindAll(text, -1) {
		i, err := strconv.Atoi(string(digits))
		if i -= firstProbe; err == nil && i >= 0 && i < len(p.m.list) {
			refs = append(refs, p.m.list[i].ref)
		}
	}
	return refs
}

// reuses tells whether the files of a package, or of one that it imports, have a place
// that can count more than once.
func reuses(inst *build.Instance) bool {
	found := false
	eachPackage(inst, func(inst *build.Instance) {
		for _, f := range inst.Files {
			if found || schema.Owns(f.Filename) {
				return
			}
			found = len(topFields(inst.Files)) > 1
			ast.Walk(f, func(n ast.Node) bool {
				found = found || isReused(n)
				return !found
			}, nil)
		}
	})
	return found
}

// topFields are the names of the fields of a package. What stands beside the blueprint is
// there to be used in it.
func topFields(files []*ast.File) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			if field, ok := d.(*ast.Field); ok {
				name, _, _ := ast.LabelName(field.Label) // one that has none counts as ""
				names[name] = true
			}
		}
	}
	return names
}

// isReused says whether a node can make a place count more than once.
func isReused(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Comprehension, *ast.LetClause, *ast.Alias, *ast.EmbedDecl:
		return true
	case *ast.Field:
		if n.Alias != nil {
			return true
		}
		if slices.ContainsFunc(n.Attrs, func(a *ast.Attribute) bool { return strings.HasPrefix(a.Text, "@gotmpl") }) {
			return false // A template, which CUE does not look into.
		}
		name, isIdent, err := ast.LabelName(n.Label)
		return err != nil || isIdent && (name[0] == '#' || name[0] == '_')
	case *ast.BinaryExpr:
		ofSchema := func(operand ast.Expr) bool { return rootName(operand) == "schema" }
		return isCall(n) && !slices.ContainsFunc(operandsOf(n), ofSchema)
	case *ast.ImportSpec:
		return n.Path != nil && strings.Contains(n.Path.Value, ".") && n.Path.Value != strconv.Quote(schema.Module+"/schema")
	}
	return false
}
