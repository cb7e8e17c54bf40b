package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rescuecue/rescue/schema"
)

const docs = "../../docs/functions"

func TestPagesAreUpToDate(t *testing.T) {
	want, err := render(schema.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(docs, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, path := range files {
		name := filepath.Base(path)
		got[name] = true
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want[name]), string(page)); diff != "" {
			t.Errorf("%s is stale, run go generate ./schema (-want +got):\n%s", name, diff)
		}
	}
	for name := range want {
		if !got[name] {
			t.Errorf("%s is missing, run go generate ./schema", name)
		}
	}
}

func TestWriteRemovesOldPages(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "Gone.md")
	if err := os.WriteFile(old, []byte("# Gone\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the page of a function that is gone is still there: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "RestoreRDSSnapshot.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `instanceID` | `string` | yes |",
		"Without `snapshotID`, `backupArtifactPrefix`, `backupID`, `username`, `password` and `namespace` must be given.",
		"Kanister refuses `image`.",
		"`#TextList` is a list of texts",
		"```cue\nrestore: {",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
