package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
	"github.com/rescuecue/rescue/interp/vet"
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
at once.`,
		Example: `  rescue run backup -b blueprint.cue --statefulset shop/postgres --profile rescue/s3 -o json > backup.json
  rescue run restore -b blueprint.cue --statefulset shop/postgres --profile rescue/s3 --artifacts backup.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return f.run(ctx, streams, args)
		},
	}
	f.register(cmd.Flags())
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

// check refuses flags that contradict each other or themselves.
func (f *runFlags) check(cmd *cobra.Command, args []string) error {
	switch {
	case f.output != "text" && f.output != "json":
		return usage("--output: expected text or json, found %q", f.output)
	case f.parallel < 0:
		return usage("--parallel: expected 0 or more, found %d", f.parallel)
	case f.artifacts != "" && f.from != "":
		return usage("--artifacts and --from both say where artifacts come from: give one")
	case f.blueprint == "":
		return usage("which blueprint? give it with -b FILE")
	case f.actionSet == "" && len(args) == 0:
		return usage("which action? for example: rescue run backup -b %s", f.blueprint)
	case f.actionSet == "":
		if _, err := f.spec(args[0]); err != nil {
			return usage("%w", err)
		}
		return nil
	case len(args) > 0:
		return usage("the ActionSet says which action to run: leave out %q", args[0])
	}
	for _, name := range []string{
		"statefulset", "deployment", "deploymentconfig", "pvc", "namespace", "object", "secret", "config-map", "option", "artifacts", "from",
	} {
		if cmd.Flags().Changed(name) {
			return usage("the ActionSet says that: leave out --%s", name)
		}
	}
	return nil
}

func (f *runFlags) run(ctx context.Context, streams cli.Streams, args []string) error {
	b, err := f.load(streams)
	if err != nil {
		return err
	}
	spec, err := f.request(args, b.Name())
	if err != nil {
		return err
	}
	s, err := f.session.open(ctx, streams.Stderr)
	if err != nil {
		return err
	}
	err = f.runIn(ctx, streams, s, b, spec)
	if closeErr := s.close(context.WithoutCancel(ctx)); closeErr != nil {
		fmt.Fprintf(streams.Stderr, "rescue: %v\n", closeErr)
		err = cmp.Or(err, cannot(closeErr))
	}
	return err
}

// request says what to run, by flags or by an ActionSet.
func (f *runFlags) request(args []string, blueprint string) (compat.ActionSpec, error) {
	if f.actionSet != "" {
		spec, err := actionOf(f.actionSet)
		if err == nil && spec.Blueprint != "" && spec.Blueprint != blueprint {
			err = failed(fmt.Errorf("%s: the ActionSet is for the blueprint %q, and %s is %q", f.actionSet, spec.Blueprint, f.blueprint, blueprint))
		}
		return spec, err
	}
	spec, err := f.spec(args[0])
	if err != nil {
		return spec, usage("%w", err)
	}
	spec.Artifacts, err = artifactsIn(f, f.session.journals())
	return spec, cannot(err)
}

// actionOf reads an ActionSet with a single action.
func actionOf(path string) (compat.ActionSpec, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return compat.ActionSpec{}, cannot(err)
	}
	docs, err := compat.Parse(path, src)
	if err != nil {
		return compat.ActionSpec{}, failed(err)
	}
	if len(docs) != 1 || docs[0].Kind != compat.KindActionSet {
		return compat.ActionSpec{}, failed(fmt.Errorf("%s: expected one ActionSet", path))
	}
	set, err := compat.ReadActionSet(docs[0])
	if err != nil {
		return compat.ActionSpec{}, failed(err)
	}
	if set.Spec == nil || len(set.Spec.Actions) != 1 {
		return compat.ActionSpec{}, failed(fmt.Errorf("%s: this version of rescue runs ActionSets with one action", path))
	}
	return withJob(set.Spec.Actions[0], set.Metadata.Labels), nil
}

// withJob hands the ActionSet's label of its job on to the pods, by which people find
// them. Where the action asks for another, that one stays.
func withJob(spec compat.ActionSpec, labels map[string]string) compat.ActionSpec {
	if id := labels[compat.JobLabel]; id != "" && spec.PodLabels[compat.JobLabel] == "" {
		spec.PodLabels = maps.Clone(spec.PodLabels)
		if spec.PodLabels == nil {
			spec.PodLabels = map[string]string{}
		}
		spec.PodLabels[compat.JobLabel] = id
	}
	return spec
}

// load checks the blueprint, and reads it.
func (f *runFlags) load(streams cli.Streams) (*interp.Blueprint, error) {
	var stdin []byte
	if f.blueprint == "-" {
		var err error
		if stdin, err = io.ReadAll(streams.Stdin); err != nil {
			return nil, cannot(err)
		}
	}
	if !f.noVet {
		if err := vetBlueprint(streams, f.blueprint, stdin); err != nil {
			return nil, err
		}
	}
	b, err := interp.Load(f.blueprint, bytes.NewReader(stdin))
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return nil, cannot(err)
	}
	return b, failed(err)
}

