package run

import (
	"maps"
	"slices"
)

// Redacted is the summary as it may be shown. What the secrets of the run were nobody
// knows any more: a value that had one is masked as a whole.
func (s Summary) Redacted() Summary {
	hide := map[string]bool{}
	for _, at := range s.Masked {
		hide[at] = true
	}
	s.Phases = slices.Clone(s.Phases)
	s.Outputs = maps.Clone(s.Outputs)
	for i := range s.Phases {
		p := &s.Phases[i]
		p.Output = hidden(p.Output, outputsAt(p.Name)+".", hide)
		if s.Outputs[p.Name] != nil {
			s.Outputs[p.Name] = p.Output
		}
	}
	s.Artifacts = maps.Clone(s.Artifacts)
	for name, a := range s.Artifacts {
		at := "artifacts." + name
		a.KeyValue = hidden(a.KeyValue, at+".keyValue.", hide)
		if hide[at+".kopiaSnapshot"] {
			a.KopiaSnapshot = Mask
		}
		s.Artifacts[name] = a
	}
	return s
}

// hidden copies values, with a mask for those at paths to hide.
func hidden[V any](values map[string]V, at string, hide map[string]bool) map[string]V {
	out := maps.Clone(values)
	for key := range out {
		if mask, ok := any(Mask).(V); ok && hide[at+key] {
			out[key] = mask
		}
	}
	return out
}
