package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

func resumeCommand(streams cli.Streams) *cobra.Command {
	var f resumeFlags
	cmd := &cobra.Command{
		Use:   "resume RUN…",
		Short: "Go on with a run that was killed, failed or was cancelled",
		Long: `Go on with a run whose process was killed, or that failed or was cancelled.

Phases that have finished are not run again: their outputs are in the run's journal,
as are the blueprint, the options and what the first process saw of the object.
Secrets and the profile are read anew.

Whether a phase that was in flight, or has failed, did its work, nobody can know.
Say what is to become of it:

  rerun  run it again: right for what does the same when it is done twice
  skip   take it as done, after you have looked: --set-output gives its outputs
  fail   go no further: run the defer phase and end as failed

On a terminal you are asked, if --unfinished does not say it. Pods, Secrets and the
like that the dead process left behind are removed first.

The actions of an ActionSet are a run each: name those that are to go on.`,
		Example: `  rescue runs
  rescue resume 20261122-031500-x7k2p
  rescue resume 20261122-031500-x7k2p --unfinished rerun
  rescue resume 20261122-031500-x7k2p --unfinished dump=skip --set-output dump.path=s3://backups/dump`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRuns(func(r listedRun) bool { return r.resumable() }),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd.Flags()); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return f.resume(ctx, streams, args)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// resumeFlags are the flags of `rescue resume`.
type resumeFlags struct {
	unfinished []string
	outputs    []string
	options    []string
	secret     []string
	blueprint  string
	profile    string
	kubeconfig string
	context    string
	stateDir   string
	output     string
	events     bool
	afterDefer bool
	parallel   int
	timeout    time.Duration
	metrics    string

	choices choices
	given   func(name string) bool
}

// What --blueprint takes.
const (
	blueprintRecorded = "recorded"
	blueprintCurrent  = "current"
)

func (f *resumeFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.unfinished, "unfinished", nil, "`WHAT` becomes of phases that were in flight or have failed: rerun, skip or fail; or PHASE=WHAT for one of them; may be repeated")
	fs.StringArrayVar(&f.outputs, "set-output", nil, "an output of a phase that is skipped, `PHASE.KEY=VALUE`; may be repeated")
	fs.StringArrayVar(&f.options, "option", nil, "give an option again that holds a secret, `KEY=VALUE`; may be repeated")
	fs.StringArrayVar(&f.secret, "secret-option", nil, "the same from elsewhere than the command line, `KEY=env:VARIABLE` or KEY=file:PATH; may be repeated")
	fs.StringVar(&f.blueprint, "blueprint", "", "`WHICH` blueprint, where it has changed since the run began: recorded, as it was, or current, as it is now")
	fs.StringVar(&f.profile, "profile", "", "another place of the profile, `[NAMESPACE/]NAME` or file, that the run was given")
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "`FILE` with the cluster's address and credentials (default: as the run was given)")
	fs.StringVar(&f.context, "context", "", "`NAME` of the kubeconfig's context (default: as the run was given)")
	fs.StringVar(&f.stateDir, "state-dir", defaultStateDir(), "`DIR` with the journals of runs")
	fs.StringVarP(&f.output, "output", "o", "text", "`FORMAT` of the result: text or json")
	fs.BoolVar(&f.events, "events", false, "with -o json: print what happens as it does, one JSON document a line, the result as the last")
	fs.BoolVar(&f.afterDefer, "after-defer", false, "go on though the defer phase has run: what it did may have undone phases that have finished")
	fs.IntVar(&f.parallel, "parallel", 0, "run at most `N` phases of an action at once (default: as the run was given)")
	fs.DurationVar(&f.timeout, "timeout", 0, "cancel the run after this `DURATION` from now (default: as the run was given)")
	fs.StringVar(&f.metrics, "metrics-file", "", "when all is done, write metrics to this `FILE` in Prometheus' text format")
	f.given = fs.Changed
}

