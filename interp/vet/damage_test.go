package vet

import (
	"math/rand"
	"testing"
)

// pieces are what damage puts into a text.
var pieces = []string{"{", "}", "[", "]", "\"", ":", "_", "&", "|", "\n", "\t", "input", "phases", "output", "{{", "}}", "...", "#",
	"for x in input {", "if ", "\\(", ")", "0", "null", "*", "[string]: ", "schema.", "é", "\x00"}

// damage takes parts of a text out, doubles them, or puts pieces in.
func damage(r *rand.Rand, text string) string {
	for range 1 + r.Intn(4) {
		if text == "" {
			return text
		}
		i := r.Intn(len(text))
		switch r.Intn(3) {
		case 0:
			text = text[:i] + text[min(len(text), i+1+r.Intn(12)):]
		case 1:
			text = text[:i] + pieces[r.Intn(len(pieces))] + text[i:]
		default:
			j := r.Intn(len(text))
			text = text[:i] + text[j:min(len(text), j+40)] + text[i:]
		}
	}
	return text
}

// TestDamagedFiles: however a file is damaged, the checker says something about it
// or nothing, and never breaks. The seed is fixed, so that a failure comes again.
func TestDamagedFiles(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for _, pattern := range []string{"ok/*", "cue/*.cue", "yaml/*.yaml"} {
		for _, path := range fixtures(t, pattern) {
			language := languageOf(File{Name: path})
			for range 15 {
				text := damage(r, mustRead(t, path))
				unit := Unit{Language: language, Files: []File{{Name: "damaged", Path: path, Data: []byte(text)}}}
				if _, err := CheckAll([]Unit{unit}); err != nil {
					t.Errorf("%v\n%s", err, text)
				}
			}
		}
	}
}
