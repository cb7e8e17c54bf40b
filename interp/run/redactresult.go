package run

import (
	"maps"
	"slices"

	"github.com/rescuecue/rescue/compat"
)

// Redacted is the result as it may be shown: with a mask for each secret in the outputs and
// artifacts. Masked says where. The result itself has the values as they are.
func (r *Result) Redacted() *Result {
	if r.redact == nil {
		return r
	}
	out := *r
	m := &masking{r.redact, nil}
	out.Phases = make([]*PhaseResult, len(r.Phases))
	for i, p := range r.Phases {
		out.Phases[i] = m.phase("phases."+p.Name, p)
	}
	if r.DeferPhase != nil {
		out.DeferPhase = m.phase("deferPhase", r.DeferPhase)
	}
	out.Artifacts = m.artifacts(r.Artifacts)
	out.Masked = m.where
	return &out
}

// masking takes secrets out of values and notes which had any.
type masking struct {
	redact *Redactor
	where  []string
}

func (m *masking) phase(at string, p *PhaseResult) *PhaseResult {
	out := *p
	out.Output = m.output(at+".output", p.Output)
	return &out
}

func (m *masking) output(at string, output map[string]any) map[string]any {
	if output == nil {
		return nil
	}
	out := make(map[string]any, len(output))
	for _, key := range slices.Sorted(maps.Keys(output)) {
		out[key] = output[key]
		if text, ok := output[key].(string); ok {
			out[key] = m.text(at+"."+key, text)
		}
	}
	return out
}

func (m *masking) artifacts(artifacts map[string]compat.Artifact) map[string]compat.Artifact {
	if artifacts == nil {
		return nil
	}
	out := make(map[string]compat.Artifact, len(artifacts))
	for _, name := range slices.Sorted(maps.Keys(artifacts)) {
		at, a := "artifacts."+name, artifacts[name]
		a.KopiaSnapshot = m.text(at+".kopiaSnapshot", a.KopiaSnapshot)
		a.KeyValue = maps.Clone(a.KeyValue)
		for _, key := range slices.Sorted(maps.Keys(a.KeyValue)) {
			a.KeyValue[key] = m.text(at+".keyValue."+key, a.KeyValue[key])
		}
		out[name] = a
	}
	return out
}

func (m *masking) text(at, text string) string {
	masked := m.redact.Text(text)
	if masked != text {
		m.where = append(m.where, at)
	}
	return masked
}

// event is what others than the journal are told.
func (r *Redactor) event(e Event) Event {
	m := &masking{r, e.Masked}
	e.Output, e.Artifacts = m.output(outputsAt(e.Phase), e.Output), m.artifacts(e.Artifacts)
	slices.Sort(m.where)
	e.Masked = slices.Compact(m.where)
	return e
}

// outputsAt is where the outputs of a phase stand in a result.
func outputsAt(phase string) string {
	if phase == DeferPhase {
		return "deferPhase.output"
	}
	return "phases." + phase + ".output"
}

// Mask takes the secrets of the run out of a text.
func (r *Result) Mask(text string) string {
	if r.redact == nil {
		return text
	}
	return r.redact.Text(text)
}
