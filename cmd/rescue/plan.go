package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/graph"
)

// planFlags are the flags of `rescue plan`: those of `rescue run` that say what is known.
type planFlags struct {
	runFlags
	params string
	format string
}

// sharedWithRun are the flags of `rescue run` that `rescue plan` has too.
var sharedWithRun = []string{
	"blueprint", "statefulset", "deployment", "deploymentconfig", "pvc", "namespace", "object", "profile", "repository-server",
	"secret", "config-map", "option", "secret-option", "artifacts", "no-vet", "allow-unsafe-templates",
	"runtime", "local-dir", "kubeconfig", "context", "objects", "work-namespace", "service-account", "secure-pods", "tools-image", "state-dir",
}

func planCommand(streams cli.Streams) *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [ACTION] -b FILE",
		Short: "Show what an action would do, before anything runs",
		Long: `Show what an action of a blueprint would do: its phases, what each waits for and why,
their arguments, what they create, scale and delete, and the pods that they make.
Without ACTION, all actions are shown.

No cluster is needed. What is not known stands as its source in angle brackets, such as
<input.deployment.pods[0]> or <backupID of phase copyLog>; flags and --params fill in
what they say. With --runtime, --kubeconfig or --context the object, the profile and
ConfigMaps are read from the cluster. Values of Secrets are never shown.`,
		Example: `  rescue plan backup -b blueprint.cue
  rescue plan backup -b blueprint.yaml --deployment shop/cart --runtime cluster
  rescue plan -b blueprint.cue -o mermaid`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return newCall(&f.runFlags, streams).do(ctx, func(c *call) error { return f.plan(ctx, c, args) })
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *planFlags) register(fs *pflag.FlagSet) {
	all := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.runFlags.register(all)
	for _, name := range sharedWithRun {
		fs.AddFlag(all.Lookup(name))
	}
	fs.StringVar(&f.params, "params", "", "JSON `FILE` with parameters, as `rescue render` takes them, instead of the flags for objects and options; - is standard input")
	fs.StringVarP(&f.format, "output", "o", "text", "`FORMAT` of the plan: "+strings.Join(graph.FormatNames(), ", "))
	f.given = fs.Changed
}

func (f *planFlags) check(args []string) error {
	if !slices.Contains(graph.FormatNames(), f.format) {
		return usage("--output: expected one of %s, found %q", strings.Join(graph.FormatNames(), ", "), f.format)
	}
	if f.blueprint == "" {
		return usage("which blueprint? for example: rescue plan %s -b blueprint.cue", cmp.Or(strings.Join(args, ""), "backup"))
	}
	for _, name := range []string{"statefulset", "deployment", "deploymentconfig", "pvc", "namespace", "object", "secret", "config-map", "option", "artifacts"} {
		if f.params != "" && f.runFlags.given(name) {
			return usage("--params says all of that: leave out --%s", name)
		}
	}
	return f.checkStdin()
}

// plan shows the plans of the actions.
func (f *planFlags) plan(ctx context.Context, c *call, args []string) error {
	spec, err := c.spec(strings.Join(args, ""))
	if err != nil {
		return usage("%w", err)
	}
	if err := c.addSecretOptions(&spec); err != nil {
		return err
	}
	if spec.Artifacts, err = c.givenArtifacts(); err != nil {
		return cannot(err)
	}
	b, _, err := c.blueprintOf(ctx, &request{blueprint: c.blueprint}, spec)
	if err != nil {
		return err
	}
	actions := args
	if len(actions) == 0 {
		actions = b.Actions()
	}
	given, env, err := f.known(ctx, c, spec)
	if err != nil {
		return err
	}
	docs, err := c.documents(b, actions, given, env)
	if err != nil {
		return err
	}
	return cannot(graph.Formats()[f.format](c.streams.Stdout, docs))
}

// documents makes the plans of actions.
func (c *call) documents(b *interp.Blueprint, actions []string, given *compat.Params, env *funcs.Env) ([]*graph.Document, error) {
	var docs []*graph.Document
	var errs []error
	for _, action := range actions {
		doc, err := c.document(b, action, given, env)
		if errors.Is(err, interp.ErrNoAction) {
			return nil, usage("%w", err)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("action %s: %w", action, c.masked(err, given)))
			continue
		}
		docs = append(docs, doc)
	}
	return docs, failed(errors.Join(errs...))
}

// document makes the plan of an action, with what its functions do.
func (c *call) document(b *interp.Blueprint, action string, given *compat.Params, env *funcs.Env) (*graph.Document, error) {
	f, err := b.Foresee(action, given, c.secretOptionNames(), compat.Engine{AllowUnsafe: c.unsafe}.Render)
	if err != nil {
		return nil, err
	}
	doc := graph.Of(f)
	own := *env
	own.Params = f.Params
	for _, p := range doc.All() {
		for _, e := range funcs.EffectsOf(p.Func, env.Namespace, p.Args) {
			p.Effects = append(p.Effects, graph.Effect{Verb: e.Verb, Object: e.Object, Temporary: e.Temporary})
		}
		pod, err := funcs.PreviewPod(p.Func, &own, p.Args)
		switch {
		case err != nil:
			p.PodUnknown = "not known before the run: " + err.Error()
		case pod != nil:
			if p.Pod, err = asMap(pod); err != nil {
				return nil, err
			}
			delete(p.Pod.(map[string]any), "status")
		}
	}
	return doc, nil
}

// secretOptionNames are the keys of the options that are secret.
func (c *call) secretOptionNames() []string {
	var names []string
	for _, option := range c.secretOptions {
		key, _, _ := strings.Cut(option, "=")
		names = append(names, key)
	}
	return names
}

// known gathers the parameters as far as the flags, --params and the cluster say them, and
// what shapes the pods.
func (f *planFlags) known(ctx context.Context, c *call, spec compat.ActionSpec) (*compat.Params, *funcs.Env, error) {
	if f.runFlags.given("runtime") || f.runFlags.given("kubeconfig") || f.runFlags.given("context") {
		s, err := c.session(ctx)
		if err != nil {
			return nil, nil, err
		}
		params, err := c.params(ctx, s, &task{spec: spec})
		if err == nil {
			params = seen(params)
		}
		return params, s.env, cannot(err)
	}
	env := &funcs.Env{
		Namespace: cmp.Or(c.WorkNamespace, "<the work namespace>"), ServiceAccount: c.ServiceAccount, SecurePods: c.SecurePods, ToolsImage: c.ToolsImage,
	}
	params, err := f.unseen(c, spec)
	if err == nil && params.Time == "" {
		params.Time = time.Now().UTC().Format(time.RFC3339Nano)
	}
	return params, env, err
}
