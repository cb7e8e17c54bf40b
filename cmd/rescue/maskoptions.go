package main

import "maps"

// maskOptions returns the spec of an ActionSet without secrets in the options of its
// actions.
func maskOptions(spec any, mask func(string) string) any {
	s, ok := spec.(map[string]any)
	actions, isList := s["actions"].([]any)
	if !ok || !isList {
		return spec
	}
	out := maps.Clone(s)
	masked := make([]any, len(actions))
	for i, action := range actions {
		masked[i] = action
		if a, ok := action.(map[string]any); ok && a["options"] != nil {
			a = maps.Clone(a)
			a["options"] = maskTexts(a["options"], mask)
			masked[i] = a
		}
	}
	out["actions"] = masked
	return out
}
