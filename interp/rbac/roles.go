package rbac

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rescuecue/rescue/funcs/access"
)

// Names are those of the objects to make.
type Names struct {
	// Role is the name of all roles and bindings.
	Role string
	// Namespace of the application, and WorkNamespace that rescue works in. Empty ones
	// are left out, for whoever applies the objects to say.
	Namespace, WorkNamespace string
	// AccountNamespace and Account name the service account to bind them to; without
	// Account there are no bindings.
	AccountNamespace, Account string
}

// A Role is a Role or ClusterRole to be.
type Role struct {
	Kind, Name string
	// Namespace is empty for a ClusterRole, and where Names has none.
	Namespace string
	Grants    []Grant
}

// Roles makes roles of the grants: one for each namespace, and a ClusterRole for what has
// none, or one that is not known.
func (f *Found) Roles(names Names) []Role {
	var roles []Role
	for _, g := range f.Grants {
		want := names.role(g.Where)
		i := slices.IndexFunc(roles, func(r Role) bool {
			return r.Kind == want.Kind && r.Name == want.Name && r.Namespace == want.Namespace
		})
		if i < 0 {
			i = len(roles)
			roles = append(roles, want)
		}
		roles[i].add(g)
	}
	slices.SortFunc(roles, func(a, b Role) int {
		return cmp.Or(-cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return roles
}

// role is the one that a place belongs to.
func (n Names) role(w access.Where) Role {
	switch w.Kind {
	case access.Target:
		return Role{Kind: "Role", Name: n.Role, Namespace: n.Namespace}
	case access.Work:
		name := n.Role
		if n.WorkNamespace == "" {
			name += "-work" // where both are not known, the roles must not be one
		}
		return Role{Kind: "Role", Name: name, Namespace: n.WorkNamespace}
	case access.Named:
		return Role{Kind: "Role", Name: n.Role, Namespace: w.Name}
	}
	return Role{Kind: "ClusterRole", Name: n.Role}
}

// add joins a grant with one for the same objects.
func (r *Role) add(g Grant) {
	i := slices.IndexFunc(r.Grants, func(have Grant) bool {
		return have.Group == g.Group && have.Resource == g.Resource && slices.Equal(have.Names, g.Names)
	})
	if i < 0 {
		g.Verbs, g.Reasons = slices.Clone(g.Verbs), slices.Clone(g.Reasons)
		r.Grants = append(r.Grants, g)
		slices.SortStableFunc(r.Grants, func(a, b Grant) int {
			return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource), slices.Compare(a.Names, b.Names))
		})
		return
	}
	have := &r.Grants[i]
	for _, verb := range g.Verbs {
		if !slices.Contains(have.Verbs, verb) {
			have.Verbs = append(have.Verbs, verb)
		}
	}
	slices.SortFunc(have.Verbs, func(a, b string) int { return slices.Index(verbOrder, a) - slices.Index(verbOrder, b) })
	have.Reasons = append(have.Reasons, g.Reasons...)
}

// reasons are the lines of a grant's comment: what for, and which phases.
func (g Grant) reasons() []string {
	var order []string
	phases := map[string][]string{}
	for _, r := range g.Reasons {
		why := r.Why
		if r.Optional {
			why += " (optional)"
		}
		if phases[why] == nil {
			order = append(order, why)
		}
		phases[why] = append(phases[why], r.short())
	}
	var lines []string
	for _, why := range order {
		lines = append(lines, fmt.Sprintf("%s: %s", why, list(phases[why])))
	}
	return lines
}

// short names a phase within its blueprint.
func (r Reason) short() string {
	if r.Phase == "" {
		return "action " + r.Action
	}
	return fmt.Sprintf("%s/%s (%s)", r.Action, r.Phase, r.Function)
}
