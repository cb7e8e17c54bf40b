package chaos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/interp/run"
)

// A scenario is what a round does, with which application.
type scenario struct {
	name string
	app  application
	run  func(*round)
}

// scenarios are what rounds do, in turn. The first few run with all other tests.
var scenarios = slices.Concat(
	[]scenario{{"steps.cue", plain, walk("steps.cue")}},
	examples[:3],
	[]scenario{{"appear.cue", plain, walk("appear.cue")}, {"data.cue, copied", plain, saveAndRestore}},
	examples[3:],
	[]scenario{{"data.cue, snapshot", plain, snapAndRestore}},
)

// walk runs phases one after the other and at the same time, in pods of their own and in
// that of the application, and scales it. Most read the outputs of those before them.
func walk(blueprint string) func(*round) {
	return func(r *round) {
		rec := r.struck(r.runArgs(r.blueprint(blueprint), "walk", nil)...)
		list := r.list()
		for _, p := range rec.Phases {
			token, hasToken := p.Output["token"].(string)
			if hasToken && strings.Count(list, "end "+token+" after ") != 1 {
				r.Errorf("phase %s: its output %q is not on the list once:\n%s", p.Name, token, list)
			}
		}
		for phase, reads := range readers {
			r.checkRead(rec, list, phase, reads)
		}
	}
}

// readers are the phases that read tokens, and whose.
var readers = map[string][]string{
	"left": {"first"}, "right": {"first"}, "middle": {"left", "right"}, "last": {"middle"},
	"copy-one": {"find"}, "copy-two": {"find"}, "copy-three": {"find"}, "stubborn": {"find"},
}

// checkRead looks whether a phase has got the outputs that it reads.
func (r *round) checkRead(rec *record, list, phase string, reads []string) {
	r.Helper()
	token := rec.token(phase)
	if token == "" {
		if rec.token(reads[0]) != "" {
			r.Errorf("phase %s has no output", phase)
		}
		return // It is of the other blueprint.
	}
	var read []string
	for _, of := range reads {
		read = append(read, rec.token(of))
	}
	if line := fmt.Sprintf("end %s after %s\n", token, strings.Join(read, " ")); !strings.Contains(list, line) {
		r.Errorf("no line %q: an output was lost on its way\n%s", line, list)
	}
}

// saveAndRestore copies a volume away and back, and is struck in both.
func saveAndRestore(r *round) {
	b := r.blueprint("data.cue")
	before := r.fill("data", "files")
	saved := r.struck(r.runArgs(b, "backup", nil)...)
	r.place.inVolume("data", "rm -rf files")
	r.struck(r.runArgs(b, "restore", nil, "--from", saved.Run)...)
	if after := r.sums([]string{"data"}, "files"); after != before {
		r.Errorf("the restored data differs: %s, and before it was %s", after, before)
	}
}

// snapAndRestore takes a snapshot, makes a volume of it and deletes it, and is struck in
// all of that.
func snapAndRestore(r *round) {
	b := r.blueprint("data.cue")
	before := r.fill("data", "files")
	snap := r.struck(r.runArgs(b, "snap", nil)...)
	// What a run that was given up has made for good is its own, and stays.
	if n := r.place.count("volumesnapshots"); n != 1 && r.givenUp == 0 {
		r.Errorf("%d snapshots, expected the one", n)
	}
	r.place.inVolume("data", "rm -rf files")
	r.struck(r.runArgs(b, "unsnap", nil, "--from", snap.Run)...)
	if n := r.place.count("persistentvolumeclaims"); n != 2 {
		r.Errorf("%d claims, expected the application's and the restored one", n)
	}
	// The volume is made when a pod mounts it, at the latest.
	if e := r.start(nil, r.runArgs(b, "use", nil)...); e.code != 0 {
		r.Fatalf("no pod can mount the restored volume: exit code %d\n%s", e.code, e.stderr)
	}
	if after := r.sums([]string{"restored"}, "files"); after != before {
		r.Errorf("the restored data differs: %s, and before it was %s", after, before)
	}
	r.struck(r.runArgs(b, "drop", nil, "--from", snap.Run)...)
	if n := r.place.count("volumesnapshots"); n != 0 && r.givenUp == 0 {
		r.Errorf("%d snapshots are left, expected none", n)
	}
}

// token is the output of that name of a phase of the run.
func (rec *record) token(phase string) string {
	i := slices.IndexFunc(rec.Phases, func(p run.PhaseRecord) bool { return p.Name == phase })
	if i < 0 {
		return ""
	}
	token, _ := rec.Phases[i].Output["token"].(string)
	return token
}
