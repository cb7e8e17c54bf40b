package lsp

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/interp/vet"
)

// checkText returns what vet finds in a text, and a document of it.
func checkText(path, text string) (*document, []vet.Finding) {
	language := languageOf("", path)
	doc := newDocument(uriOf(path), path, language, 1, text)
	return doc, vet.Check(vet.Unit{Language: language, Files: []vet.File{{Name: path, Data: []byte(text)}}, Library: true})
}

// apply makes the edits of an action, of which there is one.
func apply(doc *document, a codeAction) string {
	for _, edits := range a.Edit.Changes {
		return doc.edit(2, []contentChange{{&edits[0].Range, edits[0].NewText}}).text
	}
	return doc.text
}

// TestQuickFixesMend does what each quick fix of the fixtures of vet says: there must be
// fewer findings of that rule then, and no more syntax errors.
func TestQuickFixesMend(t *testing.T) {
	applied := 0
	for _, pattern := range []string{"yaml/*.yaml", "cue/*.cue"} {
		paths, err := filepath.Glob(filepath.Join("../../../interp/vet/testdata", pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no fixtures match %s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			abs, err := filepath.Abs(path)
			if err != nil {
				t.Fatal(err)
			}
			doc, findings := checkText(abs, string(text))
			applied += checkFixes(t, doc, findings)
		}
	}
	if applied < 20 {
		t.Errorf("only %d quick fixes were there to try", applied)
	}
}

// checkFixes tries the first fix of each rule and kind; the others are like them.
func checkFixes(t *testing.T, doc *document, findings []vet.Finding) (applied int) {
	t.Helper()
	tried := map[string]int{}
	for _, f := range findings {
		if f.Line == 0 {
			continue
		}
		for _, action := range fixes(doc, f, rangeOf(doc, f)) {
			kind := f.Rule
			if action.IsPreferred {
				kind += " by replacement"
			}
			if tried[kind]++; tried[kind] == 1 {
				applied++
				checkFix(t, doc, findings, f, action)
			}
		}
	}
	return applied
}

func checkFix(t *testing.T, doc *document, before []vet.Finding, f vet.Finding, action codeAction) {
	t.Helper()
	mended := apply(doc, action)
	_, after := checkText(doc.path, mended)
	count := func(list []vet.Finding, rule string) int {
		return len(slices.DeleteFunc(slices.Clone(list), func(x vet.Finding) bool { return x.Rule != rule }))
	}
	if count(after, f.Rule) >= count(before, f.Rule) || count(after, "syntax") > count(before, "syntax") {
		line := strings.TrimSpace(newDocument("", "", vet.YAML, 0, mended).line(f.Line - 1))
		t.Errorf("%s:%d: %s [%s]: %s: does not mend it: %s", filepath.Base(doc.path), f.Line, f.Message, f.Rule, action.Title, line)
	}
}
