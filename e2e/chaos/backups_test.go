package chaos

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

// A backup is a blueprint with the actions backup, restore and delete, and an application
// for it.
type backup struct {
	application
	blueprint string
	// data is what must come back, in the application's volume.
	data string
	// imitated are the actions that need programs of the database: they have those of
	// testdata/override.yaml. (A pod that mounts a volume twice never starts on a cluster.)
	imitated []string
	// deletesIn is the kind of object that delete works on, if that is not the application:
	// in Kanister's examples the namespace.
	deletesIn string
}

// bothWays are the actions that most databases are asked for.
var bothWays = []string{"backup", "restore"}

// examples are those of the project whose programs are here, or are easily imitated.
var examples = []scenario{
	backup{timeLog, "../../examples/timelog/blueprint.yaml", "files", nil, ""}.scenario(),
	backup{server, "../../examples/postgresql", "rows", bothWays, ""}.scenario(),
	backup{queue, "../../examples/csi", "files", nil, ""}.scenario(),
	backup{server, "../../examples/redis", "dump.rdb", bothWays[:1], ""}.scenario(),
	backup{server, "../../examples/mysql", "rows", bothWays, ""}.scenario(),
	backup{timeLog, "../../examples/timelog/timelog.cue", "files", nil, ""}.scenario(),
	backup{server, "../../examples/mongodb", "rows", bothWays, ""}.scenario(),
}

// published are blueprints of the corpus that the imitated servers are enough for.
var published = []backup{
	{server, "kanister-examples/mysql-mysql-blueprint.yaml", "rows", bothWays, "namespace"},
	{server, "kanister-examples/postgresql-postgres-blueprint.yaml", "rows", bothWays, "namespace"},
	{logger, "kanister-examples/time-log-blueprint.yaml", "files", nil, ""},
	{server, "kanister-examples/maria-maria-blueprint.yaml", "rows", bothWays, "namespace"},
	{server, "kanister-examples/mongodb-mongo-blueprint.yaml", "rows", bothWays, "namespace"},
	{server, "kanister-examples/mysql-6.x-mysql-blueprint.yaml", "rows", bothWays, "namespace"},
}

// corpusScenarios are those of the folder RESCUE_CORPUS, if that is set.
func corpusScenarios(t *testing.T) []scenario {
	t.Helper()
	dir := os.Getenv("RESCUE_CORPUS")
	if dir == "" {
		return nil
	}
	var list []scenario
	for _, b := range published {
		b.blueprint = filepath.Join(dir, "blueprints", b.blueprint)
		if _, err := os.Stat(b.blueprint); err != nil {
			t.Fatal(err)
		}
		list = append(list, b.scenario())
	}
	return list
}

func (b backup) scenario() scenario {
	return scenario{name: filepath.Base(filepath.Dir(b.blueprint)) + "/" + filepath.Base(b.blueprint), app: b.application, run: b.run}
}

// run saves what the application has, destroys it, brings it back and deletes the backup,
// and is struck in all of that.
func (b backup) run(r *round) {
	for _, claim := range b.claims {
		r.fill(claim, b.data)
	}
	before := r.sums(b.claims, b.data)
	saved := r.struck(b.call(r, "backup", nil)...)
	for _, claim := range b.claims {
		r.place.inVolume(claim, "rm -rf "+b.data)
	}
	r.place.letGo()
	r.struck(b.call(r, "restore", saved)...)
	if after := r.sums(b.claims, b.data); after != before {
		r.Errorf("the restored data differs:\n%s\nand before it was\n%s", after, before)
	}
	r.struck(b.call(r, "delete", saved)...)
	if n := r.place.count("volumesnapshots"); n > 0 && r.givenUp == 0 {
		r.Errorf("%d snapshots are left, expected none", n)
	}
}

// call returns the arguments that run an action, with the artifacts of an earlier run.
func (b backup) call(r *round, action string, from *record) []string {
	r.Helper()
	path, err := filepath.Abs(b.blueprint)
	if err != nil {
		r.Fatal(err)
	}
	if slices.Contains(b.imitated, action) || action == "delete" && b.deletesIn != "" {
		return append([]string{"run", "-f", b.actionSet(r, action, from), "-b", path}, r.place.runFlags()...)
	}
	if from != nil {
		return r.runArgs(path, action, nil, "--from", from.Run)
	}
	return r.runArgs(path, action, nil)
}

// actionSet writes an ActionSet with the imitated programs.
func (b backup) actionSet(r *round, action string, from *record) string {
	r.Helper()
	spec := compat.ActionSpec{
		Name: action, Blueprint: b.blueprintName(r), Options: r.place.options(),
		Object: compat.ObjectReference{Kind: b.kind, Name: b.name, Namespace: r.place.namespace()},
	}
	if action == "delete" && b.deletesIn != "" {
		spec.Object = compat.ObjectReference{Kind: b.deletesIn, Name: r.place.namespace()}
	}
	if from != nil {
		spec.Artifacts = from.Artifacts
	}
	r.read("testdata/override.yaml", &spec.PodOverride)
	text, err := yaml.Marshal(compat.ActionSet{
		APIVersion: "cr.kanister.io/v1alpha1", Kind: "ActionSet",
		Metadata: compat.Meta{Name: action, Namespace: r.place.namespace()},
		Spec:     &compat.ActionSetSpec{Actions: []compat.ActionSpec{spec}},
	})
	if err != nil {
		r.Fatal(err)
	}
	path := filepath.Join(r.dir, action+".yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		r.Fatal(err)
	}
	return path
}

// blueprintName is what the blueprint calls itself: an example as its folder is called.
func (b backup) blueprintName(r *round) string {
	if filepath.Ext(b.blueprint) != ".yaml" {
		return filepath.Base(b.blueprint)
	}
	var resource struct{ Metadata compat.Meta }
	r.read(b.blueprint, &resource)
	return resource.Metadata.Name
}

func (r *round) read(path string, into any) {
	r.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		r.Fatalf("%s: %v", path, err)
	}
}

// checkJournal looks whether a finished phase was begun again.
func (r *round) checkJournal(id string) {
	r.Helper()
	events, err := run.ReadJournal(filepath.Join(r.dir, "state", "runs"), id)
	if err != nil {
		r.Fatal(err)
	}
	finished := map[string]bool{run.DeferPhase: false}
	for _, e := range events {
		switch {
		case e.Kind == run.PhaseStarted && finished[e.Phase]:
			r.Errorf("phase %s of run %s had finished, and was begun again at %s", e.Phase, id, e.Time)
		case e.Kind == run.PhaseFinished && e.Phase != run.DeferPhase:
			finished[e.Phase] = e.State == run.Complete
		}
	}
}
