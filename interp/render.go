package interp

import (
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/rescuecue/rescue/compat"
)

// Rendering has every phase's arguments as a run with the given parameters would
// pass them. It is the same for a YAML blueprint and for its conversion.
type Rendering struct {
	Phases          []RenderedPhase            `json:"phases"`
	DeferPhase      *RenderedPhase             `json:"deferPhase,omitempty"`
	OutputArtifacts map[string]compat.Artifact `json:"outputArtifacts"`
}

// RenderedPhase is one phase of a Rendering.
type RenderedPhase struct {
	Name    string               `json:"name"`
	Func    string               `json:"func"`
	Objects map[string]ObjectRef `json:"objects,omitempty"`
	Args    map[string]any       `json:"args"`
}

// Render evaluates all phases of a plan with nothing but the parameters, which
// hold the outputs and Secrets of phases that others read. The error lists
// everything that cannot be evaluated; the rest is in the rendering.
func (p *Plan) Render(params *compat.Params, render func(string, *compat.Params) (string, error)) (*Rendering, error) {
	state := p.NewState(params, render)
	var errs *multierror.Error
	out := &Rendering{Phases: []RenderedPhase{}}
	for _, ph := range p.Phases {
		r, err := state.renderPhase(ph)
		errs = multierror.Append(errs, err)
		out.Phases = append(out.Phases, r)
	}
	if p.Defer != nil {
		r, err := state.renderPhase(p.Defer)
		errs = multierror.Append(errs, err)
		out.DeferPhase = &r
	}
	artifacts, err := state.Artifacts()
	errs = multierror.Append(errs, err)
	out.OutputArtifacts = artifacts
	errs.ErrorFormat = oneALine
	return out, errs.ErrorOrNil()
}

func oneALine(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

func (s *State) renderPhase(ph *Phase) (RenderedPhase, error) {
	r := RenderedPhase{Name: ph.Title(), Func: ph.Func}
	var errs *multierror.Error
	var err error
	if r.Objects, err = s.Objects(ph); err != nil {
		errs = multierror.Append(errs, err)
	}
	if r.Args, err = s.Args(ph); err != nil {
		errs = multierror.Append(errs, err)
	}
	return r, errs.ErrorOrNil()
}
