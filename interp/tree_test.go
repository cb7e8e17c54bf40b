package interp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

// inTree has phases that CUE cannot write on their own: what they read has names that are
// no identifiers, or comes by the parameter of a definition.
const inTree = `
	kind: "StatefulSet"
	#claims: input.statefulSet.persistentVolumeClaims["db-0"]
	#Dump: {
		#pod:    string
		#number: int
		#from:   string
		func:    "KubeTask"
		after: []
		args: {image: "i:1", command: ["dump", #pod, "\(#number)", #from]}
		...
	}
	phases: {
		list: {func: "KubeTask", args: {image: "i:1", command: ["x"]}, output: {id: string, other: string}}
		free: {func: "KubeTask", after: [], args: {image: "i:1", command: [for name, path in #claims {"\(name)=\(path)"}]}}
		claims: {func: "KubeTask", after: [], args: {image: "i:1", command: [phases.list.output.id, for name, path in #claims {"\(name)=\(path)"}]}}
		for i, p in input.statefulSet.pods {"dump-\(i)": #Dump & {#pod: p, #number: i, #from: phases.list.output.id}}
	}`

func inTreePlan(t *testing.T) (*Plan, *State) {
	t.Helper()
	params := &compat.Params{StatefulSet: &compat.Workload{
		Name: "db", Namespace: "shop", Pods: []string{"db-0", "db-1"},
		PersistentVolumeClaims: map[string]map[string]string{"db-0": {"data": "/data"}},
	}}
	p := mustPlan(t, inTree, params)
	for _, i := range []int{1, 2, 3, 4} {
		if p.Phases[i].args.tree == nil {
			t.Errorf("phase %s is not bound in the tree: the tests here need another one", p.Phases[i].Name)
		}
	}
	return p, p.NewState(params, nil)
}

// TestTreeKnowsWhatIsRead: a phase that is bound in the tree waits for what it reads, and
// for nothing else.
func TestTreeKnowsWhatIsRead(t *testing.T) {
	p, _ := inTreePlan(t)
	want := map[string][]string{"list": {}, "free": {}, "claims": {"list"}, "dump-0": {"list"}, "dump-1": {"list"}}
	if diff := cmp.Diff(want, waits(p)); diff != "" {
		t.Error(diff)
	}
	if got := p.Phases[2].Reads(); len(got) != 1 || got[0].Key != "id" {
		t.Errorf("claims reads %v", got)
	}
}

// TestTreeIsShared: phases that read the same are bound with one evaluation.
func TestTreeIsShared(t *testing.T) {
	p, state := inTreePlan(t)
	for _, ph := range p.Phases {
		ph.args.pieces = nil
	}
	give(t, p, state, "list", map[string]any{"id": "7", "other": "x"})
	if _, err := state.Args(p.Phases[3]); err != nil {
		t.Fatal(err)
	}
	first := p.tree.last.root
	args, err := state.Args(p.Phases[4])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"dump", "db-1", "1", "7"}, args["command"]); diff != "" {
		t.Error(diff)
	}
	if p.tree.last.root != first {
		t.Error("the action was evaluated once more")
	}
}

func TestTreeNamesWhatIsMissing(t *testing.T) {
	p, state := inTreePlan(t)
	_, err := state.Args(p.Phases[2])
	if err == nil || !strings.Contains(err.Error(), "arguments of phase claims: needs phases.list.output.id, which is not there") {
		t.Errorf("error %v", err)
	}
}
