package interp

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

// TestStylesRenderTheSame converts blueprints of many styles; what they render is
// compared with Kanister's engine.
func TestStylesRenderTheSame(t *testing.T) {
	paths, err := filepath.Glob("vet/testdata/styles/*.yaml")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d blueprints, %v", len(paths), err)
	}
	compared := 0
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			docs, err := compat.Parse(path, src)
			if err != nil {
				t.Fatal(err)
			}
			for _, doc := range docs {
				if doc.Kind == compat.KindBlueprint {
					compared += checkStyle(t, path, doc)
				}
			}
		})
	}
	if compared < 500 {
		t.Errorf("only %d values were compared", compared)
	}
}

// checkStyle returns how many values were compared.
func checkStyle(t *testing.T, path string, doc *compat.Document) int {
	t.Helper()
	bp, problems := compat.ReadBlueprint(doc)
	for _, p := range problems {
		t.Error(p)
	}
	conv, err := compat.Convert(bp, compat.ConvertOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := CheckConversion(path, bp, conv, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range out.Differences {
		t.Errorf("%s: YAML %v, CUE %v", d.Path, d.YAML, d.CUE)
	}
	return out.Compared
}
