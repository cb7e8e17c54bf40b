package funcstest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/access"
)

// Calling returns a context for a call of the function. Requests that are made with it
// must be among those that the function declares, where the client's transport is one of
// CheckAccess.
func Calling(ctx context.Context, f funcs.Func, env *funcs.Env, args funcs.Args) context.Context {
	return context.WithValue(ctx, calledKey{}, called{f, env, args})
}

type calledKey struct{}

type called struct {
	funcs.Func
	env  *funcs.Env
	args funcs.Args
}

// CheckAccess returns a transport that fails the test when a function asks the API
// server for what it has not declared: then `rescue rbac` would print too little.
func CheckAccess(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return &accessCheck{t: t, next: next, told: map[string]bool{}}
}

type accessCheck struct {
	t    testing.TB
	next http.RoundTripper

	mu   sync.Mutex
	told map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (c *accessCheck) RoundTrip(req *http.Request) (*http.Response, error) {
	if call, ok := req.Context().Value(calledKey{}).(called); ok {
		c.check(call, req)
	}
	return c.next.RoundTrip(req)
}

func (c *accessCheck) check(call called, req *http.Request) {
	asked, ok := askedOf(req)
	if !ok || slices.ContainsFunc(call.declared(), asked.isAllowedBy) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	text := fmt.Sprintf("%s asks for %s, which it does not declare", call.Name(), asked)
	if !c.told[text] {
		c.told[text] = true
		c.t.Error(text)
	}
}

// declared are the function's needs, each with its namespace.
func (c called) declared() []access.Need {
	accessor, ok := c.Func.(funcs.Accessor)
	if !ok {
		return nil
	}
	kind, namespace := c.target()
	args := plain(c.args)
	if c.env.Secrets != nil {
		args["(more)"] = access.Unknown{Source: "secrets"} // what is known to be secret may be anywhere
	}
	needs := accessor.Access(access.Call{Kind: kind, Args: args, ClaimLocation: true})
	for i := range needs {
		switch needs[i].Where.Kind {
		case access.Target:
			needs[i].Where.Name = namespace
		case access.Work:
			needs[i].Where.Name = c.env.Namespace
		}
	}
	return needs
}

// target is the kind and the namespace of the action's object. Without one, it is what
// the action's own namespace stands for.
func (c called) target() (kind, namespace string) {
	p := c.env.Params
	switch {
	case p == nil:
	case p.StatefulSet != nil:
		return "StatefulSet", p.StatefulSet.Namespace
	case p.Deployment != nil:
		return "Deployment", p.Deployment.Namespace
	case p.DeploymentConfig != nil:
		return "DeploymentConfig", p.DeploymentConfig.Namespace
	case p.PVC != nil:
		return "PVC", p.PVC.Namespace
	case p.Namespace != nil:
		return "Namespace", p.Namespace.Name
	}
	return "Any", c.env.Namespace
}

// plain makes arguments those of JSON, as a run has them.
func plain(args funcs.Args) map[string]any {
	out := map[string]any{}
	if err := args.Decode(&out); err != nil {
		return args
	}
	return out
}

// asked is what a request needs, in RBAC's terms.
type asked struct{ verb, group, resource, namespace, name string }

func (a asked) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s.%s", a.verb, a.resource, a.group), ".") + fmt.Sprintf(" %q in namespace %q", a.name, a.namespace)
}

func (a asked) isAllowedBy(n access.Need) bool {
	return n.Group == a.group && n.Resource == a.resource && slices.Contains(n.Verbs, a.verb) &&
		(len(n.Names) == 0 || a.name == "" || slices.Contains(n.Names, a.name)) &&
		(n.Where.Kind == access.Open || n.Where.Name == a.namespace)
}

// askedOf reads a request as the API server does: /api/v1 or /apis/GROUP/VERSION, then
// the namespace, the resource, the name and the subresource. It is not ok for what every
// account may read, such as which resources there are.
func askedOf(req *http.Request) (asked, bool) {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	a := asked{}
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		a.group, parts = parts[1], parts[3:]
	default:
		return a, false
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		a.namespace, parts = parts[1], parts[2:]
	}
	a.resource = parts[0]
	if len(parts) > 1 {
		a.name = parts[1]
	}
	if len(parts) > 2 {
		a.resource += "/" + parts[2]
	}
	a.verb = verbOf(req, a.name)
	return a, true
}

func verbOf(req *http.Request, name string) string {
	switch req.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	switch {
	case req.URL.Query().Get("watch") == "true" || req.URL.Query().Get("watch") == "1":
		return "watch"
	case name == "":
		return "list"
	}
	return "get"
}
