package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/cmd/internal/telemetry"
	"github.com/rescuecue/rescue/interp/run"
)

func runCommand(streams cli.Streams) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run ACTION -b FILE",
		Short: "Run an action of a blueprint",
		Long: `Run an action of a blueprint, CUE or legacy YAML, on a cluster or on the embedded
local runtime.

The blueprint is checked first. Progress and the output of commands go to
standard error, the result to standard output. An interrupt stops the running
phase, removes what it created and runs the defer phase; a second one gives up
at once.

With -f or --actionset an ActionSet says what to run: all of its actions, at the same
time, once everything is known to be in order. Its blueprints come from -b, from
the file of the ActionSet, or from the Blueprints of the cluster. -o yaml prints
the ActionSet with its status as Kanister would have filled it in.

With --from the action goes on from what an earlier run or a complete ActionSet
has done: on the same object, with the artifacts that it left, and with the same
blueprint, profile, Secrets, ConfigMaps and options, unless flags say otherwise.`,
		Example: `  rescue run backup -b blueprint.cue --statefulset shop/postgres --profile rescue/s3 -o json > backup.json
  rescue run restore -b blueprint.cue --statefulset shop/postgres --profile rescue/s3 --artifacts backup.json
  rescue run restore --from 20261122-031500-x7k2p
  rescue run -f actionset.yaml -o yaml
  rescue run --actionset kanister/backup-m4n5p`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cli.CompleteAction("blueprint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd.Flags(), args); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return f.run(ctx, streams, args)
		},
	}
	f.register(cmd.Flags())
	complete := completeRuns(func(r listedRun) bool { return r.State == run.Complete })
	if err := cmd.RegisterFlagCompletionFunc("from", complete); err != nil {
		// Only a flag that does not exist is refused, and it was made a line above.
		panic(err)
	}
	return cmd
}

// interruptible returns a context that ends with the first signal; the next one
// ends the program as usual.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(fmt.Errorf("received %s", s))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// A call is one call of `rescue run`.
type call struct {
	*runFlags
	streams cli.Streams
	// place is where actions run, once something of it is needed.
	place *session
	// stdin is what -b - has read.
	stdin []byte
	// secretValues are those of the secret options.
	secretValues []string
	// vetted are the blueprints that have been checked.
	vetted map[string]bool
	// texts are those of the cluster's Blueprints that were read, by NAMESPACE/NAME.
	texts map[string][]byte
	// eventLines are for --events.
	eventLines eventLines
	// tracer sends traces; nil if nobody asked for them.
	tracer *telemetry.Tracer
}

func (f *runFlags) run(ctx context.Context, streams cli.Streams, args []string) error {
	return newCall(f, streams).do(ctx, func(c *call) error { return c.run(ctx, args) })
}

func newCall(f *runFlags, streams cli.Streams) *call {
	streams.Stderr = newTalk(streams.Stderr)
	return &call{
		runFlags: f, streams: streams, vetted: map[string]bool{}, texts: map[string][]byte{}, eventLines: eventLines{w: streams.Stdout},
	}
}

// do does something, and then leaves the place where actions run.
func (c *call) do(ctx context.Context, what func(*call) error) error {
	c.startTracing(ctx)
	err := what(c)
	c.endTracing(ctx)
	if c.place == nil {
		return err
	}
	if closeErr := c.place.close(context.WithoutCancel(ctx)); closeErr != nil {
		fmt.Fprintf(c.streams.Stderr, "rescue: %v\n", closeErr)
		err = cmp.Or(err, cannot(closeErr))
	}
	return err
}

// run finds out what to run, then where the blueprints are, then what these need. What
// stands in files is read and checked before there is a connection to anything.
func (c *call) run(ctx context.Context, args []string) error {
	req, err := c.request(ctx, args)
	if err != nil {
		return err
	}
	tasks, err := c.tasks(ctx, req)
	if err == nil {
		err = c.prepare(ctx, tasks)
	}
	if err != nil {
		return c.refuseSet(req, tasks, err)
	}
	if c.dryRun {
		return c.showPlans(ctx, tasks)
	}
	return c.runAll(ctx, req, tasks)
}

// session connects to the place where actions run, when something first needs it.
func (c *call) session(ctx context.Context) (*session, error) {
	if c.place == nil {
		s, err := c.sessionFlags.open(ctx, c.streams.Stderr)
		if err != nil {
			return nil, err
		}
		c.place = s
	}
	return c.place, nil
}
