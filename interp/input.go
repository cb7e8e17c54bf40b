package interp

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/rescuecue/rescue/compat"
)

// inputs maps the parameters of an action to the CUE field input. What is not
// known is left out, so that a phase that reads it is told so by name.
func inputs(p *compat.Params) (map[string]any, error) {
	in := map[string]any{
		"artifactsIn":    artifacts(p.ArtifactsIn),
		"configMaps":     mapValues(p.ConfigMaps, configMap),
		"secrets":        mapValues(p.Secrets, secret),
		"options":        orEmpty(p.Options),
		"time":           p.Time,
		"podOverride":    orEmpty(p.PodOverride),
		"podLabels":      orEmpty(p.PodLabels),
		"podAnnotations": orEmpty(p.PodAnnotations),
	}
	set := func(name string, given bool, value any) {
		if given {
			in[name] = value
		}
	}
	set("object", p.Object != nil, p.Object)
	set("statefulSet", p.StatefulSet != nil, workload(p.StatefulSet))
	set("deployment", p.Deployment != nil, workload(p.Deployment))
	set("deploymentConfig", p.DeploymentConfig != nil, workload(p.DeploymentConfig))
	set("pvc", p.PVC != nil, namespacedName(p.PVC))
	set("namespace", p.Namespace != nil, namespacedName(p.Namespace))
	if p.Profile != nil {
		profile, err := profileInput(p.Profile)
		if err != nil {
			return nil, err
		}
		in["profile"] = profile
	}
	set("repositoryServer", p.RepositoryServer != nil, repositoryServer(p.RepositoryServer))
	return in, nil
}

func workload(w *compat.Workload) map[string]any {
	if w == nil {
		return nil
	}
	return map[string]any{
		"name":                   w.Name,
		"namespace":              w.Namespace,
		"pods":                   append([]string{}, w.Pods...),
		"containers":             append([][]string{}, w.Containers...),
		"persistentVolumeClaims": orEmpty(w.PersistentVolumeClaims),
	}
}

func namespacedName(n *compat.NamespacedName) map[string]any {
	if n == nil {
		return nil
	}
	return map[string]any{"name": n.Name, "namespace": n.Namespace}
}

func artifacts(given map[string]compat.Artifact) map[string]any {
	return mapValues(given, func(a compat.Artifact) map[string]any {
		// Without a snapshot a template reads empty text.
		return map[string]any{"keyValue": orEmpty(a.KeyValue), "kopiaSnapshot": a.KopiaSnapshot}
	})
}

// secret leaves out data that is not text: CUE strings cannot hold it, and a
// phase that reads it is told that the key is missing.
func secret(s compat.Secret) map[string]any {
	data := map[string]string{}
	for k, v := range s.Data {
		if utf8.Valid(v) {
			data[k] = string(v)
		}
	}
	out := meta(s.Meta)
	out["data"] = data
	if s.Type != "" {
		out["type"] = s.Type
	}
	return out
}

func configMap(c compat.ConfigMap) map[string]any {
	out := meta(c.Meta)
	out["data"] = orEmpty(c.Data)
	return out
}

func meta(m compat.Meta) map[string]any {
	out := map[string]any{"name": m.Name, "namespace": m.Namespace}
	if m.Labels != nil {
		out["labels"] = m.Labels
	}
	if m.Annotations != nil {
		out["annotations"] = m.Annotations
	}
	return out
}

func profileInput(p *compat.Profile) (map[string]any, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	credential := map[string]any{"type": p.Credential.Type}
	if kp := p.Credential.KeyPair; kp != nil {
		credential["keyPair"] = map[string]any{"id": kp.ID, "secret": kp.Secret}
	}
	if s := p.Credential.Secret; s != nil {
		credential["secret"] = secret(*s)
	}
	return map[string]any{
		"location": map[string]any{
			"type": p.Location.Type, "bucket": p.Location.Bucket, "endpoint": p.Location.Endpoint,
			"prefix": p.Location.Prefix, "region": p.Location.Region,
		},
		"credential":    credential,
		"skipSSLVerify": p.SkipSSLVerify,
		"json":          string(text),
	}, nil
}

func repositoryServer(r *compat.RepositoryServer) map[string]any {
	if r == nil {
		return nil
	}
	return map[string]any{
		"name": r.Name, "namespace": r.Namespace, "username": r.Username, "address": r.Address,
		"serverInfo":     map[string]any{"podName": r.ServerInfo.PodName, "serviceName": r.ServerInfo.ServiceName},
		"contentCacheMB": r.ContentCacheMB, "metadataCacheMB": r.MetadataCacheMB,
		"credentials": map[string]any{
			"serverTls":        secret(r.Credentials.ServerTLS),
			"serverUserAccess": secret(r.Credentials.ServerUserAccess),
		},
	}
}

func mapValues[V any](m map[string]V, f func(V) map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = f(v)
	}
	return out
}

func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}
