package vet

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestNativeStyles: what package interp runs in its test of the same name has no error.
func TestNativeStyles(t *testing.T) {
	paths, err := filepath.Glob("../testdata/styles/*.txtar")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d blueprints, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := txtar.Write(a, dir); err != nil {
				t.Fatal(err)
			}
			units, findings, err := (&Collector{}).Collect([]string{dir})
			if err != nil {
				t.Fatal(err)
			}
			found, err := CheckAll(units)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range append(findings, found...) {
				if f.Severity == Error {
					t.Errorf("%s: %s [%s]", location(f), f.Message, f.Rule)
				}
			}
		})
	}
}
