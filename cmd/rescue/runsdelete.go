package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rescuecue/rescue/interp/run"
)

func (f *runsFlags) delete(talk io.Writer, ids []string) error {
	var errs []error
	for _, id := range ids {
		if err := f.deleteOne(id); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(talk, "deleted run %s\n", id)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return failed(errors.Join(errs...))
}

func (f *runsFlags) deleteOne(id string) error {
	if _, err := f.find(id); err != nil {
		return err
	}
	journal, err := run.ReopenJournal(f.journals(), id)
	switch {
	case errors.Is(err, run.ErrRunning):
		return failed(fmt.Errorf("run %s is running: stop it first, with an interrupt to its process", id))
	case err == nil:
		defer journal.Close() // it is gone
		if err := f.mayDelete(journal, id); err != nil {
			return err
		}
	case !f.force:
		return failed(fmt.Errorf("%w (--force deletes it all the same)", err))
	}
	return cannot(errors.Join(os.RemoveAll(blueprintDir(f.journals(), id)), os.Remove(run.JournalPath(f.journals(), id))))
}

// mayDelete refuses what somebody may still need. The journal is open: nobody goes on
// with the run meanwhile.
func (f *runsFlags) mayDelete(journal *run.Journal, id string) error {
	events, err := journal.Events()
	if err != nil {
		return cannot(err)
	}
	s := run.Summarize(events)
	switch {
	case f.force:
		return nil
	case s.State == run.Running:
		return failed(fmt.Errorf("run %s was killed: go on with it by `rescue resume`, or delete it with --force; then `rescue gc` no longer knows that it is over", id))
	case len(s.Artifacts) > 0:
		return failed(fmt.Errorf("run %s has artifacts, and nothing else may say where they are: delete what they name first, or use --force", id))
	}
	return nil
}
