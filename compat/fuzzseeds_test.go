package compat

import (
	"os"
	"path/filepath"
	"testing"
)

// largestSeed keeps the fuzzer quick: it changes every byte of a seed.
const largestSeed = 8 << 10

// seedFiles gives the fuzzer the project's own blueprints and, where it is there, the
// corpus of published ones.
func seedFiles(f *testing.F, add func(src []byte)) {
	f.Helper()
	files, err := filepath.Glob("testdata/convert/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	if findCorpus(f) != "" {
		files = append(files, corpusFiles(f)...)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(src) <= largestSeed {
			add(src)
		}
	}
}

// seedTemplates gives the fuzzer the templates of those blueprints.
func seedTemplates(f *testing.F, add func(text string)) {
	f.Helper()
	seedFiles(f, func(src []byte) {
		docs, err := Parse("seed.yaml", src)
		if err != nil {
			f.Fatal(err)
		}
		for _, d := range docs {
			eachTemplate(d.Root, add)
		}
	})
}

func eachTemplate(v *Value, visit func(text string)) {
	if v.Kind == String && isTemplate(v.Str) {
		visit(v.Str)
	}
	for _, f := range v.Fields {
		eachTemplate(f.Value, visit)
	}
	for _, item := range v.Items {
		eachTemplate(item, visit)
	}
}
