package main

import (
	"cmp"
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

	// inputs are those of the run that this one goes on with; nil for a new run.
	inputs *run.Inputs

	opts   run.Options
	result *run.Result
	err    error
}

// tasks finds the blueprints of all actions. With an error, it returns those before.
func (c *call) tasks(ctx context.Context, req *request) ([]*task, error) {
	var tasks []*task
	lines := &sync.Mutex{}
	for _, spec := range req.actions {
		t := c.newTask(spec, lines, len(req.actions) > 1)
		fallback, err := spec.FunctionVersion()
		if err != nil {
			return tasks, failed(t.named(err))
		}
		if fallback {
			fmt.Fprintf(t.talk, "no function has the version %s: v0.0.0 runs instead\n", spec.PreferredVersion)
		}
		if t.blueprint, t.found, err = c.blueprintOf(ctx, req, spec); err != nil {
			return tasks, err
		}
		t.spec.Blueprint = t.blueprint.Name()
		tasks = append(tasks, t)
	}
	for _, t := range tasks {
		var err error
		t.opts.Request = c.askedFor(req, t)
		if t.opts.Source, err = c.sourceOf(t.blueprint, t.found); err != nil {
			return tasks, cannot(t.named(err))
		}
	}
	return tasks, nil
}

// newTask makes a task, with a title if it is one of several.
func (c *call) newTask(spec compat.ActionSpec, lines *sync.Mutex, several bool) *task {
	t := &task{spec: spec, talk: c.streams.Stderr}
	if several {
		t.title = strings.TrimSpace(spec.Name + " " + objectName(spec.Object))
		t.talk = &titled{mu: lines, w: c.streams.Stderr, title: "[" + t.title + "] "}
	}
	return t
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
	params, err := c.params(ctx, s, t)
	if err != nil {
		return cannot(t.named(err))
	}
	plan, err := t.blueprint.Plan(t.spec.Name, params)
	err = c.masked(err, params)
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
		ID: cmp.Or(t.opts.ID, run.NewID(env.Clock())), Plan: plan, Params: params, Registry: funcs.Builtin(), Env: &env,
		Render: compat.Engine{AllowUnsafe: c.unsafe}.Render, Objects: kube.Objects{Kube: env.Kube},
		Parallel: c.parallel, Request: t.opts.Request, Source: t.opts.Source, Secrets: c.secretValues,
		Journal: t.opts.Journal, OnEvent: c.onEvent(t),
	}
	return nil
}

// params gathers what the blueprint may read.
func (c *call) params(ctx context.Context, s *session, t *task) (*compat.Params, error) {
	spec := t.spec
	g := kube.Gatherer{Kube: s.env.Kube, Dynamic: s.env.Dynamic}
	wanted := kube.Wanted{Secrets: names(spec.Secrets), ConfigMaps: names(spec.ConfigMaps)}
	if t.inputs == nil {
		wanted.Target = target(spec.Object)
	}
	params, err := g.Gather(ctx, wanted)
	if err != nil {
		return nil, err
	}
	params.ArtifactsIn, params.Options = spec.Artifacts, spec.Options
	params.PodOverride, params.PodLabels, params.PodAnnotations = spec.PodOverride, spec.PodLabels, spec.PodAnnotations
	params.Time = s.env.Clock().UTC().Format(time.RFC3339Nano)
	if t.inputs != nil {
		t.inputs.Restore(params, c.presentObject(ctx, g, t))
	}
	params.Profile = s.profile
	if params.RepositoryServer, err = c.repositoryServer(ctx, s.env, spec.RepositoryServer); err != nil {
		return nil, err
	}
	switch at := c.profileAt(spec); {
	case at != "":
		params.Profile, err = profileOf(ctx, s.env, at, spec.Profile, c.read)
	case spec.Profile != nil:
		params.Profile, err = profileOfCluster(ctx, s.env, spec.Profile.Namespace, spec.Profile.Name)
	}
	return params, err
}

// presentObject reads the object as it is now, for what the journal does not keep of it.
// It may be gone: the run itself may have deleted it.
func (c *call) presentObject(ctx context.Context, g kube.Gatherer, t *task) map[string]any {
	if !t.inputs.Masked() {
		return nil
	}
	now, err := g.Gather(ctx, kube.Wanted{Target: target(t.spec.Object)})
	if err != nil {
		fmt.Fprintf(t.talk, "what the journal does not keep of the object is missing, because it may be secret: %v\n", err)
		return nil
	}
	return now.Object
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
