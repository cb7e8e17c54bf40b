package interp

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	cueliteral "cuelang.org/go/cue/literal"
)

// Pieces are an expression that CUE cannot write as a whole, or writes wrongly, taken apart:
// what is known of it is text, and each value that is not known yet is an expression of its
// own. Most of these CUE can write. So a chain of such phases costs as much as it is long,
// while the tree costs that much for each phase of it.
//
// Whether they come to what the tree comes to is for Plan.verify to say.
type pieces struct {
	// known is CUE source: what stands before each piece, and after the last one.
	known []string
	list  []*expression
}

// inPieces takes a value apart. The error says that CUE cannot write one of the pieces.
func (m *markers) inPieces(v cue.Value) (*pieces, error) {
	p := &pieces{known: []string{""}}
	return p, p.add(m, v)
}

// write adds text.
func (p *pieces) write(text string) { p.known[len(p.known)-1] += text }

func (p *pieces) add(m *markers, v cue.Value) error {
	if v.Validate(cue.Concrete(true), cue.Final()) == nil {
		text, err := v.MarshalJSON()
		p.write(string(text))
		return err
	}
	// A struct or a list of which not even the elements are known is a piece as a whole.
	switch v.IncompleteKind() {
	case cue.StructKind:
		if it, err := v.Fields(); err == nil {
			return p.addFields(m, it)
		}
	case cue.ListKind:
		if it, err := v.List(); err == nil {
			return p.addElements(m, it)
		}
	}
	return p.addPiece(m, v)
}

func (p *pieces) addFields(m *markers, it *cue.Iterator) error {
	separator := "{"
	for it.Next() {
		p.write(separator + cueliteral.String.Quote(it.Selector().Unquoted()) + ": ")
		if err := p.add(m, it.Value()); err != nil {
			return err
		}
		separator = ", "
	}
	p.write(strings.TrimSuffix(separator, ", ") + "}")
	return nil
}

func (p *pieces) addElements(m *markers, it cue.Iterator) error {
	separator := "["
	for it.Next() {
		p.write(separator)
		if err := p.add(m, it.Value()); err != nil {
			return err
		}
		separator = ", "
	}
	p.write(strings.TrimSuffix(separator, ", ") + "]")
	return nil
}

func (p *pieces) addPiece(m *markers, v cue.Value) error {
	e := &expression{value: v}
	file, err := e.write()
	if err != nil {
		return err
	}
	if err := e.findHoles(file, m); err != nil {
		return err
	}
	if e.wide {
		return fmt.Errorf("%s reads all phases", v.Path())
	}
	p.list = append(p.list, e)
	p.known = append(p.known, "")
	return nil
}

// bind evaluates the pieces with the values that lookup gives.
func (p *pieces) bind(ctx *cue.Context, lookup Lookup) (cue.Value, error) {
	var all strings.Builder
	for i, e := range p.list {
		src, missing, err := e.filled(lookup)
		if err == nil {
			err = missing
		}
		if err != nil {
			return cue.Value{}, err
		}
		v, err := e.evaluate(ctx, src, lookup)
		if err != nil {
			return cue.Value{}, err
		}
		text, err := v.MarshalJSON()
		if err != nil {
			return cue.Value{}, err
		}
		all.WriteString(p.known[i])
		all.Write(text)
	}
	all.WriteString(p.known[len(p.list)])
	v := ctx.CompileString(all.String())
	return v, v.Err()
}