// vetBlueprint shows what vet says of the blueprint, and fails if there are errors.
func vetBlueprint(streams cli.Streams, path string, stdin []byte) error {
	path, _ = interp.SplitField(path)
	collector := &vet.Collector{Stdin: bytes.NewReader(stdin)}
	units, findings, unreadable := collector.Collect([]string{path})
	if unreadable != nil {
		return cannot(unreadable)
	}
	found, broken := vet.CheckAll(units)
	if broken != nil {
		return cannot(broken)
	}
	findings = append(findings, found...)
	errs, _ := vet.Count(findings)
	if errs == 0 {
		return nil
	}
	vet.Sort(findings)
	if err := vet.WriteText(streams.Stderr, findings, vet.TextOptions{}); err != nil {
		return cannot(err)
	}
	return failed(fmt.Errorf("nothing was run: the blueprint has mistakes, %d in all (--no-vet runs it all the same)", errs))
}

// runIn plans the action, and runs it unless this is a dry run.
func (f *runFlags) runIn(ctx context.Context, streams cli.Streams, s *session, b *interp.Blueprint, spec compat.ActionSpec) error {
	params, err := f.params(ctx, s, spec)
	if err != nil {
		return cannot(err)
	}
	plan, err := b.Plan(spec.Name, params)
	if errors.Is(err, interp.ErrNoAction) || errors.Is(err, interp.ErrNoObject) {
		return usage("%w", err)
	}
	if err != nil {
		return failed(err)
	}
	request, err := f.requestJSON(spec)
	if err != nil {
		return failed(err)
	}
	opts := run.Options{
		ID: run.NewID(s.env.Clock()), Plan: plan, Params: params, Registry: funcs.Builtin(), Env: s.env,
		Render: compat.Engine{}.Render, Objects: kube.Objects{Kube: s.env.Kube},
		Parallel: f.parallel, Request: request, OnEvent: announce(streams.Stderr),
	}
	if f.dryRun {
		if err := run.Check(opts); err != nil {
			return failed(err)
		}
		return writePlan(streams.Stdout, f.output, plan)
	}
	return f.runPlan(ctx, streams, opts)
}

// runPlan runs what is planned, with a journal, and prints what came of it.
func (f *runFlags) runPlan(ctx context.Context, streams cli.Streams, opts run.Options) error {
	journal, err := run.OpenJournal(f.session.journals(), opts.ID)
	if err != nil {
		return cannot(err)
	}
	defer journal.Close()
	opts.Journal = journal
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.timeout, fmt.Errorf("the run's timeout of %s has passed", f.timeout))
		defer cancel()
	}
	result, err := run.Run(ctx, opts)
	if werr := writeResult(streams.Stdout, f.output, result); werr != nil {
		return cannot(werr)
	}
	return failed(err)
}

// params gathers what the blueprint may read.
func (f *runFlags) params(ctx context.Context, s *session, spec compat.ActionSpec) (*compat.Params, error) {
	g := kube.Gatherer{Kube: s.env.Kube, Dynamic: s.env.Dynamic}
	params, err := g.Gather(ctx, kube.Wanted{Target: target(spec.Object), Secrets: names(spec.Secrets), ConfigMaps: names(spec.ConfigMaps)})
	if err != nil {
		return nil, err
	}
	params.ArtifactsIn, params.Options = spec.Artifacts, spec.Options
	params.PodOverride, params.PodLabels, params.PodAnnotations = spec.PodOverride, spec.PodLabels, spec.PodAnnotations
	params.Time = s.env.Clock().UTC().Format(time.RFC3339Nano)
	params.Profile = s.profile
	if params.RepositoryServer, err = f.repositoryServer(ctx, s.env, spec.RepositoryServer); err != nil {
		return nil, err
	}
	switch {
	case f.profile != "":
		params.Profile, err = profileOf(ctx, s.env, f.profile)
	case spec.Profile != nil:
		params.Profile, err = profileOfCluster(ctx, s.env, spec.Profile.Namespace, spec.Profile.Name)
	}
	return params, err
}

func target(ref compat.ObjectReference) kube.Target {
	return kube.Target{Kind: ref.Kind, Group: ref.Group, Version: ref.APIVersion, Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name}
}

func names(refs map[string]compat.ObjectReference) map[string]compat.NamespacedName {
	out := map[string]compat.NamespacedName{}
	for key, ref := range refs {
		out[key] = compat.NamespacedName{Name: ref.Name, Namespace: ref.Namespace}
	}
	return out
}

// requestJSON is what the journal keeps of how the run was asked for.
func (f *runFlags) requestJSON(spec compat.ActionSpec) (json.RawMessage, error) {
	return json.Marshal(struct {
		BlueprintFile    string            `json:"blueprintFile"`
		Profile          string            `json:"profile,omitempty"`
		RepositoryServer string            `json:"repositoryServer,omitempty"`
		Session          sessionFlags      `json:"session"`
		Action           compat.ActionSpec `json:"action"`
	}{f.blueprint, f.profile, f.server, f.session, spec})
}

// announce tells of each phase as it starts and ends.
func announce(w io.Writer) func(run.Event) {
	return func(e run.Event) {
		at := e.Time.Format("15:04:05")
		switch e.Kind {
		case run.RunStarted:
			fmt.Fprintf(w, "%s run %s\n", at, e.Run)
		case run.PhaseStarted:
			fmt.Fprintf(w, "%s %s: %s\n", at, phaseName(e), e.Func)
		case run.PhaseFinished:
			fmt.Fprintf(w, "%s %s: %s\n", at, phaseName(e), e.State)
		}
	}
}

// phaseName takes the brackets off the name that the journal gives the defer phase.
func phaseName(e run.Event) string { return strings.Trim(e.Phase, "()") }
