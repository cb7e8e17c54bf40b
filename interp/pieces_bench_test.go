package interp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

// piecesChain is a chain like that of chain, of phases that CUE cannot write on their own:
// each reads also what has no name that is an identifier.
func piecesChain(n int) []byte {
	var b strings.Builder
	b.WriteString("package chain\n\nimport \"github.com/rescuecue/rescue/schema\"\n\nblueprint: schema.#Blueprint & {\n\tname: \"chain\"\n\tactions: backup: {\n\t\tkind: \"StatefulSet\"\n\t\tinput: _\n" +
		"\t\t#claims: input.statefulSet.persistentVolumeClaims[\"db-0\"]\n\t\tphases: {\n")
	for i := range n {
		read := `"first"`
		if i > 0 {
			read = fmt.Sprintf(`phases.p%d.output.value`, i-1)
		}
		fmt.Fprintf(&b, "\t\t\tp%d: {func: \"KubeTask\", args: {image: \"x:1\", command: [\"echo\", %s, for name, path in #claims {path}]}, output: value: string}\n", i, read)
	}
	b.WriteString("\t\t}\n\t}\n}\n")
	return []byte(b.String())
}

// BenchmarkBindInPieces binds a chain of phases that CUE cannot write on their own.
func BenchmarkBindInPieces(b *testing.B) {
	params := &compat.Params{StatefulSet: &compat.Workload{
		Name: "db", Namespace: "shop", Pods: []string{"db-0"}, PersistentVolumeClaims: map[string]map[string]string{"db-0": {"data": "/data"}},
	}}
	for _, n := range []int{250, 500, 1000} {
		src := piecesChain(n)
		b.Run(fmt.Sprintf("plan/phases=%d", n), func(b *testing.B) {
			for b.Loop() {
				planOf(b, src, params)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/phase")
		})
		b.Run(fmt.Sprintf("bind/phases=%d", n), func(b *testing.B) {
			plan := planOf(b, src, params)
			if plan.Phases[n-1].args.pieces == nil {
				b.Fatal("the phases are not bound in pieces: this needs other ones")
			}
			for b.Loop() {
				bindAll(b, plan, params)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/phase")
		})
	}
}
