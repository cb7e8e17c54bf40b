package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/rescuecue/rescue/interp/vet"
)

// clearScreen empties a terminal and what it can scroll back to.
const clearScreen = "\x1b[H\x1b[2J\x1b[3J"

// watchAll reports on the paths, and again whenever a file there changes, until the
// context or a signal ends it. What has not changed is not checked again.
func (f *vetFlags) watchAll(ctx context.Context, s Streams, paths []string) error {
	if slices.Contains(paths, "-") {
		return usage("--watch: standard input is no file that changes")
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	watch, err := newFileWatch(paths)
	if err != nil {
		return cannot(err)
	}
	defer watch.close()
	checker := &vet.Checker{}
	for {
		if err := f.showAgain(s, f.look(s, checker, paths)); err != nil {
			return cannot(err)
		}
		if err := watch.wait(ctx); err != nil {
			return cannot(err)
		}
		if ctx.Err() != nil {
			return nil // That is how a watch ends.
		}
	}
}

// look checks what has changed since the checker's last time.
func (f *vetFlags) look(s Streams, checker *vet.Checker, paths []string) vetResult {
	collector := &vet.Collector{OnlyBlueprints: f.onlyBlueprints, Config: f.config}
	units, findings, unreadable := collector.Collect(paths)
	found, broken := checker.CheckAll(units)
	return f.result(s, units, append(findings, found...), errors.Join(unreadable, broken))
}

// showAgain writes the report in place of the one before.
func (f *vetFlags) showAgain(s Streams, r vetResult) error {
	if colored(s.Stdout) {
		fmt.Fprint(s.Stdout, clearScreen)
	}
	if err := f.report(s, r); err != nil {
		return err
	}
	if r.err != nil {
		fmt.Fprintf(s.Stderr, "rescue: %v\n", r.err)
	}
	_, err := fmt.Fprintln(s.Stderr, "watching; end it with Ctrl-C")
	return err
}
