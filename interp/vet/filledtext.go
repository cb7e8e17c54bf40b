package vet

import (
	"slices"
	"sort"
	"strings"
)

// A filledText is a text with values that are put into it at the run.
type filledText struct {
	// forms are what it can come out as: one, or where a template has an if, one with
	// what stands in the ifs and one with what stands in their elses.
	forms []*trial
	// report adds a finding about a part of the source, by the offsets that the pieces
	// of the forms have.
	report func(start, end int, f Finding)
	// line is the line of an offset of the source, in a folded text, whose lines become
	// one; else it is nil.
	line func(offset int) int
}

// A trial is a text with a word in the place of each value, and the way back from
// its offsets to those of the source.
type trial struct {
	strings.Builder
	pieces []trialPiece
}

// A trialPiece says what of the source a part of the text comes from.
type trialPiece struct {
	at, source int
	// fixed tells that the whole piece stands for the one place.
	fixed bool
	// value is nil where the text is as written.
	value *filledValue
}

// A filledValue is what is put into a text at one place.
type filledValue struct {
	start, end int
	// refs are what it is made of, and names how the author calls each; calls are the
	// functions that make it.
	refs  []ref
	names []string
	calls []string
	// open says that it is made of an expression: it can be nothing, or whole commands.
	open bool
}

// first is the name of the first of its refs that is of a kind; "" if none is.
func (v *filledValue) first(kind func(ref) bool) string {
	if i := slices.IndexFunc(v.refs, kind); i >= 0 {
		return v.names[i]
	}
	return ""
}

// placeholderWord stands for a value.
const placeholderWord = "x"

// literally adds text as it is written.
func (t *trial) literally(text string, source int) {
	t.pieces = append(t.pieces, trialPiece{at: t.Len(), source: source})
	t.WriteString(text)
}

// instead adds text for something of the source that is written otherwise.
func (t *trial) instead(text string, source int) {
	t.pieces = append(t.pieces, trialPiece{at: t.Len(), source: source, fixed: true})
	t.WriteString(text)
}

// fill adds the place of a value.
func (t *trial) fill(v *filledValue) {
	t.pieces = append(t.pieces, trialPiece{at: t.Len(), source: v.start, fixed: true, value: v})
	t.WriteString(placeholderWord)
}

// closed is the text with nothing in the place of the values that are open; ok is false
// if there are none.
func (t *trial) closed() (text string, ok bool) {
	var b strings.Builder
	for i, p := range t.pieces {
		end := t.Len()
		if i+1 < len(t.pieces) {
			end = t.pieces[i+1].at
		}
		if p.value != nil && p.value.open {
			ok = true
			continue
		}
		b.WriteString(t.String()[p.at:end])
	}
	return b.String(), ok
}

// piece is the one that the offset of the text lies in.
func (t *trial) piece(offset int) trialPiece {
	i := sort.Search(len(t.pieces), func(i int) bool { return t.pieces[i].at > offset }) - 1
	if i < 0 {
		return trialPiece{fixed: true}
	}
	return t.pieces[i]
}

// source is the offset in the source of an offset in the text.
func (t *trial) source(offset int) int {
	p := t.piece(offset)
	if p.fixed {
		return p.source
	}
	return p.source + offset - p.at
}

// sourceEnd is where the source ends of what stands before an offset in the text.
func (t *trial) sourceEnd(offset int) int {
	if p := t.piece(offset - 1); offset > 0 && p.value != nil {
		return p.value.end
	}
	return t.source(offset)
}

// literal is the text, if no value is put into it.
func (t *filledText) literal() (string, bool) {
	if len(t.values()) > 0 || len(t.forms) != 1 {
		return "", false
	}
	return t.forms[0].String(), true
}

// written is the text with a word for each value, as it comes out first.
func (t *filledText) written() string {
	if len(t.forms) == 0 {
		return ""
	}
	return t.forms[0].String()
}

// values lists what is put into the text, in any of its forms.
func (t *filledText) values() []*filledValue {
	var all []*filledValue
	seen := map[int]bool{}
	for _, form := range t.forms {
		for _, p := range form.pieces {
			if p.value != nil && !seen[p.value.start] {
				seen[p.value.start] = true
				all = append(all, p.value)
			}
		}
	}
	return all
}

// mark is the place of the text as a whole.
func (t *filledText) mark(f Finding) {
	if len(t.forms) == 0 || len(t.forms[0].pieces) == 0 {
		t.report(0, 0, f)
		return
	}
	form := t.forms[0]
	line, _, _ := strings.Cut(form.String(), "\n")
	start := form.source(0)
	t.report(start, max(start, form.sourceEnd(len(line))), f)
}
