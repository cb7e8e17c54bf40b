package run

import (
	"maps"
	"slices"

	"github.com/rescuecue/rescue/compat"
)

// Inputs are the parameters of a run that the cluster has told, and that the run itself
// may change: after its first phase the pods of a workload may be gone. A process that
// goes on with the run must see the same as the first. What is secret is not among them.
type Inputs struct {
	StatefulSet      *compat.Workload       `json:"statefulSet,omitempty"`
	Deployment       *compat.Workload       `json:"deployment,omitempty"`
	DeploymentConfig *compat.Workload       `json:"deploymentConfig,omitempty"`
	PVC              *compat.NamespacedName `json:"pvc,omitempty"`
	Namespace        *compat.NamespacedName `json:"namespace,omitempty"`
	// Object is the whole object that the action works on. Mask stands in the place of
	// what may be secret.
	Object map[string]any `json:"object,omitempty"`
	// Time is when the action started.
	Time string `json:"time"`
}

// inputsOf takes from the parameters what the journal keeps.
func inputsOf(p *compat.Params, r *Redactor) *Inputs {
	in := &Inputs{
		StatefulSet: p.StatefulSet, Deployment: p.Deployment, DeploymentConfig: p.DeploymentConfig,
		PVC: p.PVC, Namespace: p.Namespace, Time: p.Time,
	}
	if p.Object != nil {
		in.Object, _ = maskObject(p.Object, r).(map[string]any)
	}
	return in
}

// lastApplied holds a copy of the object that kubectl has applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// maskObject copies an object without what may be secret: the data of Secrets and of
// ConfigMaps, the values of environment variables, and every text that holds a secret
// which the run knows.
func maskObject(object map[string]any, r *Redactor) any {
	kind, _ := object["kind"].(string)
	out := map[string]any{}
	for key, v := range object {
		if (kind == "Secret" || kind == "ConfigMap") && slices.Contains([]string{"data", "stringData", "binaryData"}, key) {
			out[key] = maskAll(v)
			continue
		}
		out[key] = maskValue(v, r)
	}
	return out
}

func maskValue(v any, r *Redactor) any {
	switch v := v.(type) {
	case string:
		if r.Text(v) != v {
			return Mask
		}
	case []any:
		out := make([]any, len(v))
		for i, of := range v {
			out[i] = maskValue(of, r)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, of := range v {
			switch {
			case key == lastApplied:
				out[key] = Mask
			case key == "env":
				out[key] = maskEnv(of, r)
			default:
				out[key] = maskValue(of, r)
			}
		}
		return out
	}
	return v
}

// maskEnv masks the values of a container's variables: where somebody writes a
// password as plain text, it is there.
func maskEnv(v any, r *Redactor) any {
	list, ok := maskValue(v, r).([]any)
	if !ok {
		return maskValue(v, r)
	}
	for _, of := range list {
		if entry, ok := of.(map[string]any); ok && entry["value"] != nil {
			entry["value"] = Mask
		}
	}
	return list
}

// maskAll masks every text.
func maskAll(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return Mask
	}
	out := make(map[string]any, len(m))
	for key := range m {
		out[key] = Mask
	}
	return out
}

// Masked says whether some of the object is not in the journal.
func (in *Inputs) Masked() bool { return masked(in.Object) }

func masked(v any) bool {
	switch v := v.(type) {
	case string:
		return v == Mask
	case []any:
		return slices.ContainsFunc(v, masked)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), masked)
	}
	return false
}

// Restore puts the inputs into the parameters. What the journal does not keep of the
// object is taken from present, the object as it is now; what that lacks is left out,
// so that reading it is an error and not a wrong value.
func (in *Inputs) Restore(p *compat.Params, present map[string]any) {
	p.StatefulSet, p.Deployment, p.DeploymentConfig = in.StatefulSet, in.Deployment, in.DeploymentConfig
	p.PVC, p.Namespace, p.Time = in.PVC, in.Namespace, in.Time
	if in.Object != nil {
		p.Object, _ = unmask(in.Object, present).(map[string]any)
	}
}

// unmask returns v with the values of present in the place of masks; nil stands for
// nothing.
func unmask(v, present any) any {
	switch v := v.(type) {
	case string:
		if v == Mask {
			return present
		}
	case []any:
		now, _ := present.([]any)
		out := make([]any, 0, len(v))
		for i, of := range v {
			var at any
			if i < len(now) {
				at = now[i]
			}
			out = append(out, unmask(of, at))
		}
		return out
	case map[string]any:
		now, _ := present.(map[string]any)
		out := make(map[string]any, len(v))
		for key, of := range v {
			if whole := unmask(of, now[key]); whole != nil || of == nil {
				out[key] = whole
			}
		}
		return out
	}
	return v
}
