package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/rescuecue/rescue/interp/run"
)

// runAll runs the actions, at the same time as Kanister does: nothing in an ActionSet
// says which to wait for. One that fails leaves the others alone.
func (c *call) runAll(ctx context.Context, req *request, tasks []*task) error {
	for _, t := range tasks {
		if t.opts.Journal != nil {
			continue // A resumed run: it is open since the run was looked at.
		}
		journal, err := run.OpenJournal(c.journals(), t.opts.ID)
		if err != nil {
			return cannot(err)
		}
		defer journal.Close()
		t.opts.Journal = journal
	}
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("the run's timeout of %s has passed", c.timeout))
		defer cancel()
	}
	var wg sync.WaitGroup
	for _, t := range tasks {
		wg.Go(func() { t.result, t.err = run.Run(ctx, t.opts) })
	}
	wg.Wait()
	metricsErr := c.writeMetrics(tasks)
	if err := c.writeResults(req, tasks); err != nil {
		return cannot(err)
	}
	var errs []error
	for _, t := range tasks {
		errs = append(errs, t.named(t.err))
	}
	if err := errors.Join(errs...); err != nil || metricsErr == nil {
		return failed(errors.Join(err, metricsErr))
	}
	return cannot(metricsErr)
}

// announce tells of each phase as it starts and ends.
func announce(w io.Writer) func(run.Event) {
	return func(e run.Event) {
		at := e.Time.Format("15:04:05")
		switch e.Kind {
		case run.RunStarted:
			fmt.Fprintf(w, "%s run %s\n", at, e.Run)
		case run.RunResumed:
			fmt.Fprintf(w, "%s run %s goes on\n", at, e.Run)
		case run.PhaseStarted:
			fmt.Fprintf(w, "%s %s: %s\n", at, phaseName(e), e.Func)
		case run.PhaseFinished:
			fmt.Fprintf(w, "%s %s: %s\n", at, phaseName(e), e.State)
		}
	}
}

// phaseName takes the brackets off the name that the journal gives the defer phase.
func phaseName(e run.Event) string { return strings.Trim(e.Phase, "()") }
