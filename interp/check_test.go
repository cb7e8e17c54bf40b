package interp

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

func convertedFile(t *testing.T, file string) (*compat.Blueprint, *compat.Conversion) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bp := parsedBlueprint(t, file, src)
	conv, err := compat.Convert(bp, compat.ConvertOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return bp, conv
}

func TestCheckConversion(t *testing.T) {
	files, err := filepath.Glob("../compat/testdata/convert/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "odd.yaml") || strings.HasSuffix(file, "templates.yaml") {
			// What vet refuses cannot be run.
			continue
		}
		bp, conv := convertedFile(t, file)
		c, err := CheckConversion(file, bp, conv, 10)
		if err != nil || len(c.Differences) > 0 || c.Compared < 20 || len(c.Unchecked) > 0 {
			t.Errorf("%s: %+v, %v", file, c, err)
		}
	}
}

// TestCheckFindsDifferences changes conversions in ways that vet would not notice.
func TestCheckFindsDifferences(t *testing.T) {
	tests := []struct{ old, new, path string }{
		{"input.deployment.namespace", "input.deployment.name", "actions.backup.phases.copyLog.args.namespace"},
		{"/time-log\"", "/timelog\"", "actions.backup.phases.copyLog.args.backupArtifactPrefix"},
		{"phases.copyLog.output.backupID", "phases.copyLog.output.backupTag", "actions.backup.outputArtifacts"},
	}
	for _, test := range tests {
		bp, conv := convertedFile(t, "../examples/timelog/blueprint.yaml")
		changed := bytes.ReplaceAll(conv.CUE, []byte(test.old), []byte(test.new))
		if bytes.Equal(changed, conv.CUE) {
			t.Errorf("the conversion has no %s", test.old)
			continue
		}
		conv.CUE = changed
		c, err := CheckConversion("b.yaml", bp, conv, 10)
		if err != nil || len(c.Differences) == 0 || !strings.HasPrefix(c.Differences[0].Path, test.path) {
			t.Errorf("%s for %s: %+v, %v", test.new, test.old, c, err)
		}
	}
}

// TestCheckPassesOverWhatChanges: nothing can be compared with a value that is another
// each time.
func TestCheckPassesOverWhatChanges(t *testing.T) {
	const blueprint = `apiVersion: cr.kanister.io/v1alpha1
kind: Blueprint
metadata: {name: shop}
actions:
  backup:
    kind: Namespace
    outputArtifacts: {dump: {keyValue: {id: '{{ uuidv4 }}', name: '{{ .Namespace.Name }}'}}}
    phases:
    - func: KubeTask
      name: dump
      args: {image: '{{ .Namespace.Name }}', command: [dump, '{{ randAlphaNum 20 }}']}
`
	bp := parsedBlueprint(t, "b.yaml", []byte(blueprint))
	conv, err := compat.Convert(bp, compat.ConvertOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := CheckConversion("b.yaml", bp, conv, 5)
	if err != nil || len(c.Differences) > 0 || c.Compared != 20 {
		t.Errorf("%+v, %v", c, err)
	}
	want := []string{"actions.backup.phases.dump.args.command", "actions.backup.outputArtifacts.dump.keyValue.id"}
	if !slices.Equal(c.Changing, want) {
		t.Errorf("changing %q, want %q", c.Changing, want)
	}
}
