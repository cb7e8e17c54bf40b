package interp

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rescuecue/rescue/compat"
)

// unpacked writes the files of an archive to a folder of their own.
func unpacked(t *testing.T, archive string) string {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(a, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestNativeStyles: in testdata/styles are blueprints as authors write them, with helpers,
// loops, packages and whatever else CUE has. Each runs, and comes to what stands in the
// file beside it; and what a phase is bound to is what the whole action, evaluated with the
// same outputs, has in its place. That vet finds nothing in them is a test of vet.
func TestNativeStyles(t *testing.T) {
	paths, err := filepath.Glob("testdata/styles/*.txtar")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d blueprints, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			b, err := Load(unpacked(t, path), nil)
			if err != nil {
				t.Fatal(err)
			}
			ran := map[string]*Rendering{}
			for _, action := range b.Actions() {
				ran[action] = dryRun(t, b, action)
			}
			got, err := json.MarshalIndent(ran, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, strings.TrimSuffix(path, ".txtar")+".json", append(got, '\n'))
		})
	}
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("(-want +got):\n%s", cmp.Diff(string(want), string(got)))
	}
}

// styleParams are what the actions work on.
func styleParams() *compat.Params {
	return &compat.Params{
		StatefulSet: &compat.Workload{
			Name: "db", Namespace: "shop", Pods: []string{"db-0", "db-1"},
			Containers: [][]string{{"postgres", "proxy"}, {"postgres"}},
			PersistentVolumeClaims: map[string]map[string]string{
				"db-0": {"data-db-0": "/var/lib/data"}, "db-1": {"data-db-1": "/var/lib/data"},
			},
		},
		Options:     map[string]string{"full": "1"},
		ArtifactsIn: map[string]compat.Artifact{"dump": {KeyValue: map[string]string{"token": "earlier"}}},
	}
}

// styleOutputs are those that conditions look at; others name their phase and key.
var styleOutputs = map[string]string{"full": "yes", "mode": "fast", "size": "large", "n": "4"}

func outputsOf(ph *Phase) map[string]any {
	out := map[string]any{}
	for key, kind := range ph.Outputs {
		switch text, known := styleOutputs[key]; {
		case kind&cue.StringKind == 0:
			out[key] = 5
		case known:
			out[key] = text
		default:
			out[key] = ph.Name + "-" + key
		}
	}
	return out
}

// A dryRunner goes through a plan as a run does, with functions that do nothing.
type dryRunner struct {
	t     *testing.T
	plan  *Plan
	state *State
	done  map[string]bool
	out   *Rendering
}

func dryRun(t *testing.T, b *Blueprint, action string) *Rendering {
	t.Helper()
	params := styleParams()
	plan, err := b.Plan(action, params)
	if err != nil {
		t.Fatal(err)
	}
	r := &dryRunner{t, plan, plan.NewState(params, compat.Engine{}.Render), map[string]bool{}, &Rendering{}}
	for ph := r.next(); ph != nil; ph = r.next() {
		r.out.Phases = append(r.out.Phases, r.run(ph))
		r.done[ph.Name] = true
		r.decide()
	}
	if len(r.out.Phases) != len(r.plan.Phases) {
		t.Errorf("ran %d of the phases %v", len(r.out.Phases), phaseNames(r.plan))
	}
	if r.plan.Defer != nil {
		last := r.run(r.plan.Defer)
		r.out.DeferPhase = &last
	}
	if r.out.OutputArtifacts, err = r.state.Artifacts(); err != nil {
		t.Error(err)
	}
	return r.out
}

// next is the first phase that waits for nothing.
func (r *dryRunner) next() *Phase {
	for _, ph := range r.plan.Phases {
		ready := !r.done[ph.Name] && !ph.Undecided
		for _, before := range ph.After {
			ready = ready && r.done[before]
		}
		if ready {
			return ph
		}
	}
	return nil
}

func (r *dryRunner) decide() {
	for {
		next, err := r.state.Replan()
		if err != nil {
			r.t.Fatal(err)
		}
		if next == nil {
			return
		}
		r.plan = next
	}
}

func (r *dryRunner) run(ph *Phase) RenderedPhase {
	r.t.Helper()
	objects, err := r.state.Objects(ph)
	if err != nil {
		r.t.Error(err)
	}
	secrets := map[string]compat.Secret{}
	for name := range objects {
		secrets[name] = compat.Secret{Data: map[string][]byte{"password": []byte("pw-of-" + name), "user-name": []byte("admin")}}
	}
	r.state.SetObjects(ph, secrets, nil)
	out, err := r.state.renderPhase(ph)
	if err != nil {
		r.t.Error(err)
	}
	r.sameInTree(ph, out.Args)
	if err := r.state.SetOutput(ph, outputsOf(ph)); err != nil {
		r.t.Error(err)
	}
	return out
}

// sameInTree compares the arguments with what they are in the whole action.
func (r *dryRunner) sameInTree(ph *Phase, got map[string]any) {
	r.t.Helper()
	v, err := r.plan.tree.bind(ph.args, r.state.lookup)
	if err != nil {
		r.t.Error(err)
		return
	}
	var want map[string]any
	if err := v.Decode(&want); err != nil {
		r.t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("phase %s (-in the tree +bound):\n%s", ph.Name, diff)
	}
}
