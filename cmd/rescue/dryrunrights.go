package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/interp/graph"
	"github.com/rescuecue/rescue/interp/rbac"
)

// tryRights asks the API server whether the caller has the rights that a phase needs.
func (tr *trial) tryRights(ctx context.Context, p *graph.Phase) error {
	needs, err := tr.planned(p).Needs(funcs.Builtin())
	if err != nil {
		p.NotSure = append(p.NotSure, "its rights were not checked: "+err.Error())
	}
	for _, need := range needs {
		right, unsure, err := tr.missing(ctx, need)
		if err := tr.cannotAsk(ctx, p, err); err != nil {
			return err
		}
		if unsure != "" && !slices.Contains(p.NotSure, unsure) {
			p.NotSure = append(p.NotSure, unsure)
		}
		if right != nil {
			p.MissingRights = append(p.MissingRights, *right)
			tr.errs = append(tr.errs, fmt.Errorf("phase %s (%s): the account may not %s, to %s", p.Name, p.Func, right, right.Why))
		}
	}
	return nil
}

// cannotAsk is the error of an API server that cannot be reached. One that refuses to tell
// somebody's rights is no reason to stop.
func (tr *trial) cannotAsk(ctx context.Context, p *graph.Phase, err error) error {
	if err == nil {
		return nil
	}
	if err := unanswered(ctx, "rights", err); err != nil {
		return err
	}
	if text := "its rights were not checked: " + err.Error(); !slices.Contains(p.NotSure, text) {
		p.NotSure = append(p.NotSure, text)
	}
	return nil
}

// planned is the phase as far as it tells which rights it needs.
func (tr *trial) planned(p *graph.Phase) rbac.Planned {
	unknown := map[string]bool{}
	for _, u := range p.Unknown {
		unknown[u.At] = len(u.From) > 0
	}
	return rbac.Planned{
		Function: p.Func, Args: p.Args, Objects: p.Objects, Unknown: unknown, Kind: cmp.Or(kindOf(tr.opts.Params), tr.doc.Kind),
		ClaimLocation: tr.opts.Params.Profile != nil && tr.opts.Params.Profile.Location.Claim != "",
	}
}

// kindOf is the kind of the workload that an action works on, empty if it is none.
func kindOf(params *compat.Params) string {
	switch {
	case params.StatefulSet != nil:
		return "StatefulSet"
	case params.Deployment != nil:
		return "Deployment"
	case params.DeploymentConfig != nil:
		return "DeploymentConfig"
	}
	return ""
}

// missing is what the caller lacks of a need, nil if nothing. unsure says why that is not
// known before the run.
func (tr *trial) missing(ctx context.Context, need access.Need) (right *graph.Right, unsure string, err error) {
	if need.Resource == "" {
		return nil, fmt.Sprintf("to %s, it needs %s on what only the run knows (%s)", need.Why, strings.Join(need.Verbs, "/"), need.Where.Name), nil
	}
	lacking := &graph.Right{Group: need.Group, Resource: need.Resource, Namespace: tr.namespaceOf(need.Where), Names: need.Names, Why: need.Why}
	for _, verb := range need.Verbs {
		has, err := tr.has(ctx, lacking, verb)
		if err != nil {
			return nil, "", err
		}
		if !has {
			lacking.Verbs = append(lacking.Verbs, verb)
		}
	}
	if len(lacking.Verbs) == 0 || need.Either && len(lacking.Verbs) < len(need.Verbs) {
		return nil, "", nil
	}
	if need.Where.Kind == access.Open {
		return nil, fmt.Sprintf("only the run knows the namespace (%s) in which it needs the right to %s %s, to %s: the account does not have it in all namespaces",
			need.Where.Name, strings.Join(lacking.Verbs, "/"), lacking.Resource, need.Why), nil
	}
	if names, err := tr.namesFor(ctx, lacking); err != nil || len(names) > 0 {
		return nil, fmt.Sprintf("the account may %s, but only those named %s: which of them it needs is not known before the run", lacking, strings.Join(names, ", ")), err
	}
	return lacking, "", nil
}

// has tells whether the caller may do one thing to all that a right is about.
func (tr *trial) has(ctx context.Context, right *graph.Right, verb string) (bool, error) {
	one := kube.Right{Verb: verb, Group: right.Group, Resource: right.Resource, Namespace: right.Namespace}
	if len(right.Names) == 0 || verb == "create" {
		return tr.rights.Has(ctx, one) // a right to create cannot be for a name
	}
	for _, one.Name = range right.Names {
		if has, err := tr.rights.Has(ctx, one); !has {
			return false, err
		}
	}
	return true, nil
}

// namesFor are the names of the objects for which the caller has all that is lacking for
// objects of any name; none if there are no such.
func (tr *trial) namesFor(ctx context.Context, lacking *graph.Right) ([]string, error) {
	if len(lacking.Names) > 0 || slices.Contains(lacking.Verbs, "create") {
		return nil, nil
	}
	var all []string
	for _, verb := range lacking.Verbs {
		names, err := tr.rights.Names(ctx, kube.Right{Verb: verb, Group: lacking.Group, Resource: lacking.Resource, Namespace: lacking.Namespace})
		if err != nil || len(names) == 0 {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// namespaceOf is the namespace of a place, empty for the whole cluster and for what only the
// run knows.
func (tr *trial) namespaceOf(at access.Where) string {
	switch at.Kind {
	case access.Target:
		return targetNamespace(tr.spec.Object)
	case access.Work:
		return tr.opts.Env.Namespace
	case access.Named:
		return at.Name
	}
	return ""
}

// targetNamespace is the namespace that an action works in.
func targetNamespace(object compat.ObjectReference) string {
	if strings.EqualFold(object.Kind, "namespace") {
		return object.Name
	}
	return object.Namespace
}
