package compat

// ArtifactTemplates are the artifacts that an action leaves as they are written: each
// text is a template.
func (a *BlueprintAction) ArtifactTemplates() map[string]Artifact {
	if a == nil || len(a.OutputArtifacts) == 0 {
		return nil
	}
	out := map[string]Artifact{}
	for _, o := range a.OutputArtifacts {
		one := Artifact{}
		for _, f := range o.KeyValue {
			if one.KeyValue == nil {
				one.KeyValue = map[string]string{}
			}
			one.KeyValue[f.Name], _ = f.Value.Text()
		}
		if o.KopiaSnapshot != nil {
			one.KopiaSnapshot, _ = o.KopiaSnapshot.Value.Text()
		}
		out[o.Name] = one
	}
	return out
}
