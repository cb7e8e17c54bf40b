package interp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// An expression is a part of the blueprint on its own: what it reads outside of
// itself stands in it as lets. Those of markers are holes, to be filled in when
// their values are known.
type expression struct {
	src   string
	holes []hole
	value cue.Value // as in the blueprint, for positions
	// wide says that it reads the phases as a whole, by way of the table; fromTable are
	// the outputs that it reads there, as far as is known. CUE exports an expression so
	// too if it names a phase that is not there.
	wide      bool
	table     *table
	fromTable []Ref
	// constant says that it reads nothing and is known already.
	constant bool
	// tree is set if the expression is bound there, and also are outputs that it reads
	// and that the expression does not name. Its pieces, if it has any, come to the same,
	// unless they end with an error.
	tree   *tree
	also   []Ref
	pieces *pieces
	// fallback is the tree for what turns out to be wrong when it is bound.
	fallback *tree
}

type hole struct {
	marker
	start, end int  // offsets in src of what to replace
	drop       bool // with nothing
	table      bool // with the table of all phases
	wrap       bool // with a struct whose #x is the value: CUE reads it as NAME.#x
}

// export makes an expression of v. What CUE cannot write as one is bound in the tree.
func (m *markers) export(v cue.Value, t *tree) (*expression, error) {
	e := &expression{value: v, fallback: t}
	file, err := e.write()
	if err != nil {
		e.tree = t
		// That it is incomplete is what is expected here.
		e.alsoReads(allCauses(v.Validate(cue.Concrete(true), cue.Final()), m.places))
		return e, nil
	}
	if err := e.findHoles(file, m); err != nil {
		return nil, err
	}
	e.constant = len(e.reads()) == 0 && !e.wide && v.Validate(cue.Concrete(true), cue.Final()) == nil
	return e, nil
}

// write writes the source of the expression, and parses it again.
func (e *expression) write() (*ast.File, error) {
	src, err := source(e.value)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile("expression", src, parser.ParseComments)
	e.src = string(src)
	return file, err
}

// findHoles finds what the expression reads of what is not known yet.
func (e *expression) findHoles(file *ast.File, m *markers) error {
	whole := cue.MakePath(append(m.action.Selectors(), cue.Str("phases"))...).String()
	phases := ""
	for _, let := range lets(file) {
		path := originalPath(let)
		if path == whole {
			phases = let.Ident.Name
			e.holes = append(e.holes, hole{table: true, start: let.Expr.Pos().Offset(), end: let.Expr.End().Offset(), wrap: wrapped(let.Expr)})
			continue
		}
		mk, ok := m.find(path)
		if !ok {
			mk, ok = m.wholeOutput(path)
		}
		if ok {
			e.holes = append(e.holes, hole{marker: mk, start: let.Expr.Pos().Offset(), end: let.Expr.End().Offset(), wrap: wrapped(let.Expr)})
		}
	}
	if e.wide = e.dropUnread(file)[phases]; e.wide {
		return e.probe(m)
	}
	return nil
}

// text is what to put into the hole for a value.
func (h hole) text(value []byte) []byte {
	if h.wrap {
		return slices.Concat([]byte("{#x: "), value, []byte("}"))
	}
	return value
}

// errNoSyntax says that CUE cannot write a value as an expression of its own.
var errNoSyntax = errors.New("it has no syntax of its own")

// source writes the expression of a value. CUE panics where it would have to name
// something after a field whose name is no identifier.
func source(v cue.Value) (src []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errNoSyntax
		}
	}()
	node := v.Syntax(cue.InlineImports(true), cue.Raw())
	ast.Walk(node, dropRemark, nil)
	return format.Node(node)
}

// dropRemark takes away what CUE remarks on _|_: the line that it ends may not end there,
// as in !(x != _|_).
func dropRemark(n ast.Node) bool {
	if bottom, ok := n.(*ast.BottomLit); ok {
		ast.SetComments(bottom, nil)
	}
	return true
}

func lets(file *ast.File) []*ast.LetClause {
	var found []*ast.LetClause
	ast.Walk(file, func(n ast.Node) bool {
		if let, ok := n.(*ast.LetClause); ok {
			found = append(found, let)
		}
		return true
	}, nil)
	return found
}

func wrapped(x ast.Expr) bool {
	s, ok := x.(*ast.StructLit)
	if !ok || len(s.Elts) != 1 {
		return false
	}
	f, ok := s.Elts[0].(*ast.Field)
	if !ok {
		return false
	}
	id, ok := f.Label.(*ast.Ident)
	return ok && id.Name == "#x"
}

