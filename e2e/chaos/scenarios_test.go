package chaos

import (
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/interp/run"
)

// scenarios are what rounds do, in turn.
var scenarios = []func(*round){walk, walk, saveAndRestore, snapAndRestore}

// walk runs phases one after the other and at the same time, in pods of their own and in
// that of the application, and scales it. Each reads the outputs of those before it.
func walk(r *round) {
	result := r.struck(r.blueprint("steps.cue"), "walk")
	list := r.place.list()
	rec := r.show(result.Run)
	token := map[string]string{}
	for _, p := range rec.Phases {
		token[p.Name], _ = p.Output["token"].(string)
	}
	for name, reads := range map[string]string{
		"first": "nothing", "left": token["first"], "right": token["first"],
		"middle": token["left"] + " " + token["right"], "last": token["middle"],
	} {
		if line := fmt.Sprintf("end %s after %s\n", token[name], reads); token[name] == "" || !strings.Contains(list, line) {
			r.Errorf("no line %q: an output was lost on its way. Outputs: %v\n%s", line, token, list)
		}
	}
	for _, p := range rec.Phases {
		if begun := strings.Count(list, "begin "+p.Name+"-"); begun > p.Attempts && r.figures.collected.Load() == 0 {
			r.Errorf("phase %s was begun %d times, in %d attempts", p.Name, begun, p.Attempts)
		}
	}
}

// saveAndRestore copies a volume away and back, and is struck in both.
func saveAndRestore(r *round) {
	b := r.blueprint("data.cue")
	before := sumOf(r.calm(b, "fill", nil))
	backup := r.struck(b, "backup")
	r.calm(b, "destroy", nil)
	r.struck(b, "restore", "--from", backup.Run)
	if after := sumOf(r.calm(b, "sum", map[string]string{"volume": "data"})); after != before {
		r.Errorf("the restored data differs: %s, and before it was %s", after, before)
	}
}

// snapAndRestore takes a snapshot, makes a volume of it and deletes it, and is struck in
// all of that.
func snapAndRestore(r *round) {
	b := r.blueprint("data.cue")
	before := sumOf(r.calm(b, "fill", nil))
	collected := r.figures.collected.Load()
	snap := r.struck(b, "snap")
	// What a run that was given up has made for good is its own, and stays.
	given := r.figures.collected.Load() - collected
	if n := r.place.count("volumesnapshots"); n != 1 && given == 0 {
		r.Errorf("%d snapshots, expected the one", n)
	}
	r.calm(b, "destroy", nil)
	r.struck(b, "unsnap", "--from", snap.Run)
	if n := r.place.count("persistentvolumeclaims"); n != 2 {
		r.Errorf("%d claims, expected the application's and the restored one", n)
	}
	if after := sumOf(r.calm(b, "sum", map[string]string{"volume": "restored"})); after != before {
		r.Errorf("the restored data differs: %s, and before it was %s", after, before)
	}
	r.struck(b, "drop", "--from", snap.Run)
	if n := r.place.count("volumesnapshots"); n != 0 && given == 0 {
		r.Errorf("%d snapshots are left, expected none", n)
	}
}

func sumOf(result *run.Result) string {
	text, _ := result.Phases[0].Output["sum"].(string)
	return text
}
