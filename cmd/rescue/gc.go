package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/funcs/leftovers"
)

func gcCommand(streams cli.Streams) *cobra.Command {
	var f gcFlags
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Show and remove what runs that died have left behind",
		Long: `Show what runs that are over have left behind: objects of the cluster with the label
rescue.dev/run, and with --aws temporary databases with that tag. With --yes it is
removed. Results of runs, such as snapshots, backups and restored volumes, carry no
such label, and are never touched.

A run is over if no process has its journal open. What belongs to runs whose
journal is not on this machine may be in use elsewhere: it is shown, and removed
only if --run names the run, or if it is older than --older-than.`,
		Example: `  rescue gc
  rescue gc --yes
  rescue gc --namespace shop --older-than 24h --yes
  rescue gc --aws --region eu-central-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			streams.Stderr = newTalk(streams.Stderr)
			return f.collect(ctx, streams)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

type gcFlags struct {
	sessionFlags
	namespaces []string
	runs       []string
	olderThan  time.Duration
	yes        bool
	output     string

	aws     bool
	profile string
	regions []string
}

func (f *gcFlags) register(fs *pflag.FlagSet) {
	f.registerPlace(fs)
	fs.StringArrayVarP(&f.namespaces, "namespace", "n", nil, "look in the namespace `NAME` only; may be repeated (default: all)")
	fs.StringArrayVar(&f.runs, "run", nil, "show and remove only what belongs to the run `ID`; may be repeated")
	fs.DurationVar(&f.olderThan, "older-than", 0, "remove what belongs to runs without a journal on this machine, too, if it is older than `DURATION`: longer than your longest run")
	fs.BoolVar(&f.yes, "yes", false, "remove what is shown, but for what may be in use elsewhere")
	fs.BoolVar(&f.aws, "aws", false, "look in AWS, too, with the credentials of --profile, or else of the environment, the service account or the instance")
	fs.StringVar(&f.profile, "profile", "", "a Profile with credentials of AWS, `[NAMESPACE/]NAME` of the cluster or a file; implies --aws")
	fs.StringArrayVar(&f.regions, "region", nil, "look in this `REGION` of AWS; may be repeated; implies --aws (default: the profile's, or the environment's)")
	fs.StringVarP(&f.output, "output", "o", "text", "`FORMAT` of the result: text or json")
}

func (f *gcFlags) check() error {
	if f.output != "text" && f.output != "json" {
		return usage("--output: expected text or json, found %q", f.output)
	}
	if f.olderThan < 0 {
		return usage("--older-than: a duration cannot be negative")
	}
	f.aws = f.aws || f.profile != "" || len(f.regions) > 0
	return nil
}

func (f *gcFlags) collect(ctx context.Context, streams cli.Streams) error {
	place, err := f.open(ctx, streams.Stderr)
	if err != nil {
		return err
	}
	g := &collection{gcFlags: f, place: place, streams: streams}
	err = g.run(ctx)
	return cmp.Or(err, cannot(place.close(context.WithoutCancel(ctx))))
}

// A collection is one call of `rescue gc`.
type collection struct {
	*gcFlags
	place   *session
	streams cli.Streams

	items  []*gcItem
	unseen []leftovers.Unseen
	// busy counts what belongs to runs that are going on.
	busy int
}

// run looks at the things first and at the journals of their runs afterwards: a run's
// journal is there before anything that it makes.
func (g *collection) run(ctx context.Context) error {
	if err := g.find(ctx); err != nil {
		return err
	}
	if err := g.judge(); err != nil {
		return err
	}
	var failed bool
	if g.yes {
		failed = g.remove(ctx)
	}
	if err := g.report(); err != nil {
		return cannot(err)
	}
	switch {
	case ctx.Err() != nil:
		return cannot(context.Cause(ctx))
	case failed:
		return cannot(errors.New("not all could be removed"))
	case len(g.unseen) > 0:
		return cannot(errors.New("not all places could be looked at"))
	}
	return nil
}

// A finder looks for leftovers in one place.
type finder interface {
	Find(context.Context) ([]leftovers.Leftover, []leftovers.Unseen)
}

func (g *collection) find(ctx context.Context) error {
	finders := []finder{leftovers.Cluster{Dynamic: g.place.env.Dynamic, Namespaces: g.namespaces}}
	if g.aws {
		more, err := g.awsFinders(ctx)
		if err != nil {
			return err
		}
		finders = append(finders, more...)
	}
	var found []leftovers.Leftover
	for _, f := range finders {
		here, unseen := f.Find(ctx)
		found = append(found, here...)
		g.unseen = append(g.unseen, unseen...)
	}
	leftovers.Sort(found)
	for _, l := range found {
		if len(g.runs) == 0 || slices.Contains(g.runs, l.Run) {
			g.items = append(g.items, &gcItem{Leftover: l, Outcome: outcomeFound})
		}
	}
	return ctx.Err()
}

// judge drops what belongs to runs that are going on, and says of the rest whether it
// may be removed.
func (g *collection) judge() error {
	states := map[string]runState{}
	for _, item := range g.items {
		if _, known := states[item.Run]; known {
			continue
		}
		state, err := stateOf(g.journals(), item.Run)
		if err != nil {
			return cannot(err)
		}
		if state == runGoingOn && slices.Contains(g.runs, item.Run) {
			return failed(fmt.Errorf("run %s is going on: stop it first, with an interrupt to its process; it then cleans up by itself", item.Run))
		}
		states[item.Run] = state
	}
	g.items = slices.DeleteFunc(g.items, func(item *gcItem) bool {
		item.RunState = states[item.Run]
		if item.RunState == runGoingOn {
			g.busy++
		}
		return item.RunState == runGoingOn
	})
	now := g.place.env.Clock()
	for _, item := range g.items {
		item.age = now.Sub(item.Created)
		item.removable = item.RunState != runUnknown || slices.Contains(g.runs, item.Run) || g.isOld(item)
	}
	return nil
}

// isOld tells whether a thing of a run that is not known here is too old to be in use.
// AWS says when an instance was made only after it was made.
func (g *collection) isOld(item *gcItem) bool {
	return g.olderThan > 0 && !item.Created.IsZero() && item.age > g.olderThan
}
