package compat

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCursor: a cursor that goes on finds what one finds that begins anew.
func TestCursor(t *testing.T) {
	files, err := filepath.Glob("../interp/vet/testdata/styles/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := Parse(file, src)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			compareCursors(t, file, doc.Root)
		}
	}
}

func compareCursors(t *testing.T, file string, v *Value) {
	t.Helper()
	for _, f := range v.Fields {
		compareCursors(t, file, f.Value)
	}
	for _, i := range v.Items {
		compareCursors(t, file, i)
	}
	if v.Kind == String {
		compareCursor(t, file, v)
	}
}

// compareCursor asks in steps of one, and of seven, which skips lines and escapes.
func compareCursor(t *testing.T, file string, v *Value) {
	t.Helper()
	for _, step := range []int{1, 7} {
		c := v.Cursor()
		for at := 0; at <= len(v.Str); at += step {
			line, column := c.At(at)
			if l, col := v.PosAt(at); l != line || col != column {
				t.Fatalf("%s:%d: byte %d of %q is at %d:%d, in steps of %d at %d:%d", file, v.Line, at, v.Str, l, col, step, line, column)
			}
		}
		if line, column := c.At(0); line == 0 || column == 0 {
			t.Errorf("%s:%d: there is no way back", file, v.Line)
		}
	}
}
