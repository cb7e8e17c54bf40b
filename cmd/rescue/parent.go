package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

// runID is what the names of runs look like.
var runID = regexp.MustCompile(`^\d{8}-\d{6}-[a-z0-9]{5}$`)

// requestFrom asks for an action that goes on from what --from names: a run, a file, or
// an ActionSet of the cluster. What flags say comes first.
func (c *call) requestFrom(ctx context.Context, flags compat.ActionSpec) (*request, error) {
	req, err := c.parent(ctx, flags.Name)
	if err != nil {
		return nil, err
	}
	if c.blueprint != "" {
		req.blueprint, req.choose = c.blueprint, false
	}
	for i := range req.actions {
		req.actions[i].Override(flags)
	}
	return req, nil
}

func (c *call) parent(ctx context.Context, action string) (*request, error) {
	if isFile(c.from) {
		return c.parentFile(action)
	}
	events, err := run.ReadJournal(c.journals(), c.from)
	switch {
	case err == nil:
		return c.parentRun(action, run.Summarize(events))
	case !errors.Is(err, os.ErrNotExist):
		return nil, cannot(err)
	case runID.MatchString(c.from):
		return nil, cannot(fmt.Errorf("no run %q in %s", c.from, c.journals()))
	}
	object, err := c.resource(ctx, actionSets, c.from, "")
	if err != nil {
		return nil, cannot(fmt.Errorf("--from %s is no run in %s, no file, and no ActionSet: %w", c.from, c.journals(), err))
	}
	set, err := compat.ActionSetFromObject(object)
	if err != nil {
		return nil, failed(fmt.Errorf("ActionSet %s: %w", c.from, err))
	}
	return childOf(set, c.from, action)
}

// parentFile reads what run has printed, or an ActionSet with its status.
func (c *call) parentFile(action string) (*request, error) {
	src, err := c.read(c.from)
	if err != nil {
		return nil, cannot(err)
	}
	title := fileTitle(c.from)
	if json.Valid(src) && !isActionSet(src) {
		artifacts, err := artifactsOfJSON(title, src)
		if err == nil {
			err = unmasked(title, artifacts)
		}
		return &request{actions: []compat.ActionSpec{{Name: action, Artifacts: artifacts}}}, cannot(err)
	}
	file, err := readSetFile(title, src)
	if err != nil {
		return nil, failed(err)
	}
	req, err := childOf(file.set, title, action)
	if err == nil && file.hasBlueprints(req.actions) {
		req.blueprint = c.from
	}
	return req, err
}

func childOf(set *compat.ActionSet, name, action string) (*request, error) {
	actions, err := set.Child(action)
	if err != nil {
		return nil, failed(fmt.Errorf("%s: %w", name, err))
	}
	return &request{actions: actions, choose: true, namespace: set.Metadata.Namespace}, nil
}

// parentRun goes on from a run of the journal, in the place where that was.
func (c *call) parentRun(action string, s run.Summary) (*request, error) {
	if s.State != run.Complete {
		return nil, failed(fmt.Errorf("run %s is %s: only a complete one has artifacts", c.from, s.State))
	}
	var was asked
	if err := json.Unmarshal(s.Request, &was); err != nil {
		return nil, failed(fmt.Errorf("run %s: its journal does not say how it was asked for: %w", c.from, err))
	}
	spec := was.Action.Child(action, s.Artifacts)
	if err := c.checkMasked(spec); err != nil {
		return nil, err
	}
	c.goOnWhere(was.Session)
	if c.profile == "" {
		c.profile = was.Profile
	}
	if c.profile == "-" && !c.given("profile") {
		return nil, profileIsGone(c.from)
	}
	if c.server == "" {
		c.server = was.RepositoryServer
	}
	if was.BlueprintFile == "-" && c.blueprint == "" {
		return nil, usage("run %s read its blueprint from standard input: give it again with -b", c.from)
	}
	return &request{actions: []compat.ActionSpec{spec}, blueprint: was.BlueprintFile}, nil
}

// profileIsGone says that a run's profile cannot be read once more.
func profileIsGone(id string) error {
	return usage("run %s read its profile from standard input: give it again with --profile", id)
}

// checkMasked refuses options that the journal does not keep because they hold a secret.
func (c *call) checkMasked(spec compat.ActionSpec) error {
	for key, value := range spec.Options {
		given := slices.ContainsFunc(slices.Concat(c.options, c.secretOptions), func(o string) bool { return strings.HasPrefix(o, key+"=") })
		if isMasked(value) && !given {
			return usage("option %s of run %s holds a secret, which the journal does not keep: give it again with --secret-option", key, c.from)
		}
	}
	return nil
}

// isMasked tells whether the journal does not keep a value, because it holds a secret.
func isMasked(value string) bool { return strings.Contains(value, run.Mask) }

// goOnWhere takes the place of the parent unless flags name one.
func (c *call) goOnWhere(was sessionFlags) {
	for _, name := range []string{"runtime", "local-dir", "kubeconfig", "context"} {
		if c.given(name) {
			return
		}
	}
	c.Runtime, c.LocalDir, c.Kubeconfig, c.Context = was.Runtime, was.LocalDir, was.Kubeconfig, was.Context
	if !c.given("work-namespace") {
		c.WorkNamespace = was.WorkNamespace
	}
	if c.Runtime == "local" {
		fmt.Fprintf(c.streams.Stderr, "on the embedded cluster, like run %s\n", c.from)
	}
}

// isActionSet tells an ActionSet in JSON from the result of a run.
func isActionSet(src []byte) bool {
	var head struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(src, &head) == nil && head.Kind == compat.KindActionSet
}
