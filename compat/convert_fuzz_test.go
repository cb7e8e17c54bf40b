package compat

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"cuelang.org/go/cue/format"
)

// FuzzConvert looks for blueprints that crash the reader or the converter, or of
// which it makes something that is no formatted CUE.
func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("testdata/convert/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	for _, text := range []string{"{{ .A }}", "{{ index .Options \"k\" }}\n", "{{ if .Options }}\n{{ end }}", "\"\"\"#\\#(", "\r\t\x00\uFEFF", "{{ range .StatefulSet.Pods }}\n{{ . }}{{ end }}"} {
		f.Add([]byte("kind: Blueprint\nactions: {a: {phases: [{func: KubeTask, name: p, args: {image: " + strconv.Quote(text) + "}}]}}\n"))
	}
	f.Add([]byte("kind: Blueprint\nactions: {a: {phases: [{args: {}}, x, {name: 1}], deferPhase: , outputArtifacts: [], kind: []}, b: 1}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		docs, _ := Parse("f.yaml", src)
		for _, d := range docs {
			bp, _ := ReadBlueprint(d)
			c, err := Convert(bp, ConvertOptions{})
			if err != nil {
				t.Fatalf("%v\n%s", err, src)
			}
			again, err := format.Source(c.CUE)
			if err != nil || !bytes.Equal(again, c.CUE) {
				t.Fatalf("cue fmt changes the result: %v\n%s", err, c.CUE)
			}
		}
	})
}
