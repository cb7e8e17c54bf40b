package blueprinttest

import (
	"path/filepath"
	"testing"

	"github.com/rescuecue/rescue/interp/vet"
)

// Every example has tests, which pass, and vet finds nothing that its author should mend.
func TestExamples(t *testing.T) {
	dirs, err := filepath.Glob("../../examples/*/tests")
	if err != nil || len(dirs) < 9 {
		t.Fatalf("%d examples with tests: %v", len(dirs), err)
	}
	for _, dir := range dirs {
		example := filepath.Dir(dir)
		t.Run(filepath.Base(example), func(t *testing.T) {
			places, err := Find([]string{example})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range RunAll(places, func(string) bool { return true }).Packages {
				if len(p.Errors) > 0 || len(p.Tests) < 3 {
					t.Errorf("%d tests, and these errors: %v", len(p.Tests), p.Errors)
				}
				for _, o := range p.Tests {
					if !o.Passed {
						t.Errorf("%s: %+v", o.Name, o.Failures)
					}
				}
			}
			noFindings(t, example)
		})
	}
}

func noFindings(t *testing.T, dir string) {
	t.Helper()
	units, found, err := new(vet.Collector).Collect([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	more, err := vet.CheckAll(units)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(found, more...) {
		if f.Severity == vet.Error || f.Severity == vet.Warning {
			t.Errorf("%s:%d: %s [%s]", f.File, f.Line, f.Message, f.Rule)
		}
	}
}
