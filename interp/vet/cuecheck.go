package vet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// maxRounds bounds how often a package is evaluated.
const maxRounds = 100

// checkCUE evaluates the package, and again with what was wrong taken out, until
// there is nothing new: CUE reports some mistakes only once others are gone.
func checkCUE(u Unit) []Finding {
	c, ok := newCUEChecker(u)
	if !ok {
		return c.findings
	}
	c.imports()
	c.strayFields()
	c.misspeltArguments()
	c.evaluate()
	c.rules()
	c.ownReferences()
	c.definitionUses()
	c.branches()
	c.templates()
	c.addVague()
	for _, f := range c.firstUse {
		c.add(f)
	}
	c.outlines()
	c.pkg.close()
	return c.findings
}

// newCUEChecker loads the package. If it is not ok, the findings say why.
func newCUEChecker(u Unit) (c *cueChecker, ok bool) {
	pkg, err := loadPackage(u)
	c = &cueChecker{pkg: pkg, unit: u, memo: newMemo(), seen: map[string]bool{}, met: map[string]int{}, artifactsUnknown: map[string]bool{}, firstUse: map[string]Finding{}}
	if pkg.inst == nil || len(pkg.inst.Files) == 0 || err != nil {
		c.loadErrors(err)
		return c, false
	}
	c.files = pkg.files()
	return c, true
}

// evaluate goes on until an evaluation brings nothing new.
func (c *cueChecker) evaluate() {
	for range maxRounds {
		c.root, c.memo = c.pkg.value(), newMemo()
		if !c.round(c.root.Validate(cue.Concrete(false))) {
			return
		}
	}
}

type cueChecker struct {
	pkg      *cuePackage
	unit     Unit
	root     cue.Value
	memo     *memo
	files    []*ast.File
	findings []Finding
	// seen are the findings there are, met how often a mistake came up.
	seen map[string]bool
	met  map[string]int
	// artifactsUnknown are the actions whose artifactsFrom leads nowhere.
	artifactsUnknown map[string]bool
	// firstUse has the first use of what is missing once and used often: of inputs in each
	// action that does not bring them into scope, and of a hidden field or a definition.
	firstUse map[string]Finding
	// vague are findings about texts in which CUE does not say what is wrong.
	vague []Finding
	// settled has the places, and the phases whose arguments were looked at as a whole,
	// that the present round has seen to.
	settled map[string]bool
}

// round turns the errors of one evaluation into findings and takes out what caused
// them. It reports whether there was anything to take out.
func (c *cueChecker) round(err error) bool {
	list := mistakes(err)
	if c.openDefinitions(list) {
		return true
	}
	list = c.outermost(list)
	c.settled = map[string]bool{}
	progress := false
	for _, m := range c.rootCauses(list) {
		key := m.key() + m.text
		c.met[key]++
		switch {
		case c.follows(m):
		case c.met[key] == 1:
			progress = c.classify(m) || c.blankNearest(m.path) || progress
		case c.met[key] == 2:
			// Taking it out did not help: take out more.
			progress = c.blankNearest(m.path) || progress
		}
	}
	return progress
}

// phaseFields are those that every phase may have.
var phaseFields = []string{"name", "func", "args", "output", "objects", "secrets", "configMaps", "timeout", "retry", "after"}

// follows tells what CUE says only because the action's phases have some other
// mistake: that a phase may not have its fields.
func (c *cueChecker) follows(m mistake) bool {
	n := len(m.path)
	if n > 2 && (m.path[n-2] == "secrets" || m.path[n-2] == "configMaps") && len(locate(c.files, sub(m.path[:n-2], "objects", m.path[n-1]))) > 0 {
		return true // The object is declared; what it says of itself is wrong.
	}
	return n > 2 && m.path[n-3] == "phases" && strings.HasSuffix(m.text, "field not allowed") && slices.Contains(phaseFields, m.path[n-1])
}

