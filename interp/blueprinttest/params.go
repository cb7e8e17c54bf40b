package blueprinttest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/compat"
)

// workload is a StatefulSet, Deployment or DeploymentConfig of an input.
type workload struct {
	Name                   string                       `json:"name"`
	Namespace              string                       `json:"namespace"`
	Pods                   []string                     `json:"pods"`
	Containers             [][]string                   `json:"containers"`
	PersistentVolumeClaims map[string]map[string]string `json:"persistentVolumeClaims"`
}

type named struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// readParams turns what a test writes as input, in the names of the language, into the
// parameters of an action.
func readParams(input cue.Value) (*compat.Params, error) {
	p := &compat.Params{Time: testTime.Format(time.RFC3339Nano)}
	if !input.Exists() {
		return p, nil
	}
	it, err := input.Fields()
	if err != nil {
		return nil, err
	}
	for it.Next() {
		name := it.Selector().Unquoted()
		read, known := inputs[name]
		if !known {
			return nil, &misfit{it.Value(), unknownInput(name)}
		}
		if err := read(p, it.Value()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func unknownInput(name string) error {
	return fmt.Errorf("there is no input %q%s", name, meant(name, slices.Sorted(maps.Keys(inputs))))
}

// inputs has a reader for each input.
var inputs = map[string]func(*compat.Params, cue.Value) error{
	"statefulSet":      into(func(p *compat.Params, w workload) { p.StatefulSet = (*compat.Workload)(&w) }),
	"deployment":       into(func(p *compat.Params, w workload) { p.Deployment = (*compat.Workload)(&w) }),
	"deploymentConfig": into(func(p *compat.Params, w workload) { p.DeploymentConfig = (*compat.Workload)(&w) }),
	"pvc":              into(func(p *compat.Params, n named) { p.PVC = (*compat.NamespacedName)(&n) }),
	"namespace":        into(func(p *compat.Params, n named) { p.Namespace = (*compat.NamespacedName)(&n) }),
	"object":           into(func(p *compat.Params, o map[string]any) { p.Object = o }),
	"artifactsIn":      into(func(p *compat.Params, a map[string]compat.Artifact) { p.ArtifactsIn = a }),
	"options":          into(func(p *compat.Params, o map[string]string) { p.Options = o }),
	"time":             into(func(p *compat.Params, t string) { p.Time = t }),
	"podOverride":      into(func(p *compat.Params, o map[string]any) { p.PodOverride = o }),
	"podLabels":        into(func(p *compat.Params, l map[string]string) { p.PodLabels = l }),
	"podAnnotations":   into(func(p *compat.Params, a map[string]string) { p.PodAnnotations = a }),
	"profile":          readProfile,
	"repositoryServer": readRepositoryServer,
	"secrets": into(func(p *compat.Params, all map[string]object) {
		p.Secrets = map[string]compat.Secret{}
		for name, o := range all {
			p.Secrets[name] = o.secret()
		}
	}),
	"configMaps": into(func(p *compat.Params, all map[string]object) {
		p.ConfigMaps = map[string]compat.ConfigMap{}
		for name, o := range all {
			p.ConfigMaps[name] = o.configMap()
		}
	}),
}

// into makes a reader that decodes an input and sets it.
func into[T any](set func(*compat.Params, T)) func(*compat.Params, cue.Value) error {
	return func(p *compat.Params, v cue.Value) error {
		var t T
		if err := decode(v, &t); err != nil {
			return err
		}
		set(p, t)
		return nil
	}
}

// readProfile leaves out the text of the whole profile, which follows from the rest.
func readProfile(p *compat.Params, v cue.Value) error {
	profile := &compat.Profile{}
	var credential struct {
		Type    string `json:"type"`
		KeyPair *struct {
			ID     string `json:"id"`
			Secret string `json:"secret"`
		} `json:"keyPair"`
		Secret *object `json:"secret"`
	}
	for path, target := range map[string]any{
		"location": &profile.Location, "credential": &credential, "skipSSLVerify": &profile.SkipSSLVerify,
	} {
		if err := decode(v.LookupPath(cue.ParsePath(path)), target); err != nil {
			return err
		}
	}
	profile.Credential.Type = credential.Type
	if k := credential.KeyPair; k != nil {
		profile.Credential.KeyPair = &compat.KeyPair{ID: k.ID, Secret: k.Secret}
	}
	if o := credential.Secret; o != nil {
		s := o.secret()
		profile.Credential.Secret = &s
	}
	p.Profile = profile
	return nil
}

func readRepositoryServer(p *compat.Params, v cue.Value) error {
	var s struct {
		named
		ServerInfo struct {
			PodName     string `json:"podName"`
			ServiceName string `json:"serviceName"`
		} `json:"serverInfo"`
		Username        string `json:"username"`
		Address         string `json:"address"`
		ContentCacheMB  int    `json:"contentCacheMB"`
		MetadataCacheMB int    `json:"metadataCacheMB"`
		Credentials     struct {
			ServerTLS        object `json:"serverTls"`
			ServerUserAccess object `json:"serverUserAccess"`
		} `json:"credentials"`
	}
	if err := decode(v, &s); err != nil {
		return err
	}
	p.RepositoryServer = &compat.RepositoryServer{
		Name: s.Name, Namespace: s.Namespace, Username: s.Username, Address: s.Address,
		ServerInfo:     compat.ServerInfo(s.ServerInfo),
		ContentCacheMB: s.ContentCacheMB, MetadataCacheMB: s.MetadataCacheMB,
		Credentials: compat.RepositoryServerCredentials{
			ServerTLS: s.Credentials.ServerTLS.secret(), ServerUserAccess: s.Credentials.ServerUserAccess.secret(),
		},
	}
	return nil
}
