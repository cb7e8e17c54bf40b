package interp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
)

// A State is what is known of a running action: its parameters, and what its
// phases have produced so far. It may be used by several goroutines.
type State struct {
	plan   *Plan
	render func(text string, p *compat.Params) (string, error)

	mu     sync.Mutex
	params *compat.Params
}

// NewState starts with the parameters that the plan was made with. render renders
// the Go templates that a converted blueprint kept.
func (p *Plan) NewState(params *compat.Params, render func(string, *compat.Params) (string, error)) *State {
	own := *params
	own.Phases = maps.Clone(orEmpty(params.Phases))
	return &State{plan: p, params: &own, render: render}
}

// Args evaluates a phase's arguments: concrete, and checked against the schema.
func (s *State) Args(ph *Phase) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var args map[string]any
	if err := s.decode(ph.args, ph.Name, &args); err != nil {
		return nil, fmt.Errorf("arguments of phase %s: %w", ph.Title(), err)
	}
	return args, nil
}

// ObjectRef names a Secret or ConfigMap that a phase needs.
type ObjectRef struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// Objects evaluates which Secrets and ConfigMaps a phase needs, by the names that
// it reads them by.
func (s *State) Objects(ph *Phase) (map[string]ObjectRef, error) {
	if ph.objects == nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	objects := map[string]ObjectRef{}
	if err := s.decode(ph.objects, ph.Name, &objects); err != nil {
		return nil, fmt.Errorf("objects of phase %s: %w", ph.Title(), err)
	}
	return objects, nil
}

// SetObjects gives a phase the objects it asked for.
func (s *State) SetObjects(ph *Phase, secrets map[string]compat.Secret, configMaps map[string]compat.ConfigMap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.phase(ph.Name)
	p.Secrets, p.ConfigMaps = secrets, configMaps
}

// SetOutput makes what a phase produced visible to the others. It fails when a
// declared output did not arrive, or has another type than declared.
func (s *State) SetOutput(ph *Phase, output map[string]any) error {
	if err := ph.checkOutput(output); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase(ph.Name).Output = output
	return nil
}

func (ph *Phase) checkOutput(output map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(ph.Outputs)) {
		value, ok := output[key]
		if !ok {
			return fmt.Errorf("output %s is declared but did not arrive; the phase gave %s", key, listOr(slices.Sorted(maps.Keys(output)), "none"))
		}
		if got := kindOf(value); got&ph.Outputs[key] == 0 {
			return fmt.Errorf("output %s: expected %s, found %s", key, ph.Outputs[key], got)
		}
	}
	return nil
}

// Artifacts evaluates the action's output artifacts.
func (s *State) Artifacts() (map[string]compat.Artifact, error) {
	artifacts := map[string]compat.Artifact{}
	if s.plan.artifacts == nil {
		return artifacts, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.decode(s.plan.artifacts, "", &artifacts); err != nil {
		return nil, fmt.Errorf("output artifacts: %w", err)
	}
	return artifacts, nil
}

func (s *State) decode(e *expression, phase string, target any) error {
	v, err := e.bind(s.plan.markers.ctx, s.lookup)
	if err != nil {
		return err
	}
	return v.Decode(target)
}

// phase returns the entry of a phase in the parameters, making it at need.
func (s *State) phase(name string) *compat.Phase {
	if name == deferName {
		if s.params.DeferPhase == nil {
			s.params.DeferPhase = &compat.Phase{}
		}
		return s.params.DeferPhase
	}
	p := s.params.Phases[name]
	if p == nil {
		p = &compat.Phase{}
		s.params.Phases[name] = p
	}
	return p
}

func (s *State) lookup(ref Ref) (any, bool, error) {
	if ref.Kind == TemplateRef {
		text, err := s.render(ref.Template, s.params)
		return text, err == nil, err
	}
	p := s.params.Phases[ref.Phase]
	if ref.Phase == deferName {
		p = s.params.DeferPhase
	}
	if p == nil {
		return nil, false, nil
	}
	switch ref.Kind {
	case OutputRef:
		if ref.Key == "" {
			return orEmpty(p.Output), p.Output != nil, nil
		}
		v, ok := p.Output[ref.Key]
		return v, ok, nil
	case SecretRef:
		o, ok := p.Secrets[ref.Key]
		return ref.of(secretText(o.Data), ok)
	default:
		o, ok := p.ConfigMaps[ref.Key]
		return ref.of(orEmpty(o.Data), ok)
	}
}

// of picks what the Ref names out of an object's data.
func (r Ref) of(data map[string]string, found bool) (any, bool, error) {
	if !found || r.Field == "" {
		return data, found, nil
	}
	if text, ok := data[r.Field]; ok || !r.HasDefault {
		return text, ok, nil
	}
	return r.Default, true, nil
}

func secretText(data map[string][]byte) map[string]string {
	text := map[string]string{}
	for k, v := range data {
		if utf8.Valid(v) {
			text[k] = string(v)
		}
	}
	return text
}

func kindOf(v any) cue.Kind {
	switch v.(type) {
	case string:
		return cue.StringKind
	case int, int32, int64:
		return cue.IntKind
	case float64:
		return cue.NumberKind
	case bool:
		return cue.BoolKind
	default:
		return cue.BottomKind
	}
}

func listOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

// Params returns the parameters as the function of a phase sees them.
func (s *State) Params(ph *Phase) *compat.Params {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := *s.params
	own.Phases = make(map[string]*compat.Phase, len(s.params.Phases))
	for name, p := range s.params.Phases {
		copied := *p
		own.Phases[name] = &copied
	}
	if ph.Name != deferName {
		own.CurrentPhase = own.Phases[ph.Name]
	}
	return &own
}
