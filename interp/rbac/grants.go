// Package rbac finds the least permissions of the Kubernetes API that the actions of a
// blueprint need, from what each function declares of itself, and writes them as Roles.
package rbac

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/access"
)

// Options say what to find the permissions for.
type Options struct {
	// Blueprint is a file or folder, as interp.Load takes it; Stdin is read for "-".
	Blueprint string
	Stdin     io.Reader
	// Actions to allow; none means all.
	Actions []string
	// Kinds of objects that an action of the kind Any works on.
	Kinds []string
	// Object is the resource that actions of the kind Object or Any work on,
	// RESOURCE[.GROUP].
	Object string
	// Profile and RepositoryServer that are read from the cluster; nil for none.
	Profile, RepositoryServer *compat.NamespacedName
	// Secrets and ConfigMaps that actions are given, by their keys.
	Secrets, ConfigMaps map[string]compat.NamespacedName
	// ClaimLocation says that backups are kept in a volume of the cluster.
	ClaimLocation bool
	// Optional says which of the permissions to include that functions can do without.
	Optional Optional
	Registry *funcs.Registry
}

// Optional are permissions that functions can do without.
type Optional string

// Of the optional permissions, those in namespaces only read, and make messages better;
// those in the whole cluster reach further than an application.
const (
	OptionalNamespaced Optional = "namespaced"
	OptionalAll        Optional = "all"
	OptionalNone       Optional = "none"
)

// has tells whether an optional need is to be included.
func (o Optional) has(n access.Need) bool {
	return o == OptionalAll || o == OptionalNamespaced && n.Where.Kind != access.Cluster && n.Where.Kind != access.Open
}

// A Grant is a permission in one place, with its reasons.
type Grant struct {
	Where           access.Where
	Group, Resource string
	Names           []string
	Verbs           []string
	Reasons         []Reason
}

// A Reason says who needs a grant, and for what.
type Reason struct {
	Action string `json:"action"`
	// Phase and Function are empty for what an action reads before its first phase.
	Phase    string `json:"phase,omitempty"`
	Function string `json:"function,omitempty"`
	Why      string `json:"why"`
	Optional bool   `json:"optional"`
}

// Found is what a blueprint needs.
type Found struct {
	Blueprint string
	Actions   []string
	// Grants by place, then resource.
	Grants []Grant
	// Gaps are what could not be found out, as sentences.
	Gaps []string
}

// Find finds what a blueprint needs. The error is that of a blueprint that cannot be
// read, or has no such action.
func Find(o Options) (*Found, error) {
	b, err := load(o.Blueprint, o.Stdin)
	if err != nil {
		return nil, err
	}
	names, err := b.actions()
	if err != nil {
		return nil, err
	}
	for _, name := range o.Actions {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s: no action %q; the blueprint has %s", b.file, name, strings.Join(names, ", "))
		}
	}
	if len(o.Actions) > 0 {
		names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(o.Actions, n) })
	}
	f := &finder{Options: o, grants: map[string]*Grant{}}
	for _, name := range names {
		if err := f.action(b, name); err != nil {
			return nil, fmt.Errorf("%s: %w", b.file, err)
		}
	}
	return &Found{Blueprint: b.name(), Actions: names, Grants: f.sorted(), Gaps: f.gaps}, nil
}

type finder struct {
	Options
	grants map[string]*Grant
	gaps   []string
}

func (f *finder) action(b *blueprint, name string) error {
	a, err := b.action(name)
	if err != nil {
		return err
	}
	phases, err := a.phases()
	if err != nil {
		return err
	}
	if err := f.gather(a); err != nil {
		return err
	}
	for _, ph := range phases {
		f.phase(a, ph)
	}
	return nil
}

