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
	for _, s := range []string{"plain", "\xff", "a\xc3b", attributesName, "\U0010F72Erescue-attributes", "\U0010F7FF", "\uFFFD", "日\x80本"} {
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

// FuzzReadAttributes: whatever stands in a repository is ours, not ours, or an error.
func FuzzReadAttributes(f *testing.F) {
	header := `{"rescue":"attributes","version":1}` + "\n"
	for _, s := range []string{
		"", "text", header, header + `{"name":".","xattrs":{"user.a":"AA=="}}`, header + `{"name":"a","link":"1-2","sparse":true}` + "\n{",
		`{"rescue":"attributes","version":2}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		all, ours, err := readAttributes(strings.NewReader(content))
		if !ours && (all != nil || err != nil) || ours && err == nil && all == nil {
			t.Errorf("%q: %v, %v, %v", content, all, ours, err)
		}
		for name, a := range all {
			if a.Name != name {
				t.Errorf("%q has the attributes of %q", name, a.Name)
			}
		}
	})
}

func TestReadAttributes(t *testing.T) {
	header := `{"rescue":"attributes","version":1}` + "\n"
	for content, want := range map[string]string{
		header + "{":                          "unexpected EOF",
		header + `{"name":1}`:                 "cannot unmarshal",
		`{"rescue":"attributes","version":2}`: "another version",
	} {
		if _, ours, err := readAttributes(strings.NewReader(content)); !ours || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: ours %v, error %v, want %q", content, ours, err, want)
		}
	}
	for _, other := range []string{"", "a user's file", `{"version":1}`} {
		if _, ours, err := readAttributes(strings.NewReader(other)); ours || err != nil {
			t.Errorf("%q: ours %v, error %v", other, ours, err)
		}
	}
}
