package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
)

// A task is one action that is to run. Each has a run of its own, with its journal, so
// that it can be resumed, restored from and cleaned up after by itself.
type task struct {
	spec      compat.ActionSpec
	blueprint *interp.Blueprint
	// found is where the blueprint is.
	found string
	// title tells the actions of an ActionSet apart; it is empty if there is just one.
	title string
	// talk is standard error, with the title before each line.
	talk io.Writer

	opts   run.Options
	result *run.Result
	err    error
}

// tasks finds the blueprints of all actions.
func (c *call) tasks(ctx context.Context, req *request) ([]*task, error) {
	var tasks []*task
	lines := &sync.Mutex{}
	for _, spec := range req.actions {
		t := &task{spec: spec, talk: c.streams.Stderr}
		if len(req.actions) > 1 {
			t.title = strings.TrimSpace(spec.Name + " " + objectName(spec.Object))
			t.talk = &titled{mu: lines, w: c.streams.Stderr, title: "[" + t.title + "] "}
		}
		fallback, err := spec.FunctionVersion()
		if err != nil {
			return nil, failed(t.named(err))
		}
		if fallback {
			fmt.Fprintf(t.talk, "no function has the version %s: v0.0.0 runs instead\n", spec.PreferredVersion)
		}
		if t.blueprint, t.found, err = c.blueprintOf(ctx, req, spec); err != nil {
			return nil, err
		}
		t.spec.Blueprint = t.blueprint.Name()
		tasks = append(tasks, t)
	}
	for _, t := range tasks {
		var err error
		if t.opts.Request, err = c.askedFor(req, t); err != nil {
			return nil, failed(err)
		}
	}
	return tasks, nil
}

func objectName(ref compat.ObjectReference) string {
	return strings.TrimPrefix(ref.Namespace+"/"+ref.Name, "/")
}

// named says of which action an error is, where there are several.
func (t *task) named(err error) error {
	if err == nil || t.title == "" {
		return err
	}
	return fmt.Errorf("%s: %w", t.title, err)
}

// prepare reads what the actions need and plans all of them. So nothing is started
// if something is wrong with one that can be known ahead.
func (c *call) prepare(ctx context.Context, tasks []*task) error {
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if err := c.plan(ctx, s, t); err != nil {
			return err
		}
	}
	if len(tasks) == 1 && !c.dryRun {
		return nil // The run checks by itself, and keeps what it finds in the journal.
	}
	var errs []error
	for _, t := range tasks {
		errs = append(errs, t.named(run.Check(t.opts)))
	}
	return failed(errors.Join(errs...))
}

func (c *call) plan(ctx context.Context, s *session, t *task) error {
	params, err := c.params(ctx, s, t.spec)
	if err != nil {
		return cannot(t.named(err))
	}
	plan, err := t.blueprint.Plan(t.spec.Name, params)
	if errors.Is(err, interp.ErrNoAction) || errors.Is(err, interp.ErrNoObject) {
		return usage("%w", t.named(err))
	}
	if err != nil {
		return failed(t.named(err))
	}
	env := *s.env
	if t.title != "" {
		env.Log = slog.New(newLineHandler(t.talk))
	}
	t.opts = run.Options{
		ID: run.NewID(env.Clock()), Plan: plan, Params: params, Registry: funcs.Builtin(), Env: &env,
		Render: compat.Engine{AllowUnsafe: c.unsafe}.Render, Objects: kube.Objects{Kube: env.Kube},
		Parallel: c.parallel, Request: t.opts.Request, OnEvent: c.onEvent(t),
	}
	return nil
}

// params gathers what the blueprint may read.
func (c *call) params(ctx context.Context, s *session, spec compat.ActionSpec) (*compat.Params, error) {
	g := kube.Gatherer{Kube: s.env.Kube, Dynamic: s.env.Dynamic}
	params, err := g.Gather(ctx, kube.Wanted{Target: target(spec.Object), Secrets: names(spec.Secrets), ConfigMaps: names(spec.ConfigMaps)})
	if err != nil {
		return nil, err
	}
	params.ArtifactsIn, params.Options = spec.Artifacts, spec.Options
	params.PodOverride, params.PodLabels, params.PodAnnotations = spec.PodOverride, spec.PodLabels, spec.PodAnnotations
	params.Time = s.env.Clock().UTC().Format(time.RFC3339Nano)
	params.Profile = s.profile
	if params.RepositoryServer, err = c.repositoryServer(ctx, s.env, spec.RepositoryServer); err != nil {
		return nil, err
	}
	switch {
	case c.profile != "":
		params.Profile, err = profileOf(ctx, s.env, c.profile)
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

// titled writes lines with a title before each. What it gets are whole lines.
type titled struct {
	mu    *sync.Mutex
	w     io.Writer
	title string
}

func (t *titled) Write(p []byte) (int, error) {
	text := strings.Builder{}
	for line := range strings.Lines(string(p)) {
		text.WriteString(t.title + line)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := io.WriteString(t.w, text.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
