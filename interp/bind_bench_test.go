package interp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

// chain is a blueprint in which each phase reads what the one before wrote.
func chain(n int) []byte {
	var b strings.Builder
	b.WriteString("package chain\n\nimport \"github.com/rescuecue/rescue/schema\"\n\nblueprint: schema.#Blueprint & {\n\tname: \"chain\"\n\tactions: backup: {\n\t\tkind: \"Namespace\"\n\t\tinput: _\n\t\tphases: {\n")
	for i := range n {
		read := "first"
		if i > 0 {
			read = fmt.Sprintf(`\(phases.p%d.output.value)`, i-1)
		}
		fmt.Fprintf(&b, "\t\t\tp%d: {func: \"KubeTask\", args: {namespace: input.namespace.name, image: \"x:1\", command: [\"echo\", \"%s\"]}, output: value: string}\n", i, read)
	}
	b.WriteString("\t\t}\n\t}\n}\n")
	return []byte(b.String())
}

func BenchmarkBind(b *testing.B) {
	params := &compat.Params{Namespace: &compat.NamespacedName{Name: "ns", Namespace: "ns"}}
	for _, n := range []int{10, 100, 400} {
		src := chain(n)
		b.Run(fmt.Sprintf("plan/phases=%d", n), func(b *testing.B) {
			for b.Loop() {
				planOf(b, src, params)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/phase")
		})
		b.Run(fmt.Sprintf("bind/phases=%d", n), func(b *testing.B) {
			plan := planOf(b, src, params)
			for b.Loop() {
				bindAll(b, plan, params)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/phase")
		})
	}
}

// planOf loads the blueprint and plans its action.
func planOf(b *testing.B, src []byte, params *compat.Params) *Plan {
	b.Helper()
	bp, err := LoadSource("chain.cue", src)
	if err != nil {
		b.Fatal(err)
	}
	plan, err := bp.Plan("backup", params)
	if err != nil {
		b.Fatal(err)
	}
	return plan
}

// bindAll binds one phase after the other, each with the output of the one before.
func bindAll(b *testing.B, plan *Plan, params *compat.Params) {
	b.Helper()
	state := plan.NewState(params, nil)
	for _, ph := range plan.Phases {
		if _, err := state.Args(ph); err != nil {
			b.Fatal(err)
		}
		if err := state.SetOutput(ph, map[string]any{"value": ph.Name}); err != nil {
			b.Fatal(err)
		}
	}
}
