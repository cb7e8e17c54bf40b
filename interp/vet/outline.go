package vet

import (
	"slices"
	"strings"

	"github.com/rescuecue/rescue/schema"
)

// An outline is a blueprint as the rules see it that ask whether it makes sense: the
// same for both languages. Each rule of that kind is one function of an outline.
type outline struct {
	// schema has the functions that are called.
	schema  *schema.Set
	actions []*outlineAction
	// native says that it is in CUE: Kanister does not run it.
	native bool
	// strayArtifacts says that an artifact is read that no action writes: it may be one
	// of those that nobody reads, misspelt.
	strayArtifacts bool
}

// A mark adds a finding about one place of the blueprint.
type mark func(Finding)

// An outlineAction is one action.
type outlineAction struct {
	name string
	// kind as declared; empty if it is not.
	kind string
	mark mark
	// phases in the order written, the defer phase last.
	phases []*outlinePhase
	// writes are the artifacts that the action leaves.
	writes []outlineArtifact
	// takes are the artifacts that the action says it needs, and from the action whose
	// artifacts it reads.
	takes []string
	from  string
	// reads is everything that anything in the action reads.
	reads []ref
	// opaque says that parts of the action are out of sight.
	opaque bool
}

// An outlineArtifact is what an action hands on.
type outlineArtifact struct {
	name string
	mark mark
	keys []outlineName
}

// An outlineName is a name and where it stands.
type outlineName struct {
	name string
	mark mark
}

// An outlinePhase is one call of a function.
type outlinePhase struct {
	name, function string
	// mark is where the function is named.
	mark     mark
	deferred bool
	args     []outlineField
	// outputs are those that the phase's script writes, as far as they are in sight.
	outputs []outlineName
	scripts []*script
	// manifests are the objects in the spec of KubeOps, and unreadable is what keeps them
	// from being read; pods are the specs of pods in them and in the podOverride.
	manifests  []*manifest
	unreadable []manifestError
	pods       []*outlineValue
}

// An outlineField is a field of a map, or an argument.
type outlineField struct {
	name  string
	mark  mark
	value *outlineValue
}

// An outlineValue is a text, a list or a map; or nothing of them if it is only known
// at the run.
type outlineValue struct {
	text   *filledText
	items  []*outlineValue
	fields []outlineField
}

// arg returns the value of an argument, or nil.
func (p *outlinePhase) arg(name string) *outlineValue {
	return (&outlineValue{fields: p.args}).get(name)
}

// get returns the value of a field, or nil.
func (v *outlineValue) get(name string) *outlineValue {
	if v == nil {
		return nil
	}
	for _, f := range v.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// literal is the text if all of it is written in the blueprint.
func (v *outlineValue) literal() (string, bool) {
	if v == nil || v.text == nil {
		return "", false
	}
	return v.text.literal()
}

// texts lists the texts in v.
func (v *outlineValue) texts() []*filledText {
	if v == nil {
		return nil
	}
	if v.text != nil {
		return []*filledText{v.text}
	}
	var all []*filledText
	for _, item := range v.items {
		all = append(all, item.texts()...)
	}
	for _, f := range v.fields {
		all = append(all, f.value.texts()...)
	}
	return all
}

// eachPhase visits all phases.
func (o *outline) eachPhase(visit func(*outlinePhase)) {
	for _, a := range o.actions {
		for _, p := range a.phases {
			visit(p)
		}
	}
}

// eachScript visits all shell scripts in commands.
func (o *outline) eachScript(visit func(*outlinePhase, *script)) {
	o.eachPhase(func(p *outlinePhase) {
		for _, s := range p.scripts {
			visit(p, s)
		}
	})
}

// read parses what the phase's arguments hold: objects of Kubernetes, and the scripts in
// its commands.
func (p *outlinePhase) read() {
	if override := p.arg("podOverride"); override != nil {
		p.pods = append(p.pods, override)
	}
	p.readManifests()
	p.podScripts()
	for _, name := range scriptArguments {
		if s := scriptOf(p.arg(name), podCommands[p.function]); s != nil {
			p.scripts = append(p.scripts, s)
		}
	}
}

// A ref is a path from the root of the parameters, in CUE's spelling and without
// `input`: options, tag; phases, dump, output, path.
type ref []string

// of tells whether the ref begins with the names.
func (r ref) of(names ...string) bool {
	if len(r) < len(names) {
		return false
	}
	for i, name := range names {
		if r[i] != name {
			return false
		}
	}
	return true
}

// touches tells whether the ref leads to what stands at the names, or to something
// that holds it or is part of it.
func (r ref) touches(names ...string) bool {
	n := min(len(r), len(names))
	return r[:n].of(names[:n]...)
}

// inPhase leaves out which phase's it is: secrets, db, data, password.
func (r ref) inPhase() ref {
	switch {
	case r.of("phases") && len(r) > 2:
		return r[2:]
	case r.of("deferPhase"):
		return r[1:]
	}
	return r
}

// secret tells whether the value is that of a Secret.
func (r ref) secret() bool {
	own := r.inPhase()
	return own.of("secrets") && len(own) > 2 && own[2] == "data" || r.of("profile", "credential", "secret", "data")
}

// profile tells whether the value is or holds the credentials of the profile.
func (r ref) profile() bool {
	return len(r) == 1 && r.of("profile") || r.of("profile", "json") || r.of("profile", "credential", "keyPair") ||
		r.of("profile", "credential") && len(r) == 2
}

// foreign tells whether somebody writes the value who may change an object in the
// cluster, or ask for an action, but not the blueprint. Names and labels are not among
// them: Kubernetes lets nothing into them that a shell would act on. Nor are Secrets
// and ConfigMaps, which are the administrator's own.
func (r ref) foreign() bool {
	switch {
	case r.of("options"), r.of("podLabels"), r.of("podAnnotations"), r.of("object", "metadata", "annotations"):
		return true
	case r.of("object"):
		return len(r) > 1 && !slices.Contains([]string{"metadata", "data", "kind", "apiVersion"}, r[1]) && !r.of("object", "spec", "serviceName")
	}
	return false
}

// freeText tells whether the value can be any text, or none, that no stranger writes.
func (r ref) freeText() bool {
	own := r.inPhase()
	return r.secret() || r.profile() || own.of("configMaps") && len(own) > 2 && own[2] == "data" ||
		r.of("object", "data") || r.of("object", "metadata", "labels")
}

// made tells whether an action of the blueprint makes the value.
func (r ref) made() bool { return r.of("artifactsIn") || r.inPhase().of("output") }

// String writes the ref as CUE would.
func (r ref) String() string {
	if r.of("phases") || r.of("deferPhase") {
		return strings.Join(r, ".")
	}
	return "input." + strings.Join(r, ".")
}
