package interp

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

// TestDefinitionsAreCalled: what is selected from a definition that is given arguments.
func TestDefinitionsAreCalled(t *testing.T) {
	const a = `a: {func: "KubeTask", args: {image: "i", command: ["x"]}, output: id: string}
`
	for _, tt := range []struct {
		name, phase string
		want        []any
	}{
		{"in a list", `args: {image: "i", command: [(#Fn & {in: phases.a.output.id}).out]}`, []any{"<7>"}},
		{"with what is known", `args: {image: (#Fn & {in: "x"}).out, command: ["y"]}`, []any{"y"}},
		{"in text", `args: {image: "i", command: ["-\((#Fn & {in: phases.a.output.id}).out)-"]}`, []any{"-<7>-"}},
		{"a whole list", `args: {image: "i", command: (_fn & {in: phases.a.output.id}).out}`, []any{"7", "7!"}},
		{"deeper", `args: {image: "i", command: [(_deep & {in: phases.a.output.id}).out.x["y-z"][0]]}`, []any{"7"}},
		{"in a call", `args: {image: "i", command: ["\(or([(#Fn & {in: phases.a.output.id}).out]))"]}`, []any{"<7>"}},
		{"a let", `let x = #Fn & {in: phases.a.output.id}, args: {image: "i", command: [x.out, x["out"]]}`, []any{"<7>", "<7>"}},
		{"a let in the arguments", `args: {let x = #Fn & {in: phases.a.output.id}, image: "i", command: [x.out]}`, []any{"<7>"}},
		{"in a condition", `args: {image: "i", command: [[if (#Fn & {in: phases.a.output.id}).out == "<7>" {"y"}, "n"][0]]}`, []any{"y"}},
		{"in a loop and in another", `args: {image: "i", command: [for q in ["y"] {(#Fn & {in: phases.a.output.id + q}).out}, (#Fn & {in: (#Fn & {in: phases.a.output.id}).out}).out]}`,
			[]any{"<7y>", "<<7>>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustPlan(t, "phases: {\n"+a+`b: {func: "KubeTask", `+tt.phase+`}}
				#Fn: {in: string, out: "<\(in)>"}
				_fn: {in: string, out: [in, in+"!"]}
				_deep: {in: string, out: x: "y-z": [in]}`, &compat.Params{})
			s := p.NewState(&compat.Params{}, nil)
			give(t, p, s, "a", map[string]any{"id": "7"})
			args, err := s.Args(p.Phases[1])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, args["command"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}
