package bench

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
	"github.com/rescuecue/rescue/schema"
)

// instant is a KubeTask that does nothing, but that it gives an output of a size.
type instant struct{ size int }

func (instant) Name() string           { return "KubeTask" }
func (instant) RequiredArgs() []string { f, _ := schema.Function("KubeTask"); return f.Required }
func (instant) Arguments() []string    { f, _ := schema.Function("KubeTask"); return f.ArgNames() }
func (f instant) Exec(context.Context, *funcs.Env, funcs.Args) (funcs.Output, error) {
	return funcs.Output{"value": strings.Repeat("x", f.size)}, nil
}

// A load is an action, what it works on, and how large the output of each phase is.
type load struct {
	phases string
	pods   int
	output int
}

// chained are phases of which each reads what the one before gave.
func chained(n, output int) load {
	var b strings.Builder
	for i := range n {
		read := `"first"`
		if i > 0 {
			read = fmt.Sprintf("phases.p%d.output.value", i-1)
		}
		fmt.Fprintf(&b, "p%d: {func: \"KubeTask\", args: {image: \"i:1\", command: [%s]}, output: value: string}\n", i, read)
	}
	return load{phases: "phases: {\n" + b.String() + "}\n", pods: 1, output: output}
}

// fanned is a phase for each pod, and an artifact of each.
func fanned(pods int) load {
	return load{pods: pods, output: 10, phases: `
phases: {for p in input.statefulSet.pods {
	"dump-\(p)": {func: "KubeTask", after: [], args: {image: "i:1", command: [p]}, output: value: string}
}}
outputArtifacts: {for p in input.statefulSet.pods {(p): keyValue: value: phases["dump-\(p)"].output.value}}
`}
}

// templated are phases for each pod, made of a definition with parameters, that read what
// one phase gave: CUE cannot write such arguments on their own.
func templated(pods int) load {
	return load{pods: pods, output: 10, phases: `
#Dump: {
	#pod:  string
	#from: string
	func:  "KubeTask"
	after: []
	args: {image: "i:1", command: ["dump", #pod, #from, for p in [#pod] {"--\(p)"}]}
	output: value: string
	...
}
phases: {
	list: {func: "KubeTask", args: {image: "i:1", command: ["list"]}, output: value: string}
	for p in input.statefulSet.pods {"dump-\(p)": #Dump & {#pod: p, #from: phases.list.output.value}}
}
`}
}

// run loads, plans and runs the action, as a program would, and forgets all of it.
func (l load) run(tb testing.TB) {
	tb.Helper()
	blueprint, err := interp.LoadSource("load.cue", []byte("package load\nimport \"github.com/rescuecue/rescue/schema\"\nblueprint: schema.#Blueprint & {\nname: \"load\"\nactions: backup: {\nkind: \"StatefulSet\"\ninput: _\n"+l.phases+"}\n}\n"))
	if err != nil {
		tb.Fatal(err)
	}
	w := &compat.Workload{Name: "db", Namespace: "shop"}
	for i := range l.pods {
		w.Pods, w.Containers = append(w.Pods, fmt.Sprintf("db-%d", i)), append(w.Containers, []string{"db", "sidecar"})
	}
	params := &compat.Params{StatefulSet: w}
	plan, err := blueprint.Plan("backup", params)
	if err != nil {
		tb.Fatal(err)
	}
	registry := &funcs.Registry{}
	registry.Register(instant{l.output})
	_, err = run.Run(context.Background(), run.Options{
		Plan: plan, Params: params, Registry: registry, Env: &funcs.Env{Clock: time.Now, Log: slog.New(slog.DiscardHandler)},
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// kept is the heap that is in use after everything has been thrown away, in MB.
func kept() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func measureRun(b *testing.B, units int, l load) {
	b.Helper()
	repeat(b, units, "phase", func() { l.run(b) })
}

// repeat repeats some work, and reports the processor time of the quickest repetition:
// on a machine that does other things as well, the time that passes says little.
func repeat(b *testing.B, units int, unit string, work func()) {
	b.Helper()
	work() // what is only made once
	before := kept()
	b.ReportAllocs()
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := processorTime()
		work()
		best = min(best, processorTime()-start)
	}
	b.ReportMetric(best.Seconds()*1000/float64(units), "cpu-ms/"+unit)
	b.ReportMetric(kept()-before, "MB-kept")
}

// BenchmarkRun is whole runs, loading and planning included, of functions that do
// nothing.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("phases=%d", n), func(b *testing.B) { measureRun(b, n, chained(n, 10)) })
	}
	for _, size := range []int{1 << 10, 10 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("outputs=%dKiB", size/1024*100), func(b *testing.B) { measureRun(b, 100, chained(100, size)) })
	}
	for _, n := range []int{50, 500} {
		b.Run(fmt.Sprintf("pods=%d", n), func(b *testing.B) { measureRun(b, n, fanned(n)) })
	}
}

// BenchmarkTemplates is the same of phases that are bound in the tree.
func BenchmarkTemplates(b *testing.B) {
	for _, n := range []int{50, 500} {
		b.Run(fmt.Sprintf("pods=%d", n), func(b *testing.B) { measureRun(b, n, templated(n)) })
	}
}

// BenchmarkRunsAtOnce is many runs of ten phases in one process: all at once, and one
// after the other. That many at once take longer than in sequence is what Kanister's users
// see.
func BenchmarkRunsAtOnce(b *testing.B) {
	l := chained(10, 10)
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("runs=%d/atOnce", n), func(b *testing.B) {
			repeat(b, n, "run", func() {
				var wg sync.WaitGroup
				for range n {
					wg.Go(func() { l.run(b) })
				}
				wg.Wait()
			})
			b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*n), "ms/run")
		})
		b.Run(fmt.Sprintf("runs=%d/inSequence", n), func(b *testing.B) {
			repeat(b, n, "run", func() {
				for range n {
					l.run(b)
				}
			})
			b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*n), "ms/run")
		})
	}
}
