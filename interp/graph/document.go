// Package graph shows the plan of an action, before it runs, as text, JSON, or a graph in
// the languages of Graphviz and Mermaid.
package graph

import (
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/interp"
)

// FormatVersion of Document. docs/plan.md describes it.
const FormatVersion = "1.0"

// Document is the plan of one action.
type Document struct {
	FormatVersion string `json:"formatVersion"`
	Blueprint     string `json:"blueprint"`
	Action        string `json:"action"`
	// Kind of object that the action works on.
	Kind       string  `json:"kind"`
	Phases     []Phase `json:"phases"`
	DeferPhase *Phase  `json:"deferPhase,omitempty"`
	// OutputArtifacts as far as they are known.
	OutputArtifacts map[string]any `json:"outputArtifacts"`
	// Missing are inputs that were not given, as they stand in the arguments.
	Missing []string `json:"missing"`
	// Notes say what the plan cannot tell.
	Notes []string `json:"notes"`
}

// Phase is one phase of a Document.
type Phase struct {
	Name string `json:"name"`
	Func string `json:"func"`
	// After names all phases that this one waits for; Waits says why.
	After []string `json:"after"`
	Waits []Wait   `json:"waits"`
	// Undecided says that outputs of other phases decide what becomes of this one.
	Undecided bool   `json:"undecided,omitempty"`
	Timeout   string `json:"timeout,omitempty"`
	Attempts  int    `json:"attempts"`
	// Objects are the Secrets and ConfigMaps that the phase reads.
	Objects map[string]any `json:"objects,omitempty"`
	// Args have, in the place of what is not known, its source in angle brackets.
	Args    map[string]any `json:"args"`
	Unknown []Unknown      `json:"unknown"`
	Effects []Effect       `json:"effects"`
	// Pod is the pod that the phase makes, with podOverride merged in. It is nil if the phase
	// makes none; PodUnknown says why it cannot be shown.
	Pod        any    `json:"pod,omitempty"`
	PodUnknown string `json:"podUnknown,omitempty"`
	// Refused is why the cluster would not take what the phase does, in a dry run.
	Refused string `json:"refused,omitempty"`
	// MissingRights are those that the caller lacks, in a dry run.
	MissingRights []Right `json:"missingRights,omitempty"`
	// NotSure is what a dry run could not find out, as sentences.
	NotSure []string `json:"notSure,omitempty"`
}

// Right is what a phase has to be allowed to do.
type Right struct {
	Verbs []string `json:"verbs"`
	// Group and Resource as RBAC has them.
	Group    string `json:"group"`
	Resource string `json:"resource"`
	// Namespace is empty for resources that have none.
	Namespace string `json:"namespace"`
	// Names of the objects; none means any.
	Names []string `json:"names,omitempty"`
	// Why says what it is for, as the rest of "to …".
	Why string `json:"why"`
}

// String is the rest of "the account may not …".
func (r Right) String() string {
	text := strings.Join(r.Verbs, "/") + " " + r.Resource
	if r.Group != "" {
		text += "." + r.Group
	}
	if len(r.Names) > 0 {
		text += fmt.Sprintf(" %q", r.Names)
	}
	if r.Namespace != "" {
		return text + " in namespace " + r.Namespace
	}
	return text + " in the whole cluster"
}

// Wait says why a phase waits for another one.
type Wait struct {
	Phase string          `json:"phase"`
	Why   []interp.Reason `json:"why"`
	Reads []string        `json:"reads,omitempty"`
}

// Unknown is a place in the arguments that is not known before the run.
type Unknown struct {
	At   string   `json:"at"`
	From []string `json:"from"`
}

// Effect is what a phase does to an object.
type Effect struct {
	// Verb is creates, changes, scales, deletes, runs or reads.
	Verb   string `json:"verb"`
	Object string `json:"object"`
	// Temporary objects are gone when the phase has ended.
	Temporary bool `json:"temporary,omitempty"`
}

// Of makes the document of a plan, without effects and pods.
func Of(f *interp.Foresight) *Document {
	d := &Document{
		FormatVersion: FormatVersion, Blueprint: f.Plan.Blueprint, Action: f.Plan.Action, Kind: f.Plan.Kind,
		Phases: []Phase{}, OutputArtifacts: f.Artifacts, Missing: append([]string{}, f.Missing...), Notes: notes(f),
	}
	if d.OutputArtifacts == nil {
		d.OutputArtifacts = map[string]any{}
	}
	for _, p := range f.Phases {
		ph := phaseOf(p)
		if p.Phase == f.Plan.Defer {
			d.DeferPhase = &ph
			continue
		}
		d.Phases = append(d.Phases, ph)
	}
	return d
}

func phaseOf(p interp.Preview) Phase {
	ph := Phase{
		Name: p.Phase.Title(), Func: p.Phase.Func, After: append([]string{}, p.Phase.After...), Waits: []Wait{}, Undecided: p.Phase.Undecided,
		Attempts: p.Phase.Attempts, Objects: p.Objects, Args: p.Args, Unknown: []Unknown{}, Effects: []Effect{},
	}
	if p.Phase.Timeout > 0 {
		ph.Timeout = p.Phase.Timeout.String()
	}
	for _, w := range p.Waits {
		ph.Waits = append(ph.Waits, Wait{w.Phase, w.Why, w.Reads})
	}
	for _, u := range p.Unknown {
		ph.Unknown = append(ph.Unknown, Unknown{u.At, append([]string{}, u.From...)})
	}
	return ph
}

// notes say what the plan cannot tell.
func notes(f *interp.Foresight) []string {
	notes := []string{}
	if f.Undecided {
		notes = append(notes, "which phases there are depends on options that were not given: these are those of a call with all of them")
	}
	for _, ref := range f.Plan.Open() {
		notes = append(notes, "more phases may appear when "+ref.Key+" of phase "+ref.Phase+" is known")
	}
	return notes
}

// All are the phases, the defer phase last.
func (d *Document) All() []*Phase {
	all := make([]*Phase, 0, len(d.Phases)+1)
	for i := range d.Phases {
		all = append(all, &d.Phases[i])
	}
	if d.DeferPhase != nil {
		all = append(all, d.DeferPhase)
	}
	return all
}