// dropUnread removes what only served to export the expression, and the lets and
// imports that nothing reads then, or that are only read inside a hole: CUE refuses
// those that nothing reads. It returns the names that are read.
func (e *expression) dropUnread(file *ast.File) map[string]bool {
	all := map[string][]*ast.LetClause{}
	for _, let := range lets(file) {
		all[let.Ident.Name] = append(all[let.Ident.Name], let)
	}
	live := e.live(file, all)
	for name, group := range all {
		if !live[name] {
			for _, let := range group {
				e.cut(let)
			}
		}
	}
	for spec := range file.ImportSpecs() {
		if !live[importName(spec)] {
			e.cut(spec)
		}
	}
	e.sortHoles()
	return live
}

// live are the names that are read outside of holes.
func (e *expression) live(file *ast.File, lets map[string][]*ast.LetClause) map[string]bool {
	live := map[string]bool{}
	var read func(n ast.Node)
	read = func(n ast.Node) {
		ast.Walk(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.LetClause, *ast.ImportDecl:
				return false
			case *ast.Field:
				if isMention(n) {
					e.cut(n)
					return false
				}
			case *ast.Ident:
				if live[n.Name] {
					break
				}
				live[n.Name] = true
				for _, let := range lets[n.Name] {
					if !e.isHole(let) {
						read(let.Expr)
					}
				}
			}
			return true
		}, nil)
	}
	read(file)
	return live
}

// importName is the name that a file uses an import by.
func importName(spec *ast.ImportSpec) string {
	info, err := astutil.ParseImportSpec(spec)
	if err != nil {
		return ""
	}
	return info.Ident
}

func isMention(f *ast.Field) bool {
	name, _, err := ast.LabelName(f.Label)
	return err == nil && strings.HasPrefix(name, mentionPrefix)
}

func (e *expression) isHole(let *ast.LetClause) bool {
	start := let.Expr.Pos().Offset()
	return slices.ContainsFunc(e.holes, func(h hole) bool { return h.start == start && !h.drop })
}

// cut takes a node out, with the holes in it.
func (e *expression) cut(n ast.Node) {
	start, end := n.Pos().Offset(), n.End().Offset()
	e.holes = slices.DeleteFunc(e.holes, func(h hole) bool { return h.start >= start && h.end <= end })
	e.holes = append(e.holes, hole{start: start, end: end, drop: true})
}

// sortHoles puts the holes in order, without those inside of others.
func (e *expression) sortHoles() {
	slices.SortFunc(e.holes, func(a, b hole) int { return a.start - b.start })
	end := 0
	e.holes = slices.DeleteFunc(e.holes, func(h hole) bool {
		inside := h.end <= end
		end = max(end, h.end)
		return inside
	})
}

// originalPath is where a let's value stands in the blueprint; CUE says so in a
// comment when it exports an expression.
func originalPath(let *ast.LetClause) string {
	for _, group := range ast.Comments(let) {
		for _, c := range group.List {
			if path, ok := strings.CutPrefix(c.Text, "//cue:path: "); ok {
				return path
			}
		}
	}
	return ""
}

// reads lists what the expression waits for.
func (e *expression) reads() []Ref {
	var refs []Ref
	for _, h := range e.holes {
		if !h.drop && !h.table {
			refs = append(refs, h.ref)
		}
	}
	return slices.Concat(refs, e.fromTable, e.also)
}

// alsoReads adds what the expression reads beside what it names.
func (e *expression) alsoReads(refs []Ref) {
	known := e.reads()
	for _, ref := range refs {
		if !slices.Contains(known, ref) {
			e.also = append(e.also, ref)
			known = append(known, ref)
		}
	}
}

// Lookup gives the value of a Ref, and false when it does not exist. An error
// says why it cannot be had, for example that a template does not render.
type Lookup func(Ref) (any, bool, error)

// bind evaluates the expression with the values that lookup gives. The result is
// concrete, or the error names what is missing and where it is read.
func (e *expression) bind(ctx *cue.Context, lookup Lookup) (cue.Value, error) {
	switch {
	case e.constant:
		return e.value, nil
	case e.tree != nil:
		return e.bindInTree(ctx, lookup)
	}
	src, missing, err := e.filled(lookup)
	if err != nil {
		return cue.Value{}, err
	}
	v, err := e.evaluate(ctx, src, lookup)
	if err != nil {
		if missing != nil {
			return cue.Value{}, missing
		}
		// CUE may have written it wrongly.
		if v, wrong := e.fallback.bind(e, lookup); wrong == nil {
			return v, nil
		}
		return cue.Value{}, e.explain(err)
	}
	return v, nil
}

