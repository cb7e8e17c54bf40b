package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/cli"
)

// loadBlueprint reads the blueprint that the run goes on with: as it was when the run
// began. If it has changed since, the user says which.
func (r *resumption) loadBlueprint(ctx context.Context, in *interrupted) error {
	was := in.was.Source
	if r.flags.blueprint == blueprintRecorded && was == nil {
		return usage("the journal of run %s is of an older version and has no blueprint: --blueprint current goes on with %s as it is now", in.id, in.asked.BlueprintFile)
	}
	if r.flags.blueprint == blueprintRecorded || was != nil && in.asked.BlueprintFile == "-" {
		return r.loadRecorded(ctx, in)
	}
	if err := r.loadCurrent(ctx, in); err != nil {
		if r.flags.blueprint == blueprintCurrent || was == nil {
			return err
		}
		// Why it cannot be read matters less than that the recorded one can.
		return usage("the blueprint of run %s can no longer be read from %s: %w\n--blueprint recorded goes on with it as it was", in.id, in.asked.BlueprintFile, withoutCode(err))
	}
	now := in.task.opts.Source
	switch {
	case was != nil && was.Digest == now.Digest:
		return nil
	case r.flags.blueprint == blueprintCurrent:
		in.changed = true
		return nil
	case was == nil:
		return usage("the journal of run %s is of an older version and does not tell whether %s has changed since: if not, say --blueprint current", in.id, in.asked.BlueprintFile)
	}
	return usage("the blueprint %s has changed since run %s began (%s): --blueprint recorded goes on with it as it was, --blueprint current as it is now",
		in.asked.BlueprintFile, in.id, strings.Join(changedFiles(was, now), ", "))
}

// withoutCode is an error without the exit code that it would have by itself.
func withoutCode(err error) error {
	if exit := (*cli.ExitError)(nil); errors.As(err, &exit) && exit.Err != nil {
		return exit.Err
	}
	return err
}

// loadCurrent reads the blueprint from where it was.
func (r *resumption) loadCurrent(ctx context.Context, in *interrupted) (err error) {
	req := &request{blueprint: in.asked.BlueprintFile}
	t := in.task
	if t.blueprint, t.found, err = r.blueprintOf(ctx, req, t.spec); err != nil {
		return err
	}
	t.opts.Source, err = r.sourceOf(t.blueprint, t.found)
	return cannot(err)
}

// loadRecorded lays out the blueprint of the journal and reads that.
func (r *resumption) loadRecorded(ctx context.Context, in *interrupted) error {
	at, err := layOut(blueprintDir(r.journals(), in.id), in.was.Source, in.asked.BlueprintFile)
	if err != nil {
		return cannot(fmt.Errorf("the recorded blueprint of run %s: %w", in.id, err))
	}
	t := in.task
	if t.blueprint, t.found, err = r.blueprintOf(ctx, &request{blueprint: at}, t.spec); err != nil {
		return err
	}
	t.opts.Source = in.was.Source
	fmt.Fprintf(t.talk, "with the blueprint as it was when the run began: %s\n", at)
	return nil
}
