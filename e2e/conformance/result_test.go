package conformance

import (
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
)

// TestCompare: what a case does not name must not have come.
func TestCompare(t *testing.T) {
	const want = `
		state: "complete"
		phases: [{output: id: =~"^[0-9]+$"}]
		artifacts: a: keyValue: k: "v"
		left: claims: ["data"]`
	fields := func(edit func(phase, doc map[string]any)) map[string]any {
		phase := map[string]any{"name": "p", "output": map[string]any{"id": "7"}}
		doc := map[string]any{
			"state": "complete", "phases": []any{phase}, "errors": []string{},
			"artifacts": map[string]any{"a": map[string]any{"keyValue": map[string]any{"k": "v"}}},
			"left":      map[string]any{"claims": []string{"data"}, "snapshots": []string{}},
		}
		edit(phase, doc)
		return doc
	}
	for name, c := range map[string]struct {
		edit func(phase, doc map[string]any)
		want string // "" if it fits
	}{
		"as wanted":      {func(_, _ map[string]any) {}, ""},
		"state":          {func(_, doc map[string]any) { doc["state"] = "failed" }, "state: conflicting values"},
		"output":         {func(p, _ map[string]any) { p["output"] = map[string]any{"id": "x"} }, "output.id: invalid value"},
		"missing output": {func(p, _ map[string]any) { p["output"] = map[string]any{} }, "output.id"},
		"missing state":  {func(_, doc map[string]any) { delete(doc, "state") }, "state is wanted"},
		"another output": {func(p, _ map[string]any) { p["output"] = map[string]any{"id": "7", "more": "1"} }, "phases[0].output.more came"},
		"another phase":  {func(p, doc map[string]any) { doc["phases"] = []any{p, p} }, "incompatible list lengths"},
		"errors":         {func(_, doc map[string]any) { doc["errors"] = []string{"oops"} }, "errors came"},
		"artifact":       {func(_, doc map[string]any) { doc["artifacts"].(map[string]any)["b"] = map[string]any{} }, "artifacts.b came"},
		"no artifact":    {func(_, doc map[string]any) { doc["artifacts"] = map[string]any{} }, "artifacts.a.keyValue.k is wanted"},
		"left":           {func(_, doc map[string]any) { doc["left"] = map[string]any{"claims": []string{}} }, "left.claims"},
		"deferPhase":     {func(p, doc map[string]any) { doc["deferPhase"] = p }, "deferPhase.output.id came"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(compare(cuecontext.New().CompileString(want), fields(c.edit)), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
