package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/run"
)

// A place is what a round runs in: a cluster, or a namespace of one, with an application.
type place interface {
	// runFlags are those of `rescue run` for this place, gcFlags those of `rescue gc`.
	runFlags() []string
	gcFlags() []string
	namespace() string
	// options of the blueprints.
	options() map[string]string
	// inVolume runs a script in the volume of a claim, and returns what it prints. The script
	// may be begun again.
	inVolume(claim, script string) string
	// letGo lets go of all volumes, so that they can be deleted.
	letGo()
	// leftovers names what runs have made for themselves and not removed.
	leftovers() []string
	// count says how many objects of a kind there are in the namespace.
	count(resource string) int
	// replicas of the application: wanted, and ready.
	replicas() (wanted, ready int)
}

// A round is one application whose runs are struck.
type round struct {
	*testing.T
	*campaign
	app    application
	dir    string
	place  place
	chance *rand.Rand
	// givenUp is how many runs were collected.
	givenUp int
	// before is what the list had when the present run began.
	before string
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

// runArgs are the arguments of `rescue run` for an action on the application.
func (r *round) runArgs(blueprint, action string, options map[string]string, more ...string) []string {
	args := append([]string{"run", action, "-b", blueprint}, r.app.flag(r.place.namespace())...)
	return append(append(args, r.optionFlags(options)...), more...)
}

func (r *round) optionFlags(options map[string]string) []string {
	all := maps.Clone(r.place.options())
	maps.Copy(all, options)
	var flags []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		flags = append(flags, "--option", key+"="+all[key])
	}
	return append(flags, r.place.runFlags()...)
}

// fill puts files of random bytes into a volume, and returns their sums.
func (r *round) fill(claim, data string) string {
	r.Helper()
	script := "head -c 200000 /dev/urandom | od -An -v -tx1 > " + data
	if data == "files" {
		script = "mkdir -p files/sub files/empty; for i in 1 2 3 4; do head -c ${i}00000 /dev/urandom > files/sub/$i; done; ln -sf sub/1 files/link"
	}
	r.place.inVolume(claim, script)
	return r.sums([]string{claim}, data)
}

// sums tell whether two states of the volumes' data are equal.
func (r *round) sums(claims []string, data string) string {
	r.Helper()
	var sums strings.Builder
	for _, claim := range claims {
		sums.WriteString(r.place.inVolume(claim, "find "+data+` | sort | while read f; do echo "$f $(readlink "$f")"; test -d "$f" || cksum < "$f"; done`))
	}
	return sums.String()
}

// list is what phases have written of themselves, in their own words.
func (r *round) list() string {
	r.Helper()
	if !r.app.lists {
		return ""
	}
	return r.place.inVolume(r.app.claim, "cat list 2>/dev/null || true")
}

// A record is a run as `rescue runs` tells of it.
type record struct {
	Run       string
	State     string
	Artifacts map[string]compat.Artifact
	Phases    []run.PhaseRecord
}

func (r *round) runs() []record {
	r.Helper()
	var doc struct{ Runs []record }
	r.tell(&doc, "runs", "-o", "json")
	return doc.Runs
}

func (r *round) show(id string) *record {
	r.Helper()
	rec := &record{}
	r.tell(rec, "runs", "show", id, "-o", "json")
	return rec
}

// maxProcesses is how often one run is struck at most.
const maxProcesses = 3

// struck runs an action, strikes it at random moments, and has it go on until it is
// complete. Sometimes it is collected instead, and begun anew.
func (r *round) struck(args ...string) *record {
	r.Helper()
	r.figures.runs.Add(1)
	known := r.runs()
	r.before = r.list()
	e := r.start(r.newStrike(), args...)
	for strikes := 1; ; strikes++ {
		rec := r.latest(known)
		switch {
		case rec == nil || rec.State == "refused":
			// It was struck before it had begun anything.
			if !e.struck {
				r.Fatalf("it did not begin: exit code %d\n%s", e.code, e.stderr)
			}
			r.figures.again.Add(1)
			r.nothingLeft()
			e = r.start(nil, args...)
			continue
		case rec.State == string(run.Complete):
			r.checkComplete(rec, e)
			return rec
		case strikes == 1 && r.chance.IntN(8) == 0:
			r.collect(rec.Run)
			known, r.before = r.runs(), r.list()
			e = r.start(nil, args...)
			continue
		}
		e = r.resume(rec, strikes)
	}
}

