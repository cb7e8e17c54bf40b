package interp

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

// inPieces has phases that CUE cannot write on their own, but in pieces.
const inPieces = `
	kind: "StatefulSet"
	#claims: input.statefulSet.persistentVolumeClaims["db-0"]
	#Check: {
		#from: string
		#n:    int
		func:  "KubeTask"
		args: {
			image: "i:1"
			command: ["check", #from, "\(#n+1)", for name, path in #claims {path}]
			podOverride: {"a \"b\"": #from, empty: {}, none: [], half: 1.0, deep: [{x: "<\(#from)>"}]}
		}
		output: id: string
		...
	}
	phases: {
		first: {func: "KubeTask", args: {image: "i:1", command: ["x"]}, output: id: string}
		a: #Check & {#from: phases.first.output.id, #n: 2}
		b: #Check & {#from: phases.a.output.id, #n: 4}
		late: {func: "KubeTask", args: {image: "i:1", command: [for name, path in #claims {path}, if phases.first.output.id == "y" {"yes"}]}}
	}`

func inPiecesPlan(t *testing.T) (*Plan, *State) {
	t.Helper()
	params := &compat.Params{StatefulSet: &compat.Workload{
		Name: "db", Namespace: "shop", Pods: []string{"db-0"}, PersistentVolumeClaims: map[string]map[string]string{"db-0": {"data": "/data"}},
	}}
	p := mustPlan(t, inPieces, params)
	return p, p.NewState(params, nil)
}

// checked are the arguments of a Check.
func checked(from string, n int) map[string]any {
	return map[string]any{
		"image": "i:1", "command": []any{"check", from, fmt.Sprint(n + 1), "/data"},
		"podOverride": map[string]any{`a "b"`: from, "empty": map[string]any{}, "none": []any{}, "half": 1.0, "deep": []any{map[string]any{"x": "<" + from + ">"}}},
	}
}

// TestPieces: what is bound in pieces comes to what the tree comes to, and the tree is not
// evaluated for it.
func TestPieces(t *testing.T) {
	p, state := inPiecesPlan(t)
	want := map[string][]string{"first": {}, "a": {"first"}, "b": {"first", "a"}, "late": {"first", "a", "b"}}
	if diff := cmp.Diff(want, waits(p)); diff != "" {
		t.Error(diff)
	}
	give(t, p, state, "first", map[string]any{"id": `1"\(x)`})
	give(t, p, state, "a", map[string]any{"id": "2"})
	for i, want := range map[int]map[string]any{1: checked(`1"\(x)`, 2), 2: checked("2", 4)} {
		ph := p.Phases[i]
		if ph.args.tree == nil || ph.args.pieces == nil {
			t.Fatalf("phase %s is not bound in pieces: the test needs another one", ph.Name)
		}
		got, err := state.Args(ph)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("phase %s in pieces: %s", ph.Name, diff)
		}
		if p.tree.last.root.Exists() {
			t.Error("the tree was evaluated")
		}
	}
	p.Phases[1].args.pieces, p.Phases[2].args.pieces = nil, nil
	for i, want := range map[int]map[string]any{1: checked(`1"\(x)`, 2), 2: checked("2", 4)} {
		got, err := state.Args(p.Phases[i])
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("phase %s in the tree: %v %s", p.Phases[i].Name, err, diff)
		}
	}
}

// TestPiecesThatDoNotDo: a list of which not even the length is known is bound in the tree.
func TestPiecesThatDoNotDo(t *testing.T) {
	p, state := inPiecesPlan(t)
	late := p.Phases[3].args
	if late.tree == nil || late.pieces != nil {
		t.Errorf("in the tree: %t, in pieces: %t", late.tree != nil, late.pieces != nil)
	}
	give(t, p, state, "first", map[string]any{"id": "y"})
	args, err := state.Args(p.Phases[3])
	if diff := cmp.Diff([]any{"/data", "yes"}, args["command"]); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// TestPiecesNameWhatIsWrong: the error of a piece is that of the tree.
func TestPiecesNameWhatIsWrong(t *testing.T) {
	p, state := inPiecesPlan(t)
	_, err := state.Args(p.Phases[2])
	if want := "arguments of phase b: needs phases.a.output.id, which is not there"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