// bindInTree binds the expression where it stands, if its pieces do not do.
func (e *expression) bindInTree(ctx *cue.Context, lookup Lookup) (cue.Value, error) {
	if e.pieces != nil {
		if v, err := e.pieces.bind(ctx, lookup); err == nil {
			return v, nil
		}
	}
	return e.tree.bind(e, lookup)
}

// evaluate compiles the source of the expression with its holes filled.
func (e *expression) evaluate(ctx *cue.Context, src string, lookup Lookup) (cue.Value, error) {
	if e.wide {
		return e.bindTable(ctx, src, lookup)
	}
	v := ctx.CompileString(src)
	return v, v.Validate(cue.Concrete(true), cue.Final())
}

// filled writes the expression with its holes filled. That a key of an object is
// missing is an error only where it is read: a neighbour may have brought it along.
func (e *expression) filled(lookup Lookup) (src string, missing, err error) {
	var b strings.Builder
	done := 0
	for _, h := range e.holes {
		b.WriteString(e.src[done:h.start])
		done = h.end
		if h.drop {
			continue
		}
		if h.table {
			b.Write(h.text([]byte(tableName)))
			continue
		}
		text, err := literal(h.ref, lookup)
		switch {
		case err != nil && h.ref.Field != "":
			missing, text = errors.Join(missing, err), []byte("string")
		case err != nil:
			return "", nil, err
		}
		b.Write(h.text(text))
	}
	b.WriteString(e.src[done:])
	return b.String(), missing, nil
}

func literal(ref Ref, lookup Lookup) ([]byte, error) {
	value, ok, err := lookup(ref)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("needs %s, which is not there", ref)
	}
	return json.Marshal(value)
}

// explain brings the errors of an evaluated expression back to where the author
// wrote what is wrong.
func (e *expression) explain(err error) error {
	var all []string
	for _, one := range cueerrors.Errors(err) {
		// The whole text, because the first message of a chain says little.
		msg := one.Error()
		steps := one.Path()
		if e.tree != nil {
			msg = strings.TrimPrefix(msg, e.value.Path().String()+".")
			steps = steps[min(len(steps), len(e.value.Path().Selectors())):]
		}
		v := e.at(steps)
		if _, path := v.ReferencePath(); strings.Contains(msg, "incomplete value") && len(path.Selectors()) > 0 {
			msg = fmt.Sprintf("%s: nothing was given for %s", strings.Join(steps, "."), path)
		}
		if pos := position(v); pos.IsValid() {
			msg = fmt.Sprintf("%s: %s", place(pos), msg)
		}
		all = append(all, msg)
	}
	sort.Strings(all)
	return errors.New(strings.Join(slices.Compact(all), "\n"))
}

// at is the value at a path below the expression, as it stands in the blueprint.
func (e *expression) at(path []string) cue.Value {
	v := e.value
	for _, step := range path {
		sel := cue.Str(step)
		if i, err := strconv.Atoi(step); err == nil {
			sel = cue.Index(i)
		}
		next := v.LookupPath(cue.MakePath(sel))
		if !next.Exists() {
			break
		}
		v = next
	}
	return v
}

// position is where the author wrote a value, or what is wrong in it.
func position(v cue.Value) token.Pos {
	if pos := errorPos(v.Err()); pos.IsValid() {
		return pos
	}
	return userPos(v)
}

// errorPos is the place of an error in the author's files, the most specific one
// if there are several.
func errorPos(err error) token.Pos {
	for _, pos := range slices.Backward(cueerrors.Positions(err)) {
		if authored(pos) {
			return pos
		}
	}
	return token.NoPos
}

// located is a CUE error whose parts begin with their place.
func located(err error) error {
	var all []string
	for _, one := range cueerrors.Errors(err) {
		msg := one.Error()
		if strings.HasSuffix(msg, "invalid interpolation") {
			// CUE keeps the reason to itself; the place is that of what is read.
			msg += ": what the text reads here is not among the inputs"
		}
		if pos := errorPos(one); pos.IsValid() {
			msg = fmt.Sprintf("%s: %s", place(pos), msg)
		}
		all = append(all, msg)
	}
	sort.Strings(all)
	return &locatedError{err, strings.Join(slices.Compact(all), "\n")}
}

// A locatedError is one of CUE in words for people. Its positions are still there.
type locatedError struct {
	cue  error
	text string
}

func (e *locatedError) Error() string { return e.text }
func (e *locatedError) Unwrap() error { return e.cue }
