package main

import (
	"fmt"

	"github.com/rescuecue/rescue/compat"
)

// unseen are the parameters as far as they are known without a cluster: of objects only
// their names.
func (f *planFlags) unseen(c *call, spec compat.ActionSpec) (*compat.Params, error) {
	params := &compat.Params{}
	if f.params != "" {
		if f.params == "-" && f.blueprint == "-" {
			return nil, usage("--params: standard input is read for -b already")
		}
		src, err := c.read(f.params)
		if err != nil {
			return nil, cannot(err)
		}
		if params, err = compat.ParseParams(src); err != nil {
			return nil, failed(fmt.Errorf("%s: %w", f.params, err))
		}
	}
	if f.params == "" {
		params.ArtifactsIn, params.Options = spec.Artifacts, spec.Options
		nameObject(params, spec.Object)
	} else {
		// Secret options need not stand in a file.
		for key, value := range spec.Options {
			if params.Options == nil {
				params.Options = map[string]string{}
			}
			params.Options[key] = value
		}
	}
	nameSecrets(params, spec)
	if c.profile == "" {
		return params, nil
	}
	var err error
	params.Profile, err = profileUnseen(c.profile, c.read)
	return params, err
}

// nameObject fills in the name of the object that the action works on.
func nameObject(p *compat.Params, ref compat.ObjectReference) {
	w := &compat.Workload{Name: ref.Name, Namespace: ref.Namespace}
	switch name := (&compat.NamespacedName{Name: ref.Name, Namespace: ref.Namespace}); ref.Kind {
	case "StatefulSet":
		p.StatefulSet = w
	case "Deployment":
		p.Deployment = w
	case "DeploymentConfig":
		p.DeploymentConfig = w
	case "PVC":
		p.PVC = name
	case "Namespace":
		p.Namespace = name
	}
}

// nameSecrets fills in the names of the Secrets and ConfigMaps of the action.
func nameSecrets(p *compat.Params, spec compat.ActionSpec) {
	for key, ref := range spec.Secrets {
		if p.Secrets == nil {
			p.Secrets = map[string]compat.Secret{}
		}
		p.Secrets[key] = compat.Secret{Meta: compat.Meta{Name: ref.Name, Namespace: ref.Namespace}}
	}
	for key, ref := range spec.ConfigMaps {
		if p.ConfigMaps == nil {
			p.ConfigMaps = map[string]compat.ConfigMap{}
		}
		p.ConfigMaps[key] = compat.ConfigMap{Meta: compat.Meta{Name: ref.Name, Namespace: ref.Namespace}}
	}
}

// profileUnseen reads the Profile of a file without its Secrets. One of the cluster is not
// known; what stands for it is made where it is read.
func profileUnseen(path string, read reader) (*compat.Profile, error) {
	if !isFile(path) {
		return nil, nil
	}
	src, err := read(path)
	if err != nil {
		return nil, cannot(err)
	}
	docs, err := compat.Parse(fileTitle(path), src)
	if err != nil {
		return nil, failed(err)
	}
	for _, doc := range docs {
		if doc.Kind != compat.KindProfile {
			continue
		}
		resource, err := compat.ReadProfile(doc)
		if err != nil {
			return nil, failed(err)
		}
		return &compat.Profile{
			Location: resource.Location, SkipSSLVerify: resource.SkipSSLVerify, CABundle: resource.CABundle,
			// What of it is shown are placeholders.
			Credential: compat.Credential{Type: resource.Credential.Type, KeyPair: &compat.KeyPair{}},
		}, nil
	}
	return nil, failed(fmt.Errorf("%s: no Profile in this file", fileTitle(path)))
}
