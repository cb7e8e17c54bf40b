package interp

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"

	cueerrors "cuelang.org/go/cue/errors"

	"github.com/rescuecue/rescue/compat"
)

// A Foresight is a plan made before a run, with placeholders for what only a run knows.
type Foresight struct {
	Plan *Plan
	// Params are those that were given, with placeholders for secrets and for what was not.
	Params *compat.Params
	// Phases, and the defer phase last.
	Phases []Preview
	// Artifacts that the action leaves, as far as they are known.
	Artifacts map[string]any
	// Missing are inputs that nobody gave: <input.options.text>.
	Missing []string
	// Undecided says that not even the list of phases is sure without them.
	Undecided bool
}

// Foresee plans an action with the parameters that are given, and with placeholders for
// the others. The values of Secrets, of the profile's credentials and of options that are
// secret are replaced by placeholders first: the plan never has them. secret names such
// options beside those that the blueprint marks.
//
// Whether an option is there may decide about phases. The list of phases is that without
// the options that are not given, if it can be made without them.
func (b *Blueprint) Foresee(action string, given *compat.Params, secret []string, render renderer) (*Foresight, error) {
	v := b.Value.LookupPath(cue.MakePath(cue.Str("actions"), cue.Str(action)))
	fill := newFiller(veiled(given, append(slices.Clone(secret), secretOptions(v)...)), b.inputReads())
	kind, _ := v.LookupPath(cue.ParsePath("kind")).String() // Plan reports one that is wrong
	fill.object(kind)
	fill.podsUnseen()
	fill.others()
	full, options := fill.withOptions()
	plan, err := b.planWithout(action, fill.params)
	if err != nil || plan.Decidable() != nil && options {
		if plan, err = b.planWithout(action, full); err != nil {
			return nil, err
		}
		return b.foresight(plan, full, render, options), nil
	}
	f := b.foresight(plan, fill.params, render, false)
	if options {
		b.complete(f, action, full, render)
	}
	return f, nil
}

func (b *Blueprint) foresight(plan *Plan, params *compat.Params, render renderer, undecided bool) *Foresight {
	f := &Foresight{Plan: plan, Params: params, Undecided: undecided}
	var artifacts Preview
	f.Phases, artifacts = b.preview(plan, params, render)
	f.Artifacts = artifacts.Args
	f.findMissing()
	return f
}

// findMissing lists the inputs that are not known.
func (f *Foresight) findMissing() {
	missing := map[string]bool{}
	for _, p := range f.Phases {
		for _, u := range p.Unknown {
			for _, from := range u.From {
				if strings.HasPrefix(from, "<input.") {
					missing[from] = true
				}
			}
		}
	}
	f.Missing = slices.Sorted(maps.Keys(missing))
}

// complete takes the arguments of phases that read options which were not given from a plan
// with placeholders for those.
func (b *Blueprint) complete(f *Foresight, action string, full *compat.Params, render renderer) {
	plan, err := b.planWithout(action, full)
	if err != nil {
		return // what is known stands
	}
	previews, artifacts := b.preview(plan, full, render)
	better := map[string]Preview{}
	for _, p := range previews {
		better[p.Phase.Name] = p
	}
	for i, p := range f.Phases {
		other, ok := better[p.Phase.Name]
		if ok && slices.ContainsFunc(p.Unknown, func(u Unknown) bool { return u.vague }) {
			f.Phases[i].Args, f.Phases[i].Objects, f.Phases[i].Unknown = other.Args, other.Objects, other.Unknown
		}
	}
	if len(previews) == len(f.Phases) {
		f.Artifacts = artifacts.Args
	}
	f.findMissing()
}

// planWithout makes the plan, and takes out of the parameters those placeholders that do
// not serve: no text stands for a number that the blueprint reads out of an option.
func (b *Blueprint) planWithout(action string, params *compat.Params) (*Plan, error) {
	for {
		plan, err := b.Plan(action, params)
		if err == nil {
			return plan, nil
		}
		dropped := false
		for _, pos := range cueerrors.Positions(asCUE(err)) {
			for _, path := range b.placesRead(pos) {
				dropped = drop(params, path) || dropped
			}
		}
		if !dropped {
			return nil, err
		}
	}
}

// asCUE is the error of CUE in an error.
func asCUE(err error) error {
	if located, ok := err.(*locatedError); ok {
		return located.cue
	}
	return err
}

func (b *Blueprint) placesRead(pos token.Pos) [][]string {
	if !authored(pos) {
		return nil
	}
	return b.readsAt(pos)
}

// drop removes a placeholder, and tells whether there was one.
func drop(p *compat.Params, path []string) bool {
	mark := inputMark(path...)
	switch {
	case len(path) == 2 && path[0] == "options" && p.Options[path[1]] == mark:
		delete(p.Options, path[1])
	case len(path) == 4 && path[0] == "artifactsIn" && p.ArtifactsIn[path[1]].KeyValue[path[3]] == mark:
		delete(p.ArtifactsIn[path[1]].KeyValue, path[3])
	case len(path) == 4 && path[0] == "secrets" && string(p.Secrets[path[1]].Data[path[3]]) == mark:
		delete(p.Secrets[path[1]].Data, path[3])
	case len(path) == 4 && path[0] == "configMaps" && p.ConfigMaps[path[1]].Data[path[3]] == mark:
		delete(p.ConfigMaps[path[1]].Data, path[3])
	case path[0] == "object" && at(p.Object, path[1:]) == mark:
		p.Object = map[string]any{}
	default:
		return false
	}
	return true
}

// at is the value at a path of a tree, nil if there is none.
func at(tree any, path []string) any {
	for _, step := range path {
		switch t := tree.(type) {
		case map[string]any:
			tree = t[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(t) {
				return nil
			}
			tree = t[i]
		default:
			return nil
		}
	}
	return tree
}
