package vet

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPositionAndOffset(t *testing.T) {
	src := newSource("x", []byte("a\r\nbäc\n\nd"))
	for _, c := range []struct{ offset, line, column int }{
		{0, 1, 1}, {3, 2, 1}, {4, 2, 2}, {6, 2, 3}, {8, 3, 1}, {9, 4, 1}, {10, 4, 2}, {99, 4, 2},
	} {
		line, column := src.position(c.offset)
		if line != c.line || column != c.column {
			t.Errorf("position(%d) = %d:%d, want %d:%d", c.offset, line, column, c.line, c.column)
		}
		if got := src.offset(line, column); got != min(c.offset, len(src.text)) {
			t.Errorf("offset(%d, %d) = %d, want %d", line, column, got, c.offset)
		}
	}
	if src.line(1) != "a" || src.line(2) != "bäc" || src.line(9) != "" {
		t.Errorf("lines %q, %q, %q", src.line(1), src.line(2), src.line(9))
	}
}

// TestPositionInLongLines compares with counting from the beginning of the line.
func TestPositionInLongLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "ä", "日本", "😀", "\n", "\r\n", "\xff", "\x80\x80\x80\x80", strings.Repeat("x", 1000), strings.Repeat("é", 700)})
		text := strings.Join(rapid.SliceOfN(part, 0, 40).Draw(t, "text"), "")
		src := newSource("x", []byte(text))
		offset := rapid.IntRange(0, len(text)).Draw(t, "offset")
		line, column := src.position(offset)
		start := strings.LastIndexByte(text[:offset], '\n') + 1
		if want := strings.Count(text[:offset], "\n") + 1; line != want {
			t.Fatalf("line %d, want %d", line, want)
		}
		if want := utf8.RuneCountInString(text[start:offset]) + 1; column != want && utf8.ValidString(text) {
			t.Fatalf("column %d, want %d", column, want)
		}
		back := src.offset(line, column)
		if end := start + len(src.line(line)); utf8.ValidString(text) && utf8.RuneStart((text + "x")[offset]) && back != min(offset, end) {
			t.Fatalf("offset(%d, %d) = %d, want %d", line, column, back, min(offset, end))
		}
	})
}

// FuzzCheck: whatever the file, the findings lie in it and come in the same order.
func FuzzCheck(f *testing.F) {
	for _, path := range []string{"testdata/ok/common.yaml", "testdata/yaml/unknown-input.yaml", "testdata/yaml/missing-input.yaml",
		"testdata/yaml/resource-spec.yaml", "testdata/yaml/wait-condition.yaml", "testdata/yaml/pod-override.yaml", "testdata/yaml/indentation.yaml",
		"testdata/yaml/object-reference.yaml", "testdata/cue/argument-type.cue", "testdata/ok/common.cue"} {
		f.Add(mustRead(f, path))
	}
	f.Fuzz(func(t *testing.T, data string) {
		file := File{Name: "fuzz", Path: "/fuzz/fuzz", Data: []byte(data)}
		unit := Unit{Language: languageOf(file), Files: []File{file}}
		lines := strings.Count(data, "\n") + 1
		findings := Check(unit)
		for _, finding := range findings {
			if finding.Line < 0 || finding.Line > lines || finding.Rule == "" || finding.Message == "" {
				t.Errorf("finding outside of a file of %d lines: %+v", lines, finding)
			}
		}
		again := Check(unit)
		if len(again) != len(findings) {
			t.Fatalf("%d findings, then %d", len(findings), len(again))
		}
		for i := range findings {
			if findings[i] != again[i] {
				t.Errorf("first %+v, then %+v", findings[i], again[i])
			}
		}
	})
}