func (f *resumeFlags) check(*pflag.FlagSet) error {
	switch {
	case !slices.Contains([]string{"text", "json"}, f.output):
		return usage("--output: expected text or json, found %q", f.output)
	case f.events && f.output != "json":
		return usage("--events is for -o json")
	case f.parallel < 0:
		return usage("--parallel: expected 0 or more, found %d", f.parallel)
	case !slices.Contains([]string{"", blueprintRecorded, blueprintCurrent}, f.blueprint):
		return usage("--blueprint: expected recorded or current, found %q", f.blueprint)
	}
	var err error
	f.choices, err = readChoices(f.unfinished, f.outputs)
	return err
}

// An interrupted run is one that is to go on. Its journal is open, so nobody else can do
// the same.
type interrupted struct {
	id      string
	journal *run.Journal
	was     run.Summary
	asked   asked
	task    *task
	choices choices
	// rest is what is left to do, and decisions what becomes of its open phases.
	rest      run.Remainder
	decisions map[string]choice
	// changed says that the blueprint is not the recorded one.
	changed bool
}

// A resumption is one call of `rescue resume`.
type resumption struct {
	*call
	flags *resumeFlags
	runs  []*interrupted
}

func (f *resumeFlags) resume(ctx context.Context, streams cli.Streams, ids []string) error {
	r := &resumption{flags: f}
	for _, id := range ids {
		in, err := openInterrupted((&sessionFlags{StateDir: f.stateDir}).journals(), id)
		if err != nil {
			return err
		}
		defer in.journal.Close() // each event in it is on disk
		in.choices = f.choices
		if slices.ContainsFunc(r.runs, func(other *interrupted) bool { return !samePlace(other.asked, in.asked) }) {
			return usage("run %s was asked for in another way than run %s: resume them one by one", id, r.runs[0].id)
		}
		r.runs = append(r.runs, in)
	}
	if f.profile == "" && r.runs[0].asked.Profile == "-" {
		return profileIsGone(ids[0])
	}
	return newCall(f.runFlags(r.runs[0].asked), streams).do(ctx, func(c *call) error {
		r.call = c
		return r.run(ctx)
	})
}

// openInterrupted takes a run for this process, and refuses one that cannot go on.
func openInterrupted(dir, id string) (*interrupted, error) {
	if err := checkRunName(id); err != nil {
		return nil, err
	}
	journal, err := run.ReopenJournal(dir, id)
	if errors.Is(err, os.ErrNotExist) {
		return nil, cannot(fmt.Errorf("no run %q in %s: `rescue runs` lists those there are", id, dir))
	}
	if err != nil {
		return nil, cannot(err)
	}
	in := &interrupted{id: id, journal: journal}
	if err := in.read(); err != nil {
		journal.Close() // the error of the run says more
		return nil, err
	}
	return in, nil
}

func (in *interrupted) read() error {
	events, err := in.journal.Events()
	if err != nil {
		return cannot(err)
	}
	in.was = run.Summarize(events)
	switch {
	case in.was.State == run.Complete:
		return usage("run %s is complete: there is nothing to go on with", in.id)
	case in.was.Processes == 0:
		return usage("run %s never started a phase: run the action anew", in.id)
	}
	if err := json.Unmarshal(in.was.Request, &in.asked); err != nil {
		return failed(fmt.Errorf("run %s: its journal does not say how it was asked for: %w", in.id, err))
	}
	return nil
}

// samePlace tells whether two runs can go on in one call.
func samePlace(a, b asked) bool {
	return reflect.DeepEqual(a.Session, b.Session) && a.Server == b.Server && a.Profile == b.Profile &&
		a.RepositoryServer == b.RepositoryServer && a.Limits == b.Limits
}

