package interp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/schema"
)

// A marker stands in the evaluated blueprint for a value that is only known while
// the action runs. It is an expression over a name of its own, such as
// "\(rescue_7)" for text, that CUE cannot resolve and therefore carries along, so
// that the arguments of a phase, exported as an expression, name just what they
// wait for. Binding is then defining those names.
//
// This is why binding a phase costs the same however many phases there are:
// filling an output into the tree would evaluate the whole tree again.
type marker struct {
	name string
	ref  Ref
	at   []cue.Selector
	kind cue.Kind
}

// Ref names a value that becomes known while an action runs.
type Ref struct {
	// Phase that the value belongs to.
	Phase string
	// Kind of the value.
	Kind RefKind
	// Key of the output (empty: all outputs together), or name of the Secret or ConfigMap among the phase's
	// objects, or name of the field that holds the template.
	Key string
	// Field is a key of the object's data; empty: all of it.
	Field string
	// Default stands for a Field that the object does not have.
	Default    string
	HasDefault bool
	// Template is the text of a Go template.
	Template string
}

// RefKind is the kind of a Ref.
type RefKind string

// What a Ref can name.
const (
	OutputRef    RefKind = "output"
	SecretRef    RefKind = "secrets"
	ConfigMapRef RefKind = "configMaps"
	TemplateRef  RefKind = "template"
)

func (r Ref) String() string {
	if r.Kind == TemplateRef {
		return fmt.Sprintf("template %s", r.Key)
	}
	if r.Key == "" {
		return fmt.Sprintf("phases.%s.%s", r.Phase, r.Kind)
	}
	if r.Field != "" {
		return fmt.Sprintf("phases.%s.%s.%s.data.%s", r.Phase, r.Kind, r.Key, r.Field)
	}
	return fmt.Sprintf("phases.%s.%s.%s", r.Phase, r.Kind, r.Key)
}

const markerPrefix = "rescue_"

// markers hands out markers for one plan.
type markers struct {
	ctx    *cue.Context
	action cue.Path
	list   []marker
	// exported are the structs below the action that become expressions.
	exported [][]cue.Selector
	// known are values that need no marker any more.
	known map[Ref]bool
	// marked is the action with the markers, and outputs what its phases declare: the
	// table is made of them.
	marked  cue.Value
	places  map[filledLine]Ref
	outputs map[string]map[string]cue.Kind
	table   *table
}

// add makes a marker for ref, which stands at the given path below the action, for
// a value of the given kind.
func (m *markers) add(ref Ref, kind cue.Kind, at []cue.Selector, below ...cue.Selector) {
	if m.known[ref] {
		return
	}
	name := fmt.Sprintf("%s%d", markerPrefix, len(m.list))
	m.list = append(m.list, marker{name, ref, append(slices.Clone(at), below...), kind})
}

// value has all markers at their places. Hidden fields belong to a package, so
// the markers of each package make a value of their own.
func (m *markers) value() (cue.Value, error) {
	all, places, err := m.fill(func(mk marker) string { return unresolved(mk.name, mk.kind) }, m.mentions)
	m.places = places
	return all, err
}

// fill has the given text at the place of each marker, and says which line that is. more
// writes what else there is to fill in.
func (m *markers) fill(text func(marker) string, more func([]marker) string) (all cue.Value, places map[filledLine]Ref, err error) {
	all = m.ctx.CompileString("{}")
	places = map[filledLine]Ref{}
	for pkg, list := range m.byPackage() {
		var b strings.Builder
		for i, mk := range list {
			fmt.Fprintf(&b, "%s: _\nfill: %s: %s\n", mk.name, labels(mk.at), text(mk))
			places[filledLine{pkg, 2*i + 2}] = mk.ref
		}
		b.WriteString(more(list))
		v := m.ctx.CompileString(b.String(), cue.ImportPath(pkg), cue.Filename(filledIn+pkg))
		all = all.Unify(v.LookupPath(cue.ParsePath("fill")))
	}
	return all, places, all.Err()
}

