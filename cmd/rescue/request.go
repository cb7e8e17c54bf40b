package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kube"
)

// A request is what one call asks for, whether flags or an ActionSet said it.
type request struct {
	actions []compat.ActionSpec
	// blueprint says where the blueprints are, as -b does; it may be empty. choose says
	// that an action's blueprint is the one there of its name.
	blueprint string
	choose    bool
	// set is the ActionSet that was given, as its author wrote it: nil without one.
	set map[string]any
	// source is what messages and the journal call it.
	source string
	// namespace of the ActionSet, which is that of its Blueprints.
	namespace string
}

// request reads what to run.
func (c *call) request(ctx context.Context, args []string) (*request, error) {
	switch {
	case c.actionSet != "":
		return c.requestOfFile()
	case c.clusterSet != "":
		return c.requestOfCluster(ctx)
	}
	spec, err := c.spec(args[0])
	if err != nil {
		return nil, usage("%w", err)
	}
	if err := c.addSecretOptions(&spec); err != nil {
		return nil, err
	}
	if c.from != "" {
		return c.requestFrom(ctx, spec)
	}
	spec.Artifacts, err = c.givenArtifacts()
	return &request{actions: []compat.ActionSpec{spec}, blueprint: c.blueprint}, cannot(err)
}

// requestOfFile reads the one ActionSet of a file.
func (c *call) requestOfFile() (*request, error) {
	src, err := c.read(c.actionSet)
	if err != nil {
		return nil, cannot(err)
	}
	file, err := readSetFile(fileTitle(c.actionSet), src)
	if err != nil {
		return nil, failed(err)
	}
	req := requestOf(file.set)
	req.set, _ = file.doc.Root.Any().(map[string]any)
	req.source, req.blueprint = c.actionSet, c.blueprint
	if req.blueprint == "" && file.hasBlueprints(req.actions) {
		req.blueprint = c.actionSet
	}
	return req, nil
}

// requestOf takes all actions of an ActionSet.
func requestOf(set *compat.ActionSet) *request {
	req := &request{choose: true, namespace: set.Metadata.Namespace}
	for _, a := range set.Spec.Actions {
		req.actions = append(req.actions, withJob(a, set.Metadata.Labels))
	}
	return req
}

// A setFile is a file with an ActionSet.
type setFile struct {
	set *compat.ActionSet
	// doc is that of the ActionSet, all are those of the file.
	doc *compat.Document
	all []*compat.Document
}

func readSetFile(title string, src []byte) (*setFile, error) {
	docs, err := compat.Parse(title, src)
	if err != nil {
		return nil, err
	}
	f := &setFile{all: docs}
	for _, doc := range docs {
		if doc.Kind != compat.KindActionSet {
			continue
		}
		if f.doc != nil {
			return nil, fmt.Errorf("%s: several ActionSets: run them one by one", title)
		}
		f.doc = doc
	}
	if f.doc == nil {
		return nil, fmt.Errorf("%s: expected an ActionSet", title)
	}
	f.set, err = compat.ReadActionSet(f.doc)
	return f, err
}

// hasBlueprints tells whether the file has the blueprint of one of the actions.
func (f *setFile) hasBlueprints(actions []compat.ActionSpec) bool {
	for _, doc := range f.all {
		name, _ := doc.Root.Get("metadata").Get("name").Text()
		for _, a := range actions {
			if doc.Kind == compat.KindBlueprint && name == a.Blueprint {
				return true
			}
		}
	}
	return false
}

var (
	actionSets = schema.GroupVersionResource{Group: "cr.kanister.io", Version: "v1alpha1", Resource: "actionsets"}
	blueprints = schema.GroupVersionResource{Group: "cr.kanister.io", Version: "v1alpha1", Resource: "blueprints"}
)

// requestOfCluster reads an ActionSet of the cluster. It is only read: what became of
// it stands in the result, and in the journal.
func (c *call) requestOfCluster(ctx context.Context) (*request, error) {
	object, err := c.resource(ctx, actionSets, c.clusterSet, "")
	if err != nil {
		return nil, err
	}
	set, err := compat.ActionSetFromObject(object)
	if err != nil {
		return nil, failed(fmt.Errorf("ActionSet %s: %w", c.clusterSet, err))
	}
	req := requestOf(set)
	req.set, req.blueprint = object, c.blueprint
	req.source = set.Metadata.Namespace + "/" + set.Metadata.Name
	return req, nil
}

// resource reads one of Kanister's resources, [NAMESPACE/]NAME. Without a namespace it
// is the given one, or else that of the session.
func (c *call) resource(ctx context.Context, gvr schema.GroupVersionResource, ref, namespace string) (map[string]any, error) {
	s, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	ns, name := splitName(ref, cmp.Or(namespace, s.env.Namespace))
	object, err := s.env.Dynamic.Resource(gvr).Namespace(ns).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, cannot(fmt.Errorf("read %s %s/%s of the cluster: %w", gvr.Resource, ns, name, err))
	}
	object.SetManagedFields(nil)
	return object.Object, nil
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

// asked is what the journal keeps of how a run was asked for.
type asked struct {
	// ActionSet that the action is from: a file, or NAMESPACE/NAME.
	ActionSet string `json:"actionSet,omitempty"`
	// BlueprintFile is where the blueprint is, as -b takes it.
	BlueprintFile    string       `json:"blueprintFile"`
	Profile          string       `json:"profile,omitempty"`
	RepositoryServer string       `json:"repositoryServer,omitempty"`
	Session          sessionFlags `json:"session"`
	// Server is the address of the cluster.
	Server string            `json:"server,omitempty"`
	Limits limits            `json:"limits"`
	Action compat.ActionSpec `json:"action"`
}

// limits are those flags of a run that a resumed one keeps.
type limits struct {
	Parallel    int           `json:"parallel,omitempty"`
	Timeout     time.Duration `json:"timeout,omitempty"`
	AllowUnsafe bool          `json:"allowUnsafeTemplates,omitempty"`
	Pods        kube.Patience `json:"pods"`
}

// askedFor is what the journal keeps of a task. Names of objects and of files are no
// secrets, even where a Secret holds the same word, and a later process needs them.
func (c *call) askedFor(req *request, t *task) func(mask func(string) string) (json.RawMessage, error) {
	a := asked{
		ActionSet: absolute(req.source), BlueprintFile: t.found, Profile: absolute(c.profileAt(t.spec)),
		RepositoryServer: c.server, Session: c.sessionFlags.absolute(), Action: t.spec,
		Limits: limits{Parallel: c.parallel, Timeout: c.timeout, AllowUnsafe: c.unsafe, Pods: c.patience},
	}
	return func(mask func(string) string) (json.RawMessage, error) {
		masked := a
		if c.place != nil {
			masked.Server = c.place.server
		}
		masked.Action.Options = map[string]string{}
		for key, value := range a.Action.Options {
			masked.Action.Options[key] = mask(value)
		}
		masked.Action.PodOverride, _ = maskTexts(a.Action.PodOverride, mask).(map[string]any)
		return json.Marshal(masked)
	}
}

// maskTexts masks the texts in what came from YAML or JSON.
func maskTexts(v any, mask func(string) string) any {
	switch v := v.(type) {
	case string:
		return mask(v)
	case []any:
		out := make([]any, len(v))
		for i, of := range v {
			out[i] = maskTexts(of, mask)
		}
		return out
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for key, of := range v {
			out[key] = maskTexts(of, mask)
		}
		return out
	}
	return v
}