// latest is the run that was not known before.
func (r *round) latest(known []record) *record {
	r.Helper()
	for _, rec := range r.runs() {
		if !slices.ContainsFunc(known, func(k record) bool { return k.Run == rec.Run }) {
			return r.show(rec.Run)
		}
	}
	return nil
}

// resume goes on with a run, and looks whether a finished phase was run again.
func (r *round) resume(rec *record, strikes int) ending {
	r.Helper()
	r.figures.resumed.Add(1)
	if rec.State == string(run.Running) {
		r.Fatalf("run %s is said to be running after its process has ended", rec.Run)
	}
	var s *strike
	if strikes < maxProcesses && r.chance.IntN(2) == 0 {
		s = r.newStrike()
	}
	before := r.list()
	e := r.start(s, "resume", rec.Run, "--unfinished", "rerun", "--after-defer")
	if !e.struck && e.code != 0 {
		r.Fatalf("run %s does not go on: exit code %d\n%s", rec.Run, e.code, e.stderr)
	}
	added := strings.TrimPrefix(r.list(), before)
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
	r.givenUp++
	args := append([]string{"gc", "--run", id, "--yes"}, r.place.gcFlags()...)
	var doc map[string]any
	r.tell(&doc, append(args, "-o", "json")...)
	r.nothingLeft()
	// What the run had scaled down is up to people then.
	args = append([]string{"run", "up", "-b", r.blueprint("up.cue"), "--namespace", r.place.namespace()},
		r.optionFlags(map[string]string{"kind": r.app.kind, "name": r.app.name, "replicas": strconv.Itoa(r.app.replicas)})...)
	if e := r.start(nil, args...); e.code != 0 {
		r.Fatalf("the application does not start: exit code %d\n%s", e.code, e.stderr)
	}
}

// checkComplete looks at what every complete run must come to.
func (r *round) checkComplete(rec *record, e ending) {
	r.Helper()
	if e.code != 0 && !e.struck {
		r.Errorf("run %s is complete, and the exit code was %d", rec.Run, e.code)
	}
	r.nothingLeft()
	if wanted, ready := r.place.replicas(); wanted != r.app.replicas || ready != wanted {
		r.Errorf("the application has %d replicas, of which %d are ready, expected %d", wanted, ready, r.app.replicas)
	}
	r.checkJournal(rec.Run)
	r.checkResult(rec, e)
	list := strings.TrimPrefix(r.list(), r.before)
	for _, p := range rec.Phases {
		if begun := strings.Count(list, "begin "+p.Name+"-"); begun > p.Attempts {
			r.Errorf("phase %s was begun %d times, in %d attempts", p.Name, begun, p.Attempts)
		}
	}
}

// checkResult compares the result with the journal. A process that was struck at its very
// end could not tell it.
func (r *round) checkResult(rec *record, e ending) {
	r.Helper()
	if e.result == nil {
		return
	}
	if fmt.Sprint(e.result.Artifacts) != fmt.Sprint(rec.Artifacts) {
		r.Errorf("the result has the artifacts %v, the journal %v", e.result.Artifacts, rec.Artifacts)
	}
	for _, p := range rec.Phases {
		i := slices.IndexFunc(e.result.Phases, func(of *run.PhaseResult) bool { return of.Name == p.Name })
		if i >= 0 && fmt.Sprint(e.result.Phases[i].Output) != fmt.Sprint(p.Output) {
			r.Errorf("phase %s: the result says %v, the journal %v", p.Name, e.result.Phases[i].Output, p.Output)
		}
	}
}

func (r *round) nothingLeft() {
	r.Helper()
	if left := r.place.leftovers(); len(left) > 0 {
		r.Errorf("left behind: %s", strings.Join(left, ", "))
	}
}

// isLeftover tells what a run has made for itself: it has the run's label. A pod that
// belongs to nobody is one, too.
func isLeftover(o *unstructured.Unstructured) bool {
	return o.GetLabels()[funcs.RunLabel] != "" || o.GetKind() == "Pod" && len(o.GetOwnerReferences()) == 0 && o.GetLabels()["app"] != "reader"
}