// filledIn begins the file names of what is filled into the author's blueprint.
const filledIn = "rescue_filled_in:"

// A filledLine is a line of what is filled in, for a package.
type filledLine struct {
	pkg  string
	line int
}

// causes lists what an evaluation lacks that ended with an error, by the places of it.
// An error's path does not tell: it can be that of whatever reads a marker.
func causes(err cueerrors.Error, places map[filledLine]Ref) []Ref {
	var refs []Ref
	for _, pos := range cueerrors.Positions(err) {
		pkg, ok := strings.CutPrefix(pos.Filename(), filledIn)
		if ref, known := places[filledLine{pkg, pos.Line()}]; ok && known && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// authored says whether a place is in a file of the blueprint's author.
func authored(pos token.Pos) bool {
	name := pos.Filename()
	return pos.IsValid() && name != "" && !strings.HasPrefix(name, filledIn) && !schema.Owns(name)
}

// mentionPrefix begins the names of fields that mentions makes.
const mentionPrefix = "_rescue_around_"

// mentions makes every expression that is exported read the structs of markers
// whose fields are no identifiers. CUE names what an expression reads outside of
// itself after the field, and panics where that is no name for a let; but not if
// the expression reads the struct around it as well. It does so where it is never
// evaluated, and dropUnread takes it out again.
func (m *markers) mentions(list []marker) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, mk := range list {
		last := len(mk.at) - 1
		if last == 0 || !mk.at[last].IsString() || ast.IsValidIdent(mk.at[last].Unquoted()) {
			continue
		}
		around := cue.MakePath(mk.at[:last]...).String()
		if seen[around] {
			continue
		}
		seen[around] = true
		for _, reader := range m.exported {
			fmt.Fprintf(&b, "fill: F={%s: %s%d: [if false {F.%s}]}\n", labels(reader), mentionPrefix, len(seen), around)
		}
	}
	return b.String()
}

func (m *markers) byPackage() map[string][]marker {
	groups := map[string][]marker{}
	for _, mk := range m.list {
		pkg := "_"
		if last := mk.at[len(mk.at)-1]; last.PkgPath() != "" {
			pkg = last.PkgPath()
		}
		groups[pkg] = append(groups[pkg], mk)
	}
	return groups
}

// labels writes selectors as a chain of field labels.
func labels(sel []cue.Selector) string {
	var parts []string
	for _, s := range sel {
		if s.IsString() {
			parts = append(parts, strconv.Quote(s.Unquoted()))
			continue
		}
		parts = append(parts, s.String())
	}
	return strings.Join(parts, ": ")
}

// unresolved is an expression of the given kind that waits for name.
func unresolved(name string, kind cue.Kind) string {
	switch kind {
	case cue.IntKind, cue.FloatKind, cue.NumberKind:
		return name + "+0"
	case cue.BoolKind:
		return name + " && true"
	case cue.StructKind:
		return "{for k, v in " + name + " {(k): v}}"
	case cue.ListKind:
		return "[for v in " + name + " {v}]"
	default:
		return `"\(` + name + `)"`
	}
}

// find returns the marker of that name.
func (m *markers) find(name string) (marker, bool) {
	if !strings.HasPrefix(name, markerPrefix) {
		return marker{}, false
	}
	var i int
	if _, err := fmt.Sscanf(name[len(markerPrefix):], "%d", &i); err != nil || i >= len(m.list) {
		return marker{}, false
	}
	return m.list[i], true
}

// wholeOutput recognises a path that names all outputs of a phase at once.
func (m *markers) wholeOutput(path string) (marker, bool) {
	sel := cue.ParsePath(path).Selectors()
	at := len(m.action.Selectors())
	if len(sel) != at+3 || sel[at].String() != "phases" || sel[at+2].String() != "output" {
		return marker{}, false
	}
	return marker{ref: Ref{Phase: sel[at+1].Unquoted(), Kind: OutputRef}}, true
}
