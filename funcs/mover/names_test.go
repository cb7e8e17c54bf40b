package mover

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeNameRefusesToLeaveItsDirectory(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "/", "a\x00b"} {
		if got, err := decodeName(name); err == nil {
			t.Errorf("decodeName(%q) = %q, want an error", name, got)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"plain", "\xff", "a\xc3b", "\U0010F7FF", "\uFFFD", "日\x80本"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			t.Skip("no file has this name")
		}
		stored := encodeName(name)
		if !utf8.ValidString(stored) {
			t.Errorf("encodeName(%q) = %q is not UTF-8", name, stored)
		}
		if got, err := decodeName(stored); err != nil || got != name {
			t.Errorf("decodeName(%q) = %q, %v; want %q", stored, got, err, name)
		}
	})
}
