package compat

import (
	"bytes"
	"strconv"
	"testing"

	"cuelang.org/go/cue/format"
)

// FuzzConvert looks for blueprints that crash the reader or the converter, or of
// which it makes something that is no formatted CUE.
func FuzzConvert(f *testing.F) {
	seedFiles(f, func(src []byte) { f.Add(src) })
	for _, text := range []string{"{{ .A }}", "{{ index .Options \"k\" }}\n", "{{ if .Options }}\n{{ end }}", "\"\"\"#\\#(", "\r\t\x00\uFEFF", "{{ range .StatefulSet.Pods }}\n{{ . }}{{ end }}", "{{ range $input, $a := .Object.b }}{{ range $a.c }}{{ $a.d }}{{ .e }}\n{{ end }}{{ end }}"} {
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

// FuzzTemplate: what the engine takes, the reader of references takes too, and the
// converter makes formatted CUE of it, or keeps it as it is.
func FuzzTemplate(f *testing.F) {
	seedTemplates(f, func(text string) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text string) {
		err := Engine{}.Check(text)
		use, refsErr := TemplateRefs(text)
		if err == nil && refsErr != nil {
			t.Fatalf("the engine takes %q, and the reader says %v", text, refsErr)
		}
		if use != nil {
			for _, ref := range use.Refs {
				if ref.Offset < 0 || ref.End < ref.Offset || ref.End > len(text) {
					t.Errorf("%q: %s at %d to %d", text, ref, ref.Offset, ref.End)
				}
			}
		}
		phase := "kind: Blueprint\nactions: {a: {phases: [{func: KubeTask, name: p, args: {image: " + strconv.Quote(text) + "}}]}}\n"
		docs, err := Parse("f.yaml", []byte(phase))
		if err != nil || len(docs) != 1 {
			return // Not every text can be quoted as in Go.
		}
		bp, _ := ReadBlueprint(docs[0])
		c, err := Convert(bp, ConvertOptions{})
		if err != nil {
			t.Fatalf("%v\n%s", err, phase)
		}
		if again, err := format.Source(c.CUE); err != nil || !bytes.Equal(again, c.CUE) {
			t.Fatalf("cue fmt changes the result: %v\n%s", err, c.CUE)
		}
	})
}
