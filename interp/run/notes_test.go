package run

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/rescuecue/rescue/funcs"
)

// noter is a function that fails once, and shows what its attempts find noted.
type noter struct {
	funcs.Func
	found []string
}

func (*noter) Name() string { return "KubeTask" }

func (n *noter) Exec(_ context.Context, env *funcs.Env, _ funcs.Args) (funcs.Output, error) {
	value, _ := env.Notes.Noted("key")
	n.found = append(n.found, value)
	if err := env.Notes.Note("key", value+"x"); err != nil {
		return nil, err
	}
	if len(n.found) == 1 {
		return nil, errors.New("not yet")
	}
	return nil, nil
}

// TestNotes: each attempt finds what those before have noted, also in another process;
// other phases find nothing.
func TestNotes(t *testing.T) {
	dir, f := t.TempDir(), &noter{}
	opts := options(t, newFake(), "phases: {\n"+task("a", "a", `retry: {attempts: 2, backoff: "1ms"}`)+task("b", "b")+"}")
	opts.Registry = &funcs.Registry{}
	opts.Registry.Register(f)
	opts.Journal = openJournal(t, dir)
	if _, err := Run(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	opts.Journal.Close()
	if len(f.found) != 3 || f.found[0] != "" || f.found[1] != "x" || f.found[2] != "" {
		t.Errorf("found %q", f.found)
	}
	events, err := ReadJournal(dir, "r1")
	if err != nil {
		t.Fatal(err)
	}
	s := Summarize(events)
	if !maps.Equal(s.Notes["a"], map[string]string{"key": "xx"}) || !maps.Equal(s.Notes["b"], map[string]string{"key": "x"}) {
		t.Errorf("the journal has %v", s.Notes)
	}
	opts.Journal, opts.Earlier = nil, s.Earlier()
	again := newRunner(opts)
	if value, ok := again.notesOf(opts.Plan.Phases[0]).Noted("key"); !ok || value != "xx" {
		t.Errorf("the next process has %q", value)
	}
}