// blankNearest takes out the smallest part around a path that the user wrote, but
// no more than a phase or the like.
func (c *cueChecker) blankNearest(path []string) bool {
	for n := len(path); n > 4; n-- {
		if c.blank(path[:n]) {
			return true
		}
	}
	return false
}

// A mistake is what CUE says about one path.
type mistake struct {
	path      []string
	text      string
	pos       token.Pos
	positions []token.Pos
}

// mistakes groups CUE's errors by path: a failed disjunction is one mistake, and so
// is a field that is not allowed with all that it holds.
func mistakes(err error) []mistake {
	var list []mistake
	index := map[string]int{}
	for _, e := range errors.Errors(err) {
		m := newMistake(e)
		key := m.key()
		if i, ok := index[key]; ok {
			list[i].join(m)
			continue
		}
		index[key] = len(list)
		list = append(list, m)
	}
	return slices.DeleteFunc(slices.Clone(list), func(m mistake) bool {
		return slices.ContainsFunc(list, func(other mistake) bool { return other.covers(m) })
	})
}

// key tells mistakes apart: by the path, and for references, of which one value may
// have several, by the place.
func (m mistake) key() string {
	if len(m.path) == 0 || strings.HasPrefix(m.text, "reference ") || strings.HasPrefix(m.text, "undefined field: ") {
		return strings.Join(m.path, "\x00") + m.pos.String() + m.text
	}
	return strings.Join(m.path, "\x00")
}

func newMistake(e errors.Error) mistake {
	m := mistake{path: unquotePath(e.Path()), pos: e.Position(), positions: errors.Positions(e)}
	m.text = message(e)
	if strings.HasSuffix(m.text, "field not allowed") {
		m.path = withoutItems(m.path)
	}
	if inner := errors.Error(nil); m.text == "invalid interpolation" && errors.As(errors.Unwrap(e), &inner) {
		m.text, m.pos = message(inner), inner.Position()
		m.positions = append(errors.Positions(inner), m.positions...)
	}
	return m
}

// withoutItems leads to the list instead of its item: where an item is not allowed,
// it is because the list is not.
func withoutItems(path []string) []string {
	for len(path) > 0 {
		if _, item := index(path[len(path)-1]); !item {
			break
		}
		path = path[:len(path)-1]
	}
	return path
}

func message(e errors.Error) string {
	format, args := e.Msg()
	return fmt.Sprintf(format, args...)
}

// join adds what another error says about the same path. What the schema says in
// its own words goes before what CUE says.
func (m *mistake) join(other mistake) {
	m.positions = append(m.positions, other.positions...)
	if strings.HasPrefix(other.text, "must be ") {
		m.text = other.text
	}
}

// covers tells that other is inside of m, which is not allowed at all.
func (m mistake) covers(other mistake) bool {
	return len(m.path) > 0 && len(other.path) > len(m.path) && strings.HasSuffix(m.text, "field not allowed") &&
		slices.Equal(m.path, other.path[:len(m.path)])
}

const blueprintAdvice = "a blueprint in CUE is a field such as `blueprint: schema.#Blueprint & {…}`"

// add keeps a finding once.
func (c *cueChecker) add(f Finding) {
	key := fmt.Sprint(f.File, ":", f.Line, ":", f.Column, ":", f.Rule, ":", f.Message)
	if !c.seen[key] {
		c.seen[key] = true
		c.findings = append(c.findings, f)
	}
}

// addAt keeps a finding about the node, at the path inside the blueprint.
func (c *cueChecker) addAt(n ast.Node, path []string, f Finding) { c.add(c.placed(n, path, f)) }

// placed gives a finding its place.
func (c *cueChecker) placed(n ast.Node, path []string, f Finding) Finding {
	f.Path = blueprintPath(path)
	if n != nil {
		if src := c.pkg.source(n.Pos()); src != nil {
			return src.at(nodeSpan(n), f)
		}
	}
	f.File = c.unit.Files[0].Name
	return f.complete()
}

// blueprintPath leaves out the field that holds the blueprint.
func blueprintPath(path []string) string {
	if i := slices.Index(path, "actions"); i > 0 {
		path = path[i:]
	}
	return pathText(path)
}

