package compat

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
)

// Child asks for an action that goes on from what the ActionSet has done, as `kanctl
// create actionset --from` does: for each of its actions one on the same object, with
// the artifacts that it left, and the same blueprint, profile, Secrets, ConfigMaps and
// options. What changes pods is not taken over: podOverride, labels and annotations
// were for another function's pods.
func (as *ActionSet) Child(action string) ([]ActionSpec, error) {
	switch {
	case as.Status == nil || as.Status.State != StateComplete:
		return nil, errors.New("the ActionSet is not complete: it has no artifacts")
	case as.Spec == nil || len(as.Spec.Actions) != len(as.Status.Actions):
		return nil, errors.New("the ActionSet's status does not fit its spec: it has another number of actions")
	}
	specs := make([]ActionSpec, len(as.Spec.Actions))
	for i, parent := range as.Spec.Actions {
		specs[i] = parent.Child(action, as.Status.Actions[i].Artifacts)
	}
	return specs, nil
}

// Child is like ActionSet.Child for one action that left these artifacts.
func (a ActionSpec) Child(action string, artifacts map[string]Artifact) ActionSpec {
	return ActionSpec{
		Name: action, Blueprint: a.Blueprint, Object: a.Object, Artifacts: artifacts,
		Profile: a.Profile, RepositoryServer: a.RepositoryServer,
		Secrets: maps.Clone(a.Secrets), ConfigMaps: maps.Clone(a.ConfigMaps), Options: maps.Clone(a.Options),
	}
}

// Override takes over what another request says. Named things are merged.
func (a *ActionSpec) Override(with ActionSpec) {
	if with.Object != (ObjectReference{}) {
		a.Object = with.Object
	}
	a.Secrets = merged(a.Secrets, with.Secrets)
	a.ConfigMaps = merged(a.ConfigMaps, with.ConfigMaps)
	a.Options = merged(a.Options, with.Options)
}

func merged[V any](base, with map[string]V) map[string]V {
	if len(with) == 0 {
		return base
	}
	out := maps.Clone(base)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, with)
	return out
}

var semanticVersion = regexp.MustCompile(`^v?\d+\.\d+\.\d+([-+].*)?$`)

// FunctionVersion checks the version of the functions that the action prefers. All
// functions have just v0.0.0: as with Kanister, any other version means that one too,
// and fallback is true.
func (a ActionSpec) FunctionVersion() (fallback bool, err error) {
	switch {
	case a.PreferredVersion == "":
		return false, nil
	case !semanticVersion.MatchString(a.PreferredVersion):
		return false, fmt.Errorf("preferredVersion: %q is no version; write one such as v0.0.0, or leave it out", a.PreferredVersion)
	}
	return a.PreferredVersion != "v0.0.0" && a.PreferredVersion != "0.0.0", nil
}
