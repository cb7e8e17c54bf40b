package chaos

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/interp/run"
)

// A place is what a round runs in: a cluster, or a namespace of one, with the Deployment
// app, whose container main has the volume data at /data.
type place interface {
	// runFlags are those of `rescue run` for this place, gcFlags those of `rescue gc`.
	runFlags() []string
	gcFlags() []string
	namespace() string
	// options of the blueprints.
	options() map[string]string
	// list is the text of /data/list; empty if there is none.
	list() string
	// leftovers names what carries the label of a run.
	leftovers() []string
	// count says how many objects of a kind there are in the namespace.
	count(resource string) int
	// replicas of the Deployment: wanted, and ready.
	replicas() (wanted, ready int)
}

// A round is one application whose runs are struck.
type round struct {
	*testing.T
	*campaign
	dir    string
	place  place
	chance *rand.Rand
}

func (r *round) stateFlag() []string { return []string{"--state-dir", filepath.Join(r.dir, "state")} }

// blueprint copies a blueprint to the round's folder, so that it has a place of its own.
func (r *round) blueprint(name string) string {
	r.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		r.Fatal(err)
	}
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		r.Fatal(err)
	}
	return path
}

// runArgs are the arguments of `rescue run`.
func (r *round) runArgs(blueprint, action string, options map[string]string, more ...string) []string {
	args := []string{"run", action, "-b", blueprint, "--deployment", r.place.namespace() + "/app"}
	all := maps.Clone(r.place.options())
	maps.Copy(all, options)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		args = append(args, "--option", key+"="+all[key])
	}
	args = append(args, r.place.runFlags()...)
	return append(args, more...)
}

// calm runs an action that nobody disturbs.
func (r *round) calm(blueprint, action string, options map[string]string, more ...string) *run.Result {
	r.Helper()
	e := r.start(nil, r.runArgs(blueprint, action, options, more...)...)
	if e.code != 0 || e.result == nil {
		r.Fatalf("%s: exit code %d\n%s", action, e.code, e.stderr)
	}
	return e.result
}

// A record is a run as `rescue runs` tells of it.
type record struct {
	Run    string
	State  string
	Phases []run.PhaseRecord
}

func (r *round) runs() []record {
	r.Helper()
	var doc struct{ Runs []record }
	r.tell(&doc, "runs", "-o", "json")
	return doc.Runs
}

func (r *round) show(id string) record {
	r.Helper()
	var rec record
	r.tell(&rec, "runs", "show", id, "-o", "json")
	return rec
}

// maxProcesses is how often one run is struck at most.
const maxProcesses = 3

// struck runs an action, strikes it at random moments, and has it go on until it is
// complete. Sometimes it is collected instead, and begun anew.
func (r *round) struck(blueprint, action string, more ...string) *run.Result {
	r.Helper()
	r.figures.runs.Add(1)
	known := r.runs()
	e := r.start(r.newStrike(), r.runArgs(blueprint, action, nil, more...)...)
	for strikes := 1; ; strikes++ {
		rec := r.latest(known)
		switch {
		case rec == nil || rec.State == "refused":
			// It was struck before it had begun anything.
			r.figures.again.Add(1)
			r.nothingLeft()
			e = r.start(nil, r.runArgs(blueprint, action, nil, more...)...)
			continue
		case rec.State == string(run.Complete):
			r.checkComplete(*rec, e)
			return r.resultOf(*rec, e)
		case strikes == 1 && r.chance.IntN(8) == 0:
			r.collect(rec.Run)
			known = r.runs()
			e = r.start(nil, r.runArgs(blueprint, action, nil, more...)...)
			continue
		}
		e = r.resume(*rec, strikes)
	}
}

// latest is the run that was not known before.
func (r *round) latest(known []record) *record {
	r.Helper()
	for _, rec := range r.runs() {
		if !slices.ContainsFunc(known, func(k record) bool { return k.Run == rec.Run }) {
			shown := r.show(rec.Run)
			return &shown
		}
	}
	return nil
}

// resume goes on with a run, and looks whether a finished phase was run again.
func (r *round) resume(rec record, strikes int) ending {
	r.Helper()
	r.figures.resumed.Add(1)
	if rec.State == string(run.Running) {
		r.Fatalf("run %s is said to be running after its process has ended", rec.Run)
	}
	var s *strike
	if strikes < maxProcesses && r.chance.IntN(2) == 0 {
		s = r.newStrike()
	}
	before := r.place.list()
	e := r.start(s, "resume", rec.Run, "--unfinished", "rerun", "--after-defer")
	if e.code == 2 || e.code == 3 && !e.struck {
		r.Fatalf("run %s does not go on: exit code %d\n%s", rec.Run, e.code, e.stderr)
	}
	added := strings.TrimPrefix(r.place.list(), before)
	for _, p := range rec.Phases {
		if p.State == run.Complete && p.Name != run.DeferPhase && strings.Contains(added, "begin "+p.Name+"-") {
			r.Errorf("phase %s was finished and was run again:\n%s", p.Name, added)
		}
	}
	return e
}

// collect removes what a dead run has left, without going on with it.
func (r *round) collect(id string) {
	r.Helper()
	r.figures.collected.Add(1)
	args := append([]string{"gc", "--run", id, "--yes"}, r.place.gcFlags()...)
	var doc map[string]any
	r.tell(&doc, append(args, "-o", "json")...)
	r.nothingLeft()
	// What the run had scaled down is up to people then.
	r.calm(r.blueprint("steps.cue"), "up", nil)
}

// checkComplete looks at what every complete run must come to.
func (r *round) checkComplete(rec record, e ending) {
	r.Helper()
	if e.code != 0 && !e.struck {
		r.Errorf("run %s is complete, and the exit code was %d", rec.Run, e.code)
	}
	r.nothingLeft()
	if wanted, ready := r.place.replicas(); wanted != 1 || ready != 1 {
		r.Errorf("the application has %d replicas, of which %d are ready", wanted, ready)
	}
	lines := strings.Split(r.place.list(), "\n")
	for _, p := range rec.Phases {
		token, ok := p.Output["token"].(string)
		if ok && !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "end "+token+" ") }) {
			r.Errorf("phase %s has the output %s, and no attempt of it gave that", p.Name, token)
		}
	}
}

// resultOf is the result of the run: one whose process was struck at its very end could
// not tell it.
func (r *round) resultOf(rec record, e ending) *run.Result {
	r.Helper()
	result := &run.Result{Run: rec.Run}
	if e.result != nil {
		result = e.result
		for _, p := range rec.Phases {
			i := slices.IndexFunc(result.Phases, func(of *run.PhaseResult) bool { return of.Name == p.Name })
			if i >= 0 && result.Phases[i].Output["token"] != p.Output["token"] {
				r.Errorf("phase %s: the result says %v, the journal %v", p.Name, result.Phases[i].Output, p.Output)
			}
		}
	}
	return result
}

func (r *round) nothingLeft() {
	r.Helper()
	if left := r.place.leftovers(); len(left) > 0 {
		r.Errorf("left behind: %s", strings.Join(left, ", "))
	}
}