// node returns the first place of the path: its value, or its label.
func (c *cueChecker) valueNode(path ...string) ast.Node {
	if places := locate(c.files, path); len(places) > 0 {
		return places[0].value
	}
	return nil
}

func (c *cueChecker) labelNode(path ...string) ast.Node {
	if places := locate(c.files, path); len(places) > 0 {
		return places[0].label()
	}
	return nil
}

// nodesAt lists the nodes around pos, the outermost first.
func (c *cueChecker) nodesAt(pos token.Pos) []ast.Node {
	for _, f := range c.files {
		if f.Filename == pos.Filename() {
			return enclosing(f, pos)
		}
	}
	return nil
}

// lookup finds the value at path, whose names are those of fields, optional ones
// included, and the numbers of items.
func (c *cueChecker) lookup(path ...string) cue.Value {
	n := len(path)
	if n == 0 {
		return c.root
	}
	return remembered(c.memo.values, path, func() cue.Value { return c.field(path[:n-1], path[n-1]) })
}

// field finds one of the fields that lookup knows.
func (c *cueChecker) field(path []string, name string) cue.Value {
	v := c.lookup(path...)
	if !v.Exists() {
		return cue.Value{}
	}
	if hidden(name) {
		return ownField(v, name)
	}
	if next := v.LookupPath(cue.MakePath(cue.Str(name))); next.Exists() {
		return next
	}
	if i, ok := index(name); ok {
		return v.LookupPath(cue.MakePath(cue.Index(i)))
	}
	return optionalField(v, name)
}

// ownField looks for a definition or a hidden field.
func ownField(v cue.Value, name string) cue.Value {
	if !v.Exists() {
		return cue.Value{}
	}
	it, err := v.Fields(cue.Definitions(true), cue.Hidden(true))
	for err == nil && it.Next() {
		if it.Selector().String() == name {
			return it.Value()
		}
	}
	return cue.Value{}
}

// optionalField finds a field, whether it has a value or is optional. A lookup of an
// optional field also succeeds where the struct merely has a pattern. To list the fields
// is costly, because CUE sorts them each time.
func optionalField(v cue.Value, name string) cue.Value {
	if i, ok := index(name); ok && v.Exists() {
		return v.LookupPath(cue.MakePath(cue.Index(i)))
	}
	optional := v.LookupPath(cue.MakePath(cue.Str(name).Optional()))
	if !optional.Exists() || !v.LookupPath(cue.MakePath(cue.AnyString)).Exists() {
		return optional
	}
	return allFields(v)[name]
}

// allFields are the regular and the optional fields of v by name.
func allFields(v cue.Value) map[string]cue.Value {
	if !v.Exists() {
		return nil
	}
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		return nil
	}
	fields := map[string]cue.Value{}
	for it.Next() {
		if sel := it.Selector(); sel.IsString() {
			fields[sel.Unquoted()] = it.Value()
		}
	}
	return fields
}

// fieldNames lists the regular and optional fields of v but those in except.
func fieldNames(v cue.Value, except ...string) []string {
	if !v.Exists() {
		return nil
	}
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		return nil
	}
	var names []string
	for it.Next() {
		if sel := it.Selector(); sel.IsString() && !slices.Contains(except, sel.Unquoted()) {
			names = append(names, sel.Unquoted())
		}
	}
	return names
}

// givenFields lists the regular fields of v: those that have a value.
func givenFields(v cue.Value) []string {
	if !v.Exists() {
		return nil
	}
	it, err := v.Fields()
	if err != nil {
		return nil
	}
	var names []string
	for it.Next() {
		names = append(names, it.Selector().Unquoted())
	}
	return names
}

// text returns the string at path, or "".
func (c *cueChecker) text(path ...string) string {
	v := c.lookup(path...)
	if !v.Exists() {
		return ""
	}
	if d, ok := v.Default(); ok {
		v = d
	}
	s, err := v.String()
	if err != nil {
		return ""
	}
	return s
}
