package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rescuecue/rescue/interp/run"
)

func (f *runsFlags) show(w io.Writer, id string) error {
	r, err := f.find(id)
	if err != nil {
		return err
	}
	if f.output == "json" {
		return cannot(writeJSON(w, struct {
			FormatVersion string `json:"formatVersion"`
			listedRun
		}{run.FormatVersion, r}))
	}
	return cannot(showRun(w, r))
}

func showRun(w io.Writer, r listedRun) error {
	what := strings.TrimSpace(r.Action + " of " + r.Blueprint)
	if r.Object != "" {
		what += " on " + r.Object
	}
	fmt.Fprintf(w, "run %s: %s\n%s, begun %s\n", r.Run, r.State, what, r.Started.Local().Format(time.DateTime))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range r.Phases {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", shortName(p.Name), p.Func, phaseState(r, p), tookOf(p), p.Error)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := writeArtifacts(w, r.Artifacts); err != nil {
		return err
	}
	for _, message := range r.Errors {
		fmt.Fprintf(w, "error: %s\n", message)
	}
	if r.resumable() {
		fmt.Fprintf(w, "go on with it: rescue resume %s\n", r.Run)
	}
	return nil
}

// tookOf is how long a phase took that has ended, from its first start on.
func tookOf(p run.PhaseRecord) string {
	if p.Ended == nil {
		return ""
	}
	return p.Ended.Sub(p.Started).Round(10 * time.Millisecond).String()
}

// phaseState says of a phase whose end nobody saw that it was in flight.
func phaseState(r listedRun, p run.PhaseRecord) string {
	switch {
	case p.State == run.Running && r.State != stateRunning:
		return "in flight"
	case p.Decided && p.State == run.Complete:
		return "taken as done"
	}
	return string(p.State)
}