// phase adds what the function and the phase's objects need.
func (f *finder) phase(a *action, ph phase) {
	because := Reason{Action: a.name, Phase: ph.name, Function: ph.function}
	for _, key := range slices.Sorted(maps.Keys(ph.objects)) {
		f.object(because, key, ph.objects[key])
	}
	function, err := f.Registry.Lookup(ph.function)
	if err != nil {
		f.gap("%s: %v", because, err)
		return
	}
	accessor, ok := function.(funcs.Accessor)
	if !ok {
		f.gap("%s: the function does not say what it needs", because)
		return
	}
	for _, kind := range f.kinds(a) {
		for _, need := range accessor.Access(access.Call{Kind: kind, Args: ph.args, ClaimLocation: f.ClaimLocation}) {
			f.add(because, need)
		}
	}
}

// object adds a Secret or ConfigMap that a phase names.
func (f *finder) object(because Reason, key string, reference any) {
	if need, ok := objectNeed(key, reference); ok {
		f.add(because, need)
	}
}

// objectNeed is the reading of a Secret or ConfigMap that a phase names. The schema knows
// no other kinds.
func objectNeed(key string, reference any) (need access.Need, ok bool) {
	fields, _ := reference.(map[string]any)
	need = access.Need{
		Where: access.WhereOf(fields["namespace"], access.Where{Kind: access.Open, Name: "no namespace"}),
		Verbs: []string{"get"}, Why: "read " + key + " of its objects",
	}
	switch fields["kind"] {
	case "Secret":
		need.Resource = "secrets"
	case "ConfigMap":
		need.Resource = "configmaps"
	default:
		return need, false
	}
	if name, ok := fields["name"].(string); ok {
		need.Names = []string{name}
	}
	return need, true
}

// add adds a need to the grants.
func (f *finder) add(because Reason, need access.Need) {
	because.Why, because.Optional = need.Why, need.Optional
	switch {
	case need.Optional && !f.Optional.has(need):
		return
	case need.Resource == "":
		f.gap("%s: to %s, it needs %s on what only a run knows (%s): add a rule", because, need.Why, strings.Join(need.Verbs, ", "), need.Where.Name)
		return
	case need.Where.Kind == access.Open:
		f.gap("%s: it works in a namespace that only a run knows (%s): so its rules hold in all namespaces", because, need.Where.Name)
	}
	need.Where = placeOf(need.Where)
	key := fmt.Sprint(need.Where, need.Group, need.Resource, need.Names)
	g := f.grants[key]
	if g == nil {
		g = &Grant{Where: need.Where, Group: need.Group, Resource: need.Resource, Names: need.Names}
		f.grants[key] = g
	}
	for _, verb := range need.Verbs {
		if !slices.Contains(g.Verbs, verb) {
			g.Verbs = append(g.Verbs, verb)
		}
	}
	if !slices.Contains(g.Reasons, because) {
		g.Reasons = append(g.Reasons, because)
	}
}

// placeOf makes one of all places that only a run knows.
func placeOf(w access.Where) access.Where {
	if w.Kind == access.Open {
		w.Name = ""
	}
	return w
}

func (f *finder) gap(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(f.gaps, text) {
		f.gaps = append(f.gaps, text)
	}
}

func (r Reason) String() string {
	if r.Phase == "" {
		return "action " + r.Action
	}
	return fmt.Sprintf("action %s, phase %s (%s)", r.Action, r.Phase, r.Function)
}

// verbOrder is that of the verbs in rules: as people write them.
var verbOrder = []string{"get", "list", "watch", "create", "update", "patch", "delete"}

func (f *finder) sorted() []Grant {
	var all []Grant
	for _, g := range f.grants {
		slices.SortFunc(g.Verbs, func(a, b string) int { return slices.Index(verbOrder, a) - slices.Index(verbOrder, b) })
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.Where.Kind, b.Where.Kind), cmp.Compare(a.Where.Name, b.Where.Name), cmp.Compare(a.Group, b.Group),
			cmp.Compare(a.Resource, b.Resource), slices.Compare(a.Names, b.Names))
	})
	return all
}
