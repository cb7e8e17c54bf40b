package vet

import "testing"

// TestStyles: in testdata/styles are blueprints that work, written in as many ways as
// there are authors. None has an error.
func TestStyles(t *testing.T) {
	paths := fixtures(t, "styles/*.yaml")
	if len(paths) < 30 {
		t.Errorf("only %d blueprints", len(paths))
	}
	for _, path := range paths {
		for _, f := range check(t, path) {
			if f.Severity == Error {
				t.Errorf("%s: %s [%s]", location(f), f.Message, f.Rule)
			}
		}
	}
}
