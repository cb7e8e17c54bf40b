package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/local"
)

// TestLocal strikes runs on the local runtime.
func TestLocal(t *testing.T) {
	cluster, err := local.Open(t.TempDir(), local.Options{Program: programFor(t)})
	if err != nil && (strings.Contains(err.Error(), "does not let rescue isolate containers") || strings.Contains(err.Error(), "needs Linux")) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &campaign{program: programFor(t), rounds: numberOf(t, "RESCUE_CHAOS_ROUNDS", few), scenarios: append(scenarios, corpusScenarios(t)...)}
	c.run(t, func(t *testing.T, app application) place {
		p := &localPlace{T: t, app: app, dir: t.TempDir()}
		p.objectsFile = app.writeManifest(t, t.TempDir(), p.namespace())
		return p
	})
}

// localPlace is an embedded cluster. Its objects and volumes are looked at in its files,
// while no process uses them.
type localPlace struct {
	*testing.T
	app         application
	dir         string
	objectsFile string
}

func (p *localPlace) gcFlags() []string {
	return []string{"--runtime", "local", "--local-dir", p.dir}
}

// runFlags have the application applied until it is there: a process may be struck
// before it has done that.
func (p *localPlace) runFlags() []string {
	flags := p.gcFlags()
	if p.workload() == nil {
		flags = append(flags, "--objects", p.objectsFile)
	}
	return flags
}

func (p *localPlace) namespace() string { return "demo" }

func (p *localPlace) options() map[string]string {
	return map[string]string{"image": "any", "tools": "any", "snapshotClass": "local", "storageClass": "local"}
}

// inVolume makes the directory if no process has done it yet.
func (p *localPlace) inVolume(claim, script string) string {
	p.Helper()
	dir := filepath.Join(p.dir, "volumes", p.namespace(), claim)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		p.Fatal(err)
	}
	cmd := exec.CommandContext(p.Context(), "sh", "-ec", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

func (p *localPlace) letGo() {}

// objects are those that the embedded cluster keeps.
func (p *localPlace) objects() []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	dir := filepath.Join(p.dir, "objects")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if path == dir && errors.Is(err, fs.ErrNotExist) {
			return nil // Its first process was struck before it had begun.
		}
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		object := &unstructured.Unstructured{}
		found = append(found, object)
		return yaml.Unmarshal(text, &object.Object)
	})
	if err != nil {
		p.Fatal(err)
	}
	return found
}

// leftovers leaves out what is deleted already: a pod that has ended is deleted without
// waiting for its node, and the next process takes it away.
func (p *localPlace) leftovers() []string {
	var names []string
	for _, o := range p.objects() {
		if isLeftover(o) && o.GetDeletionTimestamp() == nil {
			names = append(names, fmt.Sprintf("%s %s/%s of phase %s of run %s", o.GetKind(), o.GetNamespace(), o.GetName(), o.GetLabels()[funcs.PhaseLabel], o.GetLabels()[funcs.RunLabel]))
		}
	}
	return names
}

// kindOf the resources that are counted.
var kindOf = map[string]string{"volumesnapshots": "VolumeSnapshot", "persistentvolumeclaims": "PersistentVolumeClaim"}

func (p *localPlace) count(resource string) int {
	n := 0
	for _, o := range p.objects() {
		if o.GetKind() == kindOf[resource] {
			n++
		}
	}
	return n
}

// workload is the application's, nil if it is not there yet.
func (p *localPlace) workload() *unstructured.Unstructured {
	for _, o := range p.objects() {
		if o.GetKind() == p.app.kind && o.GetName() == p.app.name {
			return o
		}
	}
	return nil
}

// replicas takes all pods for ready: between two processes none runs.
func (p *localPlace) replicas() (wanted, ready int) {
	o := p.workload()
	if o == nil {
		return 0, 0
	}
	w, _, _ := unstructured.NestedFloat64(o.Object, "spec", "replicas") // as YAML has it
	return int(w), int(w)
}
