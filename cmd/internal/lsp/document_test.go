package lsp

import (
	"testing"
	"unicode/utf8"

	"github.com/rescuecue/rescue/interp/vet"
)

func TestPositions(t *testing.T) {
	d := newDocument("file:///a", "/a", vet.YAML, 1, "a😀b\r\né\n")
	for _, c := range []struct {
		line, character, offset int
	}{{0, 0, 0}, {0, 1, 1}, {0, 3, 5}, {0, 4, 6}, {1, 0, 8}, {1, 1, 10}, {2, 0, 11}} {
		if got := d.offset(position{c.line, c.character}); got != c.offset {
			t.Errorf("%d:%d is at %d, want %d", c.line, c.character, got, c.offset)
		}
		if got := d.position(c.offset); got != (position{c.line, c.character}) {
			t.Errorf("%d is %v, want %d:%d", c.offset, got, c.line, c.character)
		}
	}
	// In the middle of a character, behind the line's end, and outside of the text.
	for p, want := range map[position]int{{0, 2}: 1, {0, 99}: 6, {9, 0}: 11, {-1, 5}: 0, {0, -3}: 0} {
		if got := d.offset(p); got != want {
			t.Errorf("%v is at %d, want %d", p, got, want)
		}
	}
	// Findings count characters.
	if got := d.position(d.at(1, 3)); got != (position{0, 3}) {
		t.Errorf("the third character is at %v", got)
	}
}

func TestEdit(t *testing.T) {
	d := newDocument("file:///a", "/a", vet.YAML, 1, "one\ntwo\n")
	at := func(l1, c1, l2, c2 int) *textRange { return &textRange{position{l1, c1}, position{l2, c2}} }
	d = d.edit(2, []contentChange{{at(0, 3, 1, 0), " "}, {at(0, 4, 0, 7), "😀"}, {at(0, 6, 0, 6), "!"}})
	if d.text != "one 😀!\n" || d.version != 2 {
		t.Errorf("got %q, version %d", d.text, d.version)
	}
	if d = d.edit(3, []contentChange{{nil, "new"}}); d.text != "new" {
		t.Errorf("got %q", d.text)
	}
}

func TestURIs(t *testing.T) {
	for uri, path := range map[string]string{
		"file:///a/b%20c/%C3%A9.cue": "/a/b c/é.cue",
		"file:///a/x+y@z.yaml":       "/a/x+y@z.yaml",
	} {
		if got := pathOf(uri); got != path {
			t.Errorf("%s is %s, want %s", uri, got, path)
		}
		if got := pathOf(uriOf(path)); got != path {
			t.Errorf("%s comes back as %s", path, got)
		}
	}
	if got := pathOf("untitled:Untitled-1"); got == "" {
		t.Error("what was never saved has no path")
	}
}

// FuzzEdit makes changes at any place of any text; each place that comes back must lie on
// the border of a character.
func FuzzEdit(f *testing.F) {
	f.Add("a😀b\r\né\n", "x", 0, 2, 1, 1)
	f.Fuzz(func(t *testing.T, text, insert string, l1, c1, l2, c2 int) {
		d := newDocument("file:///a", "/a", vet.CUE, 1, "").edit(1, []contentChange{{nil, text}})
		d = d.edit(2, []contentChange{{&textRange{position{l1, c1}, position{l2, c2}}, insert}})
		if !utf8.ValidString(d.text) {
			t.Fatalf("%q is no UTF-8", d.text)
		}
		for i := range d.text {
			if got := d.offset(d.position(i)); got != i && d.text[i] != '\r' && d.text[i] != '\n' {
				t.Fatalf("%q: offset %d comes back as %d", d.text, i, got)
			}
		}
	})
}
