package interp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
)

// An expression can read phases without naming one: phases["dump-\(p)"].output.id, or
// for name, p in phases {…}. CUE exports such a read as a let of all the phases, with
// everything that they refer to, which is not what it needs. In its place stands the
// table: for each phase its name, its function, those of its arguments that are known,
// and its outputs, with markers as long as these are not known.
//
// What CUE complains about then says which of the outputs the expression reads.
type table struct {
	rows []row
	// empty is the table without any output, compiled once, and places says what its
	// lines are.
	empty  cue.Value
	places map[filledLine]Ref
}

type row struct {
	name string
	// known is CUE source of the fields that do not change.
	known   string
	outputs map[string]cue.Kind
}

// Names in the scope of an expression that reads the table.
const (
	tableName    = "rescue_table"
	tableUnknown = "rescue_unknown"
)

// phaseTable makes the table of the marked action when it is first asked for.
func (m *markers) phaseTable() (*table, error) {
	if m.table != nil {
		return m.table, nil
	}
	phases, err := phaseValues(m.marked)
	if err != nil {
		return nil, err
	}
	t := &table{}
	for _, ph := range phases {
		r := row{name: ph.name, outputs: m.outputs[ph.name]}
		if r.known, err = knownFields(ph.value); err != nil {
			return nil, err
		}
		t.rows = append(t.rows, r)
	}
	m.table = t
	return t, nil
}

// knownFields writes what is known of a phase before it runs.
func knownFields(phase cue.Value) (string, error) {
	known := map[string]any{}
	for _, name := range []string{"name", "func"} {
		text, err := phase.LookupPath(cue.ParsePath(name)).String()
		if err != nil {
			return "", err
		}
		known[name] = text
	}
	args := map[string]json.RawMessage{}
	each(phase.LookupPath(cue.ParsePath("args")), func(name string, v cue.Value) {
		// One that is not concrete is left out: it is known only when its phase runs.
		if text, err := v.MarshalJSON(); err == nil {
			args[name] = text
		}
	})
	known["args"] = args
	text, err := json.Marshal(known)
	return string(text), err
}

// source writes the table with the outputs that are known, each in a line.
func (t *table) source(known map[Ref]json.RawMessage) (src string, places map[filledLine]Ref) {
	var b strings.Builder
	places = map[filledLine]Ref{}
	fmt.Fprintf(&b, "%s: _\n", tableUnknown)
	line := 1
	for _, r := range t.rows {
		fmt.Fprintf(&b, "%s: %s: %s\n", tableName, strconv.Quote(r.name), r.known)
		line++
		for key, kind := range r.outputs {
			ref := Ref{Phase: r.name, Kind: OutputRef, Key: key}
			text, ok := known[ref]
			if !ok {
				text = []byte(unresolved(tableUnknown, kind))
			}
			fmt.Fprintf(&b, "%s: %s: output: %s: %s\n", tableName, strconv.Quote(r.name), strconv.Quote(key), text)
			line++
			places[filledLine{tableName, line}] = ref
		}
	}
	return b.String(), places
}

// evaluate compiles the source of an expression that reads the table, with some outputs
// known, and finds what others it reads.
func (t *table) evaluate(ctx *cue.Context, src string, known map[Ref]json.RawMessage) (v cue.Value, more []Ref, err error) {
	if len(known) == 0 && !t.empty.Exists() {
		var text string
		text, t.places = t.source(nil)
		t.empty = ctx.CompileString(text, cue.Filename(filledIn+tableName))
	}
	scope, places := t.empty, t.places
	if len(known) > 0 {
		var text string
		text, places = t.source(known)
		scope = ctx.CompileString(text, cue.Filename(filledIn+tableName))
	}
	v = ctx.CompileString(src, cue.Scope(scope))
	err = v.Validate(cue.Concrete(true), cue.Final())
	for _, one := range cueerrors.Errors(err) {
		for _, ref := range causes(one, places) {
			if known[ref] == nil && !slices.Contains(more, ref) {
				more = append(more, ref)
			}
		}
	}
	return v, more, err
}

// probe finds the outputs that a wide expression reads, as far as that is clear before
// they are known.
func (e *expression) probe(m *markers) error {
	var err error
	if e.table, err = m.phaseTable(); err != nil {
		return err
	}
	// That there is an error is what is expected here.
	_, e.fromTable, _ = e.table.evaluate(m.ctx, e.withTable(), nil)
	return nil
}

// withTable is the source with the table in its place, and all other holes as they are.
func (e *expression) withTable() string {
	var b strings.Builder
	done := 0
	for _, h := range e.holes {
		if !h.drop && !h.table {
			continue
		}
		b.WriteString(e.src[done:h.start])
		done = h.end
		if h.table {
			b.Write(h.text([]byte(tableName)))
		}
	}
	b.WriteString(e.src[done:])
	return b.String()
}

// bindTable evaluates a wide expression whose other holes are filled. With what is
// known it can turn out to read more outputs, which are added then.
func (e *expression) bindTable(ctx *cue.Context, src string, lookup Lookup) (cue.Value, error) {
	known := map[Ref]json.RawMessage{}
	more := e.fromTable
	for {
		for _, ref := range more {
			text, err := literal(ref, lookup)
			if err != nil {
				return cue.Value{}, err
			}
			known[ref] = text
		}
		v, others, err := e.table.evaluate(ctx, src, known)
		if more = others; len(more) == 0 {
			return v, err
		}
	}
}
