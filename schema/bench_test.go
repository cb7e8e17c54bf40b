package schema

import (
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
)

// BenchmarkCompile builds the schema package alone.
func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		inst, err := Instance()
		if err != nil {
			b.Fatal(err)
		}
		if err := cuecontext.New().BuildInstance(inst).Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCatalog reads the descriptions of all functions.
func BenchmarkCatalog(b *testing.B) {
	for b.Loop() {
		if err := newSet(nil).check(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVet loads and checks a blueprint with its import of the schema.
func BenchmarkVet(b *testing.B) {
	for _, phases := range []int{1, 30, 100} {
		src := blueprintOf(manyPhases(phases))
		b.Run(fmt.Sprintf("phases=%d", phases), func(b *testing.B) {
			for b.Loop() {
				if err := evaluateSource(b, src).Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// manyPhases is a chain: each phase reads the output of the one before.
func manyPhases(n int) string {
	var s strings.Builder
	image := `"first"`
	for i := range n {
		fmt.Fprintf(&s, `p%d: {func: "KubeTask", args: {namespace: input.namespace.name, image: %s, command: ["sh", "-c", "echo %d"]}, output: image: string}`+"\n", i, image, i)
		image = fmt.Sprintf("phases.p%d.output.image", i)
	}
	return s.String()
}
