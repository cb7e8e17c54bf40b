package blueprinttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
)

// testTime is when actions start for tests that do not say it.
var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// given is what a test gives to an action.
type given struct {
	action string
	params *compat.Params
	// phases say what the functions of phases do, deferPhase what that of the defer
	// phase does.
	phases     map[string]behaviour
	deferPhase behaviour
	// secrets and configMaps of the cluster, by NAMESPACE/NAME.
	secrets    map[string]object
	configMaps map[string]object
}

// behaviour is what a function does: it returns an output, or fails.
type behaviour struct {
	Output map[string]any `json:"output"`
	Fails  *string        `json:"fails"`
}

// object is a Secret or ConfigMap; the data is text.
type object struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Type        string            `json:"type"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Data        map[string]string `json:"data"`
}

func (o object) meta() compat.Meta {
	return compat.Meta{Name: o.Name, Namespace: o.Namespace, Labels: o.Labels, Annotations: o.Annotations}
}

func (o object) secret() compat.Secret {
	data := make(map[string][]byte, len(o.Data))
	for k, v := range o.Data {
		data[k] = []byte(v)
	}
	return compat.Secret{Meta: o.meta(), Type: o.Type, Data: data}
}

func (o object) configMap() compat.ConfigMap {
	return compat.ConfigMap{Meta: o.meta(), Data: o.Data}
}

// readGiven reads what a test gives. What is not known to the end is an error.
func readGiven(test cue.Value) (*given, error) {
	g := &given{phases: map[string]behaviour{}}
	var objects struct {
		Secrets    map[string]object `json:"secrets"`
		ConfigMaps map[string]object `json:"configMaps"`
	}
	for path, target := range map[string]any{
		"action": &g.action, "phases": &g.phases, "deferPhase": &g.deferPhase, "objects": &objects,
	} {
		if err := decode(test.LookupPath(cue.ParsePath(path)), target); err != nil {
			return nil, err
		}
	}
	g.secrets, g.configMaps = objects.Secrets, objects.ConfigMaps
	params, err := readParams(test.LookupPath(cue.ParsePath("input")))
	g.params = params
	return g, err
}

// decode fills target with a value that is known to the end; one that is not there
// leaves it alone. A field that target does not have is an error.
func decode(v cue.Value, target any) error {
	if !v.Exists() {
		return nil
	}
	src, err := v.MarshalJSON()
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode(target); err != nil {
		return &misfit{v, fmt.Errorf("%s: %w", v.Path(), err)}
	}
	switch t := target.(type) {
	case *map[string]any:
		*t, _ = numbers(*t).(map[string]any)
	case *map[string]behaviour:
		for _, b := range *t {
			numbers(b.Output)
		}
	case *behaviour:
		numbers(t.Output)
	}
	return nil
}

// A misfit is an error in a value that CUE itself has no objection to.
type misfit struct {
	value cue.Value
	err   error
}

func (m *misfit) Error() string { return m.err.Error() }

// numbers makes whole numbers int64, as the interpreter has them, and others float64,
// in place where there is one.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = numbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = numbers(e)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if n, err := v.Float64(); err == nil {
			return n
		}
	}
	return v
}