// runFlags are those that the run was given, but for what the flags of resume say. The
// objects of the embedded cluster are not applied once more: that would undo phases.
func (f *resumeFlags) runFlags(was asked) *runFlags {
	session := was.Session
	session.patience, session.Objects, session.StateDir = was.Limits.Pods, nil, f.stateDir
	if f.kubeconfig != "" {
		session.Kubeconfig, session.Context = f.kubeconfig, ""
	}
	session.Context = cmp.Or(f.context, session.Context)
	if session.Runtime == "local" && session.LocalDir == "" {
		session.LocalDir = was.Session.localDir()
	}
	flags := &runFlags{
		sessionFlags: session, profile: cmp.Or(f.profile, was.Profile), server: was.RepositoryServer,
		output: f.output, events: f.events, unsafe: was.Limits.AllowUnsafe, noVet: f.blueprint != blueprintCurrent,
		parallel: was.Limits.Parallel, timeout: was.Limits.Timeout, given: f.given,
		metricsFile: f.metrics,
	}
	if f.given("parallel") {
		flags.parallel = f.parallel
	}
	if f.given("timeout") {
		flags.timeout = f.timeout
	}
	return flags
}

// run prepares all runs before the first goes on.
func (r *resumption) run(ctx context.Context) error {
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	if err := r.checkServer(s); err != nil {
		return err
	}
	req := &request{source: r.runs[0].asked.ActionSet}
	var tasks []*task
	lines := &sync.Mutex{}
	for _, in := range r.runs {
		in.task = r.newTask(in.asked.Action, lines, len(r.runs) > 1)
		if err := r.prepareRun(ctx, s, in); err != nil {
			return err
		}
		tasks = append(tasks, in.task)
	}
	for _, in := range r.runs {
		if err := r.decide(in); err != nil {
			return err
		}
	}
	for _, in := range r.runs {
		if err := r.takeUp(ctx, s, in); err != nil {
			return err
		}
	}
	return r.runAll(ctx, req, tasks)
}

// checkServer refuses another cluster, unless the user has named one.
func (r *resumption) checkServer(s *session) error {
	was := r.runs[0].asked.Server
	if was == "" || s.server == was || r.flags.kubeconfig != "" || r.flags.context != "" {
		return nil
	}
	return usage("run %s was on the cluster at %s, and this is the one at %s: say which with --kubeconfig or --context", r.runs[0].id, was, s.server)
}

// prepareRun plans the run as its first process did.
func (r *resumption) prepareRun(ctx context.Context, s *session, in *interrupted) error {
	t := in.task
	t.inputs = in.was.Inputs
	if t.inputs == nil {
		fmt.Fprintf(t.talk, "the journal of run %s is of an older version and does not say what the run saw of the object: it is looked at anew\n", in.id)
	}
	var err error
	if t.spec.Options, err = r.options(in); err != nil {
		return err
	}
	if err := r.loadBlueprint(ctx, in); err != nil {
		return err
	}
	t.spec.Blueprint = t.blueprint.Name()
	t.opts.ID, t.opts.Journal = in.id, in.journal
	return r.plan(ctx, s, t)
}

// givenOptions are those that are given again, all of them secret.
func (r *resumption) givenOptions() (map[string]string, error) {
	given, err := keyValues("--option", r.flags.options)
	if err != nil {
		return nil, usage("%w", err)
	}
	sources := &runFlags{secretOptions: r.flags.secret}
	if err := sources.checkSecretOptions(given); err != nil {
		return nil, err
	}
	r.secretValues = slices.Collect(maps.Values(given))
	r.secretOptions = r.flags.secret
	return given, r.addSecretOptions(&compat.ActionSpec{Options: given})
}

// options are those of the run. One that holds a secret is not in the journal.
func (r *resumption) options(in *interrupted) (map[string]string, error) {
	given, err := r.givenOptions()
	if err != nil {
		return nil, err
	}
	options := in.asked.Action.Options
	for key := range given {
		if value, ok := options[key]; !ok || !isMasked(value) {
			return nil, usage("--option %s: run %s goes on with the options that it had; give only those that hold a secret", key, in.id)
		}
	}
	for key, value := range options {
		again, ok := given[key]
		if isMasked(value) && !ok {
			return nil, usage("option %s of run %s holds a secret, which the journal does not keep: give it again with --secret-option", key, in.id)
		}
		if ok {
			options[key] = again
		}
	}
	return options, nil
}
