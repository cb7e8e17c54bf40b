package compat

// secretResource is a Secret as it stands in a file.
type secretResource struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   Meta              `json:"metadata"`
	Type       string            `json:"type"`
	Immutable  bool              `json:"immutable"`
	Data       map[string][]byte `json:"data"`
	StringData map[string]string `json:"stringData"`
}

// ReadSecret reads a document that is a Kubernetes Secret; of any other it returns
// nil. As in Kubernetes, stringData wins over data. The error is an Errors, which
// shows no values.
func ReadSecret(doc *Document) (*Secret, error) {
	kind, _ := doc.Root.Get("kind").Text()
	version, given := doc.Root.Get("apiVersion").Text()
	if kind != "Secret" || given && version != "v1" {
		return nil, nil
	}
	r, b := &secretResource{}, &binder{}
	if err := b.bindTo(doc.Root, r); err != nil {
		return nil, err
	}
	if r.Metadata.Name == "" {
		return nil, Errors{doc.Root.Errorf("the Secret has no metadata.name")}
	}
	s := &Secret{Meta: r.Metadata, Type: r.Type, Data: map[string][]byte{}}
	for k, v := range r.Data {
		s.Data[k] = v
	}
	for k, v := range r.StringData {
		s.Data[k] = []byte(v)
	}
	return s, nil
}
