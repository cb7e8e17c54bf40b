package run

import (
	"cmp"
	"slices"
	"strings"
)

// An index finds many texts in another one in a single pass. It knows the first letters of
// each, and of long ones some letters in between: by those it also finds a piece of a long
// key, as it stands in a line of wrapped base64 or in a message that was cut short.
type index struct {
	// byGram: the letters that an anchor begins with, to the anchors. maybe is a quick
	// filter before it.
	byGram map[[gram]byte][]anchor
	maybe  []bool
	added  map[string]bool
}

// An anchor is a place in a text to be found.
type anchor struct {
	form string
	at   int
}

const (
	gram = minSecret
	// minPiece is how long a piece of a key must be to be one. An anchor stands each
	// pieceStep letters, so that none is missed.
	minPiece  = 16
	pieceStep = minPiece - gram
)

func newIndex() index {
	return index{byGram: map[[gram]byte][]anchor{}, maybe: make([]bool, 1<<16), added: map[string]bool{}}
}

// add adds a text to be found.
func (x *index) add(form string) {
	if len(form) < gram || x.added[form] {
		return
	}
	x.added[form] = true
	x.anchor(form, 0)
	if len(form) <= minPiece {
		return
	}
	for at := pieceStep; at+gram <= len(form); at += pieceStep {
		x.anchor(form, at)
	}
}

func (x *index) anchor(form string, at int) {
	key := [gram]byte([]byte(form[at : at+gram]))
	x.byGram[key] = append(x.byGram[key], anchor{form, at})
	x.maybe[filter(form[at:])] = true
}

func filter(s string) uint16 {
	return uint16(s[0])<<8 ^ uint16(s[1])<<5 ^ uint16(s[2])<<3 ^ uint16(s[3])
}

// find returns the places of all texts in s, in order, those that touch as one.
func (x *index) find(s string) [][2]int {
	var spans [][2]int
	for i := 0; i+gram <= len(s); i++ {
		if !x.maybe[filter(s[i:])] {
			continue
		}
		for _, a := range x.byGram[[gram]byte([]byte(s[i:i+gram]))] {
			if span, ok := a.match(s, i); ok {
				spans = append(spans, span)
			}
		}
	}
	return merged(spans)
}

// match tells how much of the anchor's text stands around s[i].
func (a anchor) match(s string, i int) ([2]int, bool) {
	if a.at == 0 && strings.HasPrefix(s[i:], a.form) {
		return [2]int{i, i + len(a.form)}, true
	}
	if len(a.form) <= minPiece {
		return [2]int{}, false
	}
	from, to := i, i
	for k := a.at - 1; k >= 0 && from > 0 && s[from-1] == a.form[k] && inKey(s[from-1]); k-- {
		from--
	}
	for k := a.at; k < len(a.form) && to < len(s) && s[to] == a.form[k] && inKey(s[to]); k++ {
		to++
	}
	return [2]int{from, to}, isPiece(s[from:to])
}

// inKey tells whether keys and encoded data are made of such letters. Dots and blanks are
// not among them: the name of a host or a sentence that a Secret has too is no piece.
func inKey(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '_' || c == '-' || c == '='
}

// isPiece tells a piece of a key from a word: it is long, and mixes cases or digits.
func isPiece(s string) bool {
	if len(s) < minPiece {
		return false
	}
	kinds := 0
	for _, class := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"} {
		if strings.ContainsAny(s, class) {
			kinds++
		}
	}
	return kinds > 1
}

// merged puts spans in order and joins those that overlap or touch: a mask that began
// inside of another would leave the rest to be read.
func merged(spans [][2]int) [][2]int {
	slices.SortFunc(spans, func(a, b [2]int) int { return cmp.Or(a[0]-b[0], a[1]-b[1]) })
	var out [][2]int
	for _, s := range spans {
		if last := len(out) - 1; last >= 0 && s[0] <= out[last][1] {
			out[last][1] = max(out[last][1], s[1])
			continue
		}
		out = append(out, s)
	}
	return out
}
