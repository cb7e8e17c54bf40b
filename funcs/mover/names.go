package mover

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kopia keeps file names as JSON text, which cannot hold bytes that are not
// UTF-8: they would all become U+FFFD, and two files one. Such a byte b is stored
// as the private-use character escapeBase+b. A name that holds one of these
// characters already has its bytes escaped too, so that every name comes back
// exactly as it was. The name that we need ourselves has its first byte escaped.
const (
	escapeBase = 0x10F700
	escapeLast = escapeBase + 0xFF
)

// encodeName returns the name that stands in the repository.
func encodeName(name string) string {
	if !needsEscape(name) {
		return name
	}
	var b strings.Builder
	i := 0
	if name == attributesName {
		b.WriteRune(escapeBase + rune(name[0]))
		i = 1
	}
	for i < len(name) {
		r, n := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && n == 1 || isEscape(r) {
			for _, c := range []byte(name[i : i+n]) {
				b.WriteRune(escapeBase + rune(c))
			}
		} else {
			b.WriteString(name[i : i+n])
		}
		i += n
	}
	return b.String()
}

// decodeName returns the name in the file system. A name that would leave its
// directory is an error.
func decodeName(stored string) (string, error) {
	var b strings.Builder
	for _, r := range stored {
		if isEscape(r) {
			b.WriteByte(byte(r - escapeBase))
		} else {
			b.WriteRune(r)
		}
	}
	name := b.String()
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("the snapshot holds the impossible file name %q", name)
	}
	return name, nil
}

// decodePath decodes the elements of a slash-separated path; an empty path is
// the root itself.
func decodePath(stored string) (string, error) {
	if stored == "" {
		return "", nil
	}
	elems := strings.Split(stored, "/")
	for i, e := range elems {
		name, err := decodeName(e)
		if err != nil {
			return "", err
		}
		elems[i] = name
	}
	return strings.Join(elems, "/"), nil
}

func needsEscape(name string) bool {
	return name == attributesName || !utf8.ValidString(name) || strings.ContainsFunc(name, isEscape)
}

func isEscape(r rune) bool { return r >= escapeBase && r <= escapeLast }
