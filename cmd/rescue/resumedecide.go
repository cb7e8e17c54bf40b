package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/rescuecue/rescue/funcs/leftovers"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
)

// decide finds out what becomes of the phases whose end nobody saw, without doing
// anything yet.
func (r *resumption) decide(in *interrupted) error {
	in.rest = in.was.Remainder()
	if in.rest.DeferHasRun && !r.flags.afterDefer {
		return usage("the defer phase of run %s has run: what it did may have undone phases that have finished. "+
			"Run the action anew, or, if you know that the rest can go on from here, say --after-defer", in.id)
	}
	if err := r.flags.choices.check(in.id, in.rest.Open); err != nil {
		return err
	}
	in.decisions = map[string]choice{}
	var undecided []run.PhaseRecord
	for _, p := range in.rest.Open {
		if in.decisions[p.Name] = r.flags.choices.of(shortName(p.Name)); in.decisions[p.Name] == "" {
			undecided = append(undecided, p)
		}
	}
	if len(undecided) == 0 {
		return nil
	}
	if !r.canAsk() {
		return usage("%s\nsay what becomes of %s with --unfinished rerun, skip or fail, or one by one with --unfinished PHASE=WHAT",
			describe(in.id, undecided), oneOrAll(undecided))
	}
	return r.ask(in, undecided)
}

func oneOrAll(open []run.PhaseRecord) string {
	if len(open) == 1 {
		return "it"
	}
	return "them"
}

// describe says a line for each phase.
func describe(id string, open []run.PhaseRecord) string {
	lines := []string{"nobody saw whether these phases of run " + id + " did their work:"}
	for _, p := range open {
		lines = append(lines, "  "+describePhase(p))
	}
	return strings.Join(lines, "\n")
}

func describePhase(p run.PhaseRecord) string {
	text := fmt.Sprintf("%s (%s), begun %s", shortName(p.Name), p.Func, p.Started.Local().Format(time.DateTime))
	switch p.State {
	case run.Running:
		text += ", was in flight"
	case run.Cancelled:
		text += ", was cancelled"
	default:
		text += ", failed: " + p.Error
	}
	return text
}

// canAsk tells whether somebody is there to answer.
func (r *resumption) canAsk() bool {
	in, ok := r.streams.Stdin.(*os.File)
	return ok && term.IsTerminal(int(in.Fd()))
}

// ask asks for each phase until there is an answer. It asks on the terminal itself: what
// goes to standard error may be on its way to a file.
func (r *resumption) ask(in *interrupted, open []run.PhaseRecord) error {
	var to io.Writer = r.streams.Stderr
	if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		defer tty.Close() // nothing is kept there
		to = tty
	}
	fmt.Fprintln(to, describe(in.id, open))
	lines := bufio.NewReader(r.streams.Stdin)
	for _, p := range open {
		answer, err := askOne(to, lines, shortName(p.Name))
		if err != nil {
			return err
		}
		in.decisions[p.Name] = answer
	}
	return nil
}

func askOne(w io.Writer, lines *bufio.Reader, phase string) (choice, error) {
	for {
		fmt.Fprintf(w, "phase %s: run it again, skip it (it has done its work), or fail the run? [rerun/skip/fail]\n", phase)
		line, err := lines.ReadString('\n')
		for _, c := range []choice{rerun, skip, fail} {
			if answer := strings.ToLower(strings.TrimSpace(line)); answer != "" && strings.HasPrefix(string(c), answer) {
				return c, nil
			}
		}
		if err != nil {
			return "", usage("no answer: nothing was done")
		}
	}
}

// takeUp makes the run ready to go on: what the dead process left is removed, and the
// journal has what was decided.
func (r *resumption) takeUp(ctx context.Context, s *session, in *interrupted) error {
	events, again, err := in.decided()
	if err != nil {
		return err
	}
	earlier := in.was.Earlier(again...)
	in.task.opts.Earlier = earlier
	if err := run.Check(in.task.opts); err != nil {
		return failed(in.task.named(err))
	}
	if err := r.removeLeftovers(ctx, s, in); err != nil {
		return err
	}
	for _, e := range events {
		e.Time, e.Run = s.env.Clock(), in.id
		if err := in.journal.Append(e); err != nil {
			return cannot(fmt.Errorf("journal of run %s: %w", in.id, err))
		}
	}
	if events, err = in.journal.Events(); err != nil {
		return cannot(err)
	}
	in.was = run.Summarize(events)
	earlier = in.was.Earlier(again...)
	earlier.Over, earlier.Source = in.rest.Over, in.changed
	in.task.opts.Earlier = earlier
	return nil
}

// decided turns the decisions into events, and names the phases to run again.
func (in *interrupted) decided() (events []run.Event, again []string, err error) {
	if in.rest.DeferHasRun {
		again = append(again, run.DeferPhase)
	}
	for _, p := range in.rest.Open {
		e := run.Event{Kind: run.PhaseFinished, Phase: p.Name, Func: p.Func, Decided: true}
		switch in.decisions[p.Name] {
		case rerun:
			again = append(again, p.Name)
			continue
		case skip:
			e.State = run.Complete
			if e.Output, err = in.skipped(p.Name); err != nil {
				return nil, nil, err
			}
		default:
			if p.State != run.Running {
				continue // It has failed, and the journal says so.
			}
			e.State, e.Error = run.Failed, "its process was killed, and it was decided not to run it again"
		}
		events = append(events, e)
	}
	return events, again, nil
}

// skipped is the output of a phase that is taken as done.
func (in *interrupted) skipped(name string) (map[string]any, error) {
	plan := in.task.opts.Plan
	phases := slices.Clone(plan.Phases)
	if plan.Defer != nil {
		phases = append(phases, plan.Defer)
	}
	i := slices.IndexFunc(phases, func(ph *interp.Phase) bool { return ph.Name == name })
	if i < 0 {
		return nil, usage("phase %s of run %s is not in the blueprint: it cannot be skipped", shortName(name), in.id)
	}
	return skippedOutput(phases[i], in.choices.outputs[shortName(name)])
}

// removeLeftovers removes what the dead process had made for its own time: a pod of it
// may still be at work.
func (r *resumption) removeLeftovers(ctx context.Context, s *session, in *interrupted) error {
	var errs []error
	for _, l := range r.leftovers(ctx, s, in) {
		if l.Run != in.id {
			continue
		}
		if err := l.Remove(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s %s/%s, which the dead process of run %s left, cannot be removed: %w", l.Kind, l.Place, l.Name, in.id, err))
			continue
		}
		fmt.Fprintf(in.task.talk, "removed %s %s/%s, which the dead process had left\n", l.Kind, l.Place, l.Name)
	}
	return cannot(errors.Join(errs...))
}

// leftovers looks in all namespaces, or where that is not allowed in those that the run
// surely works in.
func (r *resumption) leftovers(ctx context.Context, s *session, in *interrupted) []leftovers.Leftover {
	cluster := leftovers.Cluster{Dynamic: s.env.Dynamic}
	found, unseen := cluster.Find(ctx)
	if len(unseen) == 0 {
		return found
	}
	cluster.Namespaces = []string{s.env.Namespace}
	if ns := in.asked.Action.Object.Namespace; ns != "" && ns != s.env.Namespace {
		cluster.Namespaces = append(cluster.Namespaces, ns)
	}
	found, unseen = cluster.Find(ctx)
	for _, u := range unseen {
		fmt.Fprintf(in.task.talk, "what the dead process may have left is not seen: %s: %v\n", u.Where, u.Err)
	}
	return found
}
