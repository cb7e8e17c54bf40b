package rbac

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/access"
)

// gather adds what an action reads before its first phase: its object, and what the
// caller names.
func (f *finder) gather(a *action) error {
	because := Reason{Action: a.name}
	for _, kind := range f.kinds(a) {
		f.target(because, kind)
	}
	if err := f.given(a, because, "secretNames", "secrets", f.Secrets); err != nil {
		return err
	}
	if err := f.given(a, because, "configMapNames", "configmaps", f.ConfigMaps); err != nil {
		return err
	}
	f.profile(because)
	f.server(because)
	return nil
}

// kinds are those of the objects that an action works on.
func (f *finder) kinds(a *action) []string {
	if a.kind != "Any" || len(f.Kinds) == 0 {
		return []string{a.kind}
	}
	return f.Kinds
}

// target adds what reading the object takes.
func (f *finder) target(because Reason, kind string) {
	const why = "read the object, and what belongs to it"
	get := func(at access.Where, group, resource string) {
		f.add(because, access.Need{Where: at, Group: group, Resource: resource, Verbs: []string{"get"}, Why: why})
	}
	switch {
	case slices.Contains(access.Kinds(), kind):
		for _, need := range access.Workload(access.InTarget, kind, why)(access.Call{}) {
			f.add(because, need)
		}
	case kind == "PVC":
		get(access.Where{Kind: access.Target}, "", "persistentvolumeclaims")
	case kind == "Namespace":
		get(access.Where{Kind: access.Cluster}, "", "namespaces")
	case f.Object != "":
		resource, group, _ := strings.Cut(f.Object, ".")
		get(access.Where{Kind: access.Target}, group, resource)
	default:
		f.gap("%s: its kind is %s: say with --kind or --object what it works on, or add a rule to get the object", because, kind)
	}
}

// given adds the Secrets or ConfigMaps that the caller hands to an action.
func (f *finder) given(a *action, because Reason, names, resource string, refs map[string]compat.NamespacedName) error {
	var declared []string
	if v := a.value.LookupPath(cue.ParsePath(names)); v.Exists() {
		if err := v.Decode(&declared); err != nil {
			return cueError(err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(refs)) {
		f.read(because, refs[key], "", resource, "read "+key+", which it is given")
		declared = slices.DeleteFunc(declared, func(name string) bool { return name == key })
	}
	for _, key := range declared {
		f.add(because, access.Need{Where: access.Where{Kind: access.Target}, Resource: resource, Verbs: []string{"get"}, Why: "read " + key + ", which it is given"})
		f.gap("%s: which of the %s %s is, is not known: all of them in the namespace of the object are allowed; name it with --%s %s=NAMESPACE/NAME",
			because, resource, key, map[string]string{"secrets": "secret", "configmaps": "config-map"}[resource], key)
	}
	return nil
}

// read adds the reading of one object. One without a namespace is in the one that rescue
// works in.
func (f *finder) read(because Reason, ref compat.NamespacedName, group, resource, why string) {
	need := access.Need{Where: home(ref), Group: group, Resource: resource, Verbs: []string{"get"}, Why: why}
	if ref.Name != "" {
		need.Names = []string{ref.Name}
	}
	f.add(because, need)
}

func home(ref compat.NamespacedName) access.Where {
	return access.WhereOf(ref.Namespace, access.Where{Kind: access.Work})
}

// kanister is the API group of Kanister's resources.
const kanister = "cr.kanister.io"

func (f *finder) profile(because Reason) {
	if f.Profile == nil {
		return
	}
	f.read(because, *f.Profile, kanister, "profiles", "read the profile")
	f.read(because, compat.NamespacedName{Namespace: f.Profile.Namespace}, "", "secrets", "read the Secrets that the profile names")
}

func (f *finder) server(because Reason) {
	if f.RepositoryServer == nil {
		return
	}
	f.read(because, *f.RepositoryServer, kanister, "repositoryservers", "read the repository server")
	in := compat.NamespacedName{Namespace: f.RepositoryServer.Namespace}
	f.read(because, in, "", "secrets", "read the Secrets that the repository server names")
	f.read(because, in, "", "services", "find the repository server")
}
