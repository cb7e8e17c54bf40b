package funcs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/hashicorp/go-multierror"

	"github.com/rescuecue/rescue/funcs/access"
)

const (
	// maxExecs is how many commands of one phase run at once. An API server keeps a
	// connection to the node for each; all of a big cluster's would be too many.
	maxExecs = 64
	// maxNamed is how many containers a message names.
	maxNamed = 5
)

type kubeExecAllArgs struct {
	Namespace  string   `json:"namespace"`
	Pods       string   `json:"pods"`
	Containers string   `json:"containers"`
	Command    []string `json:"command"`
}

// KubeExecAll runs a command in each of the containers of each of the pods, 64 of
// them at once. All run to their end, also when one fails; every failure is reported.
// When several write the same output, the last one counts, in the order in which the
// arguments name first the pods and then the containers.
func KubeExecAll() Func {
	return fn[kubeExecAllArgs]{name: "KubeExecAll", exec: kubeExecAll, access: access.Exec(access.In(access.InWork, "namespace"))}
}

func kubeExecAll(ctx context.Context, env *Env, a kubeExecAllArgs) (Output, error) {
	targets := a.targets(env)
	if len(targets) == 0 {
		env.Log.Warn("no command was run: the arguments name no pods, or no containers", "pods", a.Pods, "containers", a.Containers)
		return Output{}, nil
	}
	env.warnOfSecret(ctx, a.Command)
	results := execIn(ctx, env, targets)
	if err := failuresOf(ctx, targets, results); err != nil {
		return nil, err
	}
	return mergeOutputs(ctx, env.Log, targets, results), nil
}

// targets lists where to run the command.
func (a kubeExecAllArgs) targets(env *Env) []ExecOptions {
	var all []ExecOptions
	for _, pod := range strings.Fields(a.Pods) {
		for _, container := range strings.Fields(a.Containers) {
			all = append(all, ExecOptions{
				Namespace: env.namespaceOr(a.Namespace),
				Pod:       pod,
				Container: container,
				Command:   a.Command,
			})
		}
	}
	return all
}

// execResult is what came of one command.
type execResult struct {
	output Output
	err    error
}

// execIn runs the commands side by side. The results are in the order of the targets.
func execIn(ctx context.Context, env *Env, targets []ExecOptions) []execResult {
	results := make([]execResult, len(targets))
	slots := make(chan struct{}, maxExecs)
	var all sync.WaitGroup
	for i, opts := range targets {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if results[i].err = ctx.Err(); results[i].err == nil {
				results[i].output, results[i].err = execInPod(ctx, env, opts)
			}
		})
	}
	all.Wait()
	return results
}

// failuresOf makes one error of all. Commands that were only stopped together with the
// phase share one.
func failuresOf(ctx context.Context, targets []ExecOptions, results []execResult) error {
	all := &multierror.Error{}
	var stopped []string
	for i, r := range results {
		switch {
		case r.err == nil:
		case ctx.Err() != nil && errors.Is(r.err, ctx.Err()):
			stopped = append(stopped, targets[i].where())
		default:
			all.Errors = append(all.Errors, r.err)
		}
	}
	failed := len(all.Errors)
	all.ErrorFormat = func(errs []error) string { return listFailures(errs, failed, len(targets)) }
	if n := len(stopped); n > 0 {
		all.Errors = append(all.Errors, fmt.Errorf("the command had not ended in %d of %d containers, and may still run there (%s): %w",
			n, len(targets), firstOf(stopped[:min(n, maxNamed)], n), ctx.Err()))
	}
	return all.ErrorOrNil()
}

// listFailures writes a failure a paragraph.
func listFailures(errs []error, failed, of int) string {
	if len(errs) == 1 && (of == 1 || failed == 0) {
		return errs[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the command failed in %d of %d containers:", failed, of)
	for _, err := range errs {
		fmt.Fprintf(&b, "\n  * %s", strings.ReplaceAll(err.Error(), "\n", "\n    "))
	}
	return b.String()
}

// mergeOutputs joins the outputs in the order of the targets.
func mergeOutputs(ctx context.Context, log *slog.Logger, targets []ExecOptions, results []execResult) Output {
	merged, from := Output{}, map[string]ExecOptions{}
	for i, r := range results {
		for key, value := range r.output {
			if before, twice := merged[key]; twice && before != value {
				log.LogAttrs(ctx, slog.LevelWarn, "two containers wrote different values of one output: the later one counts",
					slog.String("key", key), slog.String("first", from[key].where()), slog.String("later", targets[i].where()))
			}
			merged[key], from[key] = value, targets[i]
		}
	}
	return merged
}
