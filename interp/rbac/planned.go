package rbac

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/access"
)

// A Planned phase is one of a plan: its conditions are decided, and what only the run knows
// has a placeholder.
type Planned struct {
	Function      string
	Args, Objects map[string]any
	// Unknown maps the places that have a placeholder to whether its source is known. A
	// place is written as in interp.Unknown: command[2], objects.db.name.
	Unknown map[string]bool
	// Kind of the action's object: Deployment.
	Kind string
	// ClaimLocation says that backups are kept in a volume of the cluster.
	ClaimLocation bool
}

// Needs are what a phase asks of the Kubernetes API, without what it can do without. The
// error says of which functions that is not known.
func (p Planned) Needs(registry *funcs.Registry) ([]access.Need, error) {
	var needs []access.Need
	objects, _ := p.known(p.Objects, "objects").(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		if need, ok := objectNeed(key, objects[key]); ok {
			needs = append(needs, need)
		}
	}
	function, err := registry.Lookup(p.Function)
	if err != nil {
		return needs, err
	}
	accessor, ok := function.(funcs.Accessor)
	if !ok {
		return needs, fmt.Errorf("function %s does not say which rights it needs", p.Function)
	}
	args, ok := p.known(p.Args, "").(map[string]any)
	if !ok {
		return needs, errors.New("which rights it needs depends on arguments that only the run knows")
	}
	all := accessor.Access(access.Call{Kind: p.Kind, Args: args, ClaimLocation: p.ClaimLocation})
	return append(needs, slices.DeleteFunc(slices.Clone(all), func(n access.Need) bool { return n.Optional })...), nil
}

// known is a value with access.Unknown in the place of what has placeholders.
func (p Planned) known(v any, at string) any {
	if sure, unknown := p.Unknown[at]; unknown {
		text, ok := v.(string)
		if !ok || !sure {
			text = ""
		}
		return access.Unknown{Source: text}
	}
	switch v := v.(type) {
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, x := range v {
			below := name
			if at != "" {
				below = at + "." + name
			}
			fields[name] = p.known(x, below)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, x := range v {
			items[i] = p.known(x, fmt.Sprintf("%s[%d]", at, i))
		}
		return items
	}
	return v
}
