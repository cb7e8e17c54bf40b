package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/rescuecue/rescue/funcs/kube"
)

// objectReference names an object, as blueprints do. APIVersion is the version
// alone; with a group before it, as in manifests, it is understood too. Kind does
// not count.
type objectReference struct {
	APIVersion string `json:"apiVersion"`
	Group      string `json:"group"`
	Resource   string `json:"resource"`
	Name       string `json:"name"`
	Namespace  string `json:"namespace"`
	Kind       string `json:"kind"`
}

// An objectTarget is an object that may exist or not.
type objectTarget struct {
	kube.Resource
	namespace, name string // no namespace for an object of the whole cluster
	client          dynamic.ResourceInterface
}

// String is for messages: deployments.apps shop/web.
func (t objectTarget) String() string {
	return t.Resource.String() + " " + strings.TrimPrefix(t.namespace+"/"+t.name, "/")
}

// output describes the object, as KubeOps does.
func (t objectTarget) output() Output {
	return Output{
		"apiVersion": t.Version, "group": t.Group, "resource": t.GroupVersionResource.Resource,
		"kind": t.Kind, "name": t.name, "namespace": t.namespace,
	}
}

// resources finds out what the cluster serves.
func (e *Env) resources() kube.Resources {
	return kube.Resources{Discovery: discovery.ToDiscoveryInterfaceWithContext(e.Kube.Discovery())}
}

// target finds the object that a reference names. namespace is for a reference that
// has none.
func (e *Env) target(ctx context.Context, r objectReference, namespace string) (objectTarget, error) {
	gvr, err := r.resource()
	if err != nil {
		return objectTarget{}, err
	}
	resource, err := e.resources().ByName(ctx, gvr)
	if err != nil {
		return objectTarget{}, fmt.Errorf("objectReference: %w", err)
	}
	t := objectTarget{Resource: resource, name: r.Name}
	if resource.Namespaced {
		t.namespace = cmp.Or(r.Namespace, namespace)
		if t.namespace == "" {
			return objectTarget{}, fmt.Errorf("objectReference of %s needs a namespace: %s belong to one", t, resource)
		}
	}
	t.client = resource.In(e.Dynamic, t.namespace)
	return t, nil
}

func (r objectReference) resource() (schema.GroupVersionResource, error) {
	var none schema.GroupVersionResource
	switch {
	case r.APIVersion == "":
		return none, errors.New("objectReference needs apiVersion, such as v1")
	case r.Resource == "":
		return none, errors.New("objectReference needs resource, the plural in lower case, such as deployments")
	case r.Name == "":
		return none, errors.New("objectReference needs name")
	}
	group, version := r.Group, r.APIVersion
	if g, v, ok := strings.Cut(version, "/"); ok {
		if group != "" && group != g {
			return none, fmt.Errorf("objectReference has group %q, but apiVersion %q: write the version alone", r.Group, r.APIVersion)
		}
		group, version = g, v
	}
	return schema.GroupVersionResource{Group: group, Version: version, Resource: r.Resource}, nil
}
