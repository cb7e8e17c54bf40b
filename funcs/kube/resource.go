package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

// A Resource is a kind of objects, as the API server serves it.
type Resource struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
}

// String is the resource with its group, as kubectl writes it: deployments.apps.
func (r Resource) String() string { return r.GroupResource().String() }

// In returns the client for the objects in a namespace. For a resource of the whole
// cluster the namespace does not count.
func (r Resource) In(client dynamic.Interface, namespace string) dynamic.ResourceInterface {
	if r.Namespaced {
		return client.Resource(r.GroupVersionResource).Namespace(namespace)
	}
	return client.Resource(r.GroupVersionResource)
}

// Resources finds out what the API server serves. It asks for the one version of the
// one group that is meant and keeps nothing, so that a new custom resource is found,
// and a broken aggregated API elsewhere does no harm.
type Resources struct {
	Discovery discovery.DiscoveryInterfaceWithContext
}

// settling is how long an API server may take to serve a resource whose
// CustomResourceDefinition has just been created.
const settling = time.Second

// ByName finds a resource by its name, the plural in lower case.
func (r Resources) ByName(ctx context.Context, want schema.GroupVersionResource) (Resource, error) {
	return r.find(ctx, want.GroupVersion(), want.Resource, func(a metav1.APIResource) bool { return a.Name == want.Resource })
}

// ByKind finds the resource of a kind.
func (r Resources) ByKind(ctx context.Context, want schema.GroupVersionKind) (Resource, error) {
	return r.find(ctx, want.GroupVersion(), want.Kind, func(a metav1.APIResource) bool { return a.Kind == want.Kind })
}

// find looks twice, because the resource may be new.
func (r Resources) find(ctx context.Context, in schema.GroupVersion, name string, match func(metav1.APIResource) bool) (Resource, error) {
	found, err := r.look(ctx, in, match)
	if found != nil || err != nil {
		return resourceOf(in, found), err
	}
	if err := Sleep(ctx, settling); err != nil {
		return Resource{}, err
	}
	found, err = r.look(ctx, in, match)
	if found != nil || err != nil {
		return resourceOf(in, found), err
	}
	return Resource{}, fmt.Errorf("the API server has no %s in %s%s", name, in, r.hint(ctx, name))
}

// look returns nil if there is no such resource.
func (r Resources) look(ctx context.Context, in schema.GroupVersion, match func(metav1.APIResource) bool) (*metav1.APIResource, error) {
	list, err := r.Discovery.ServerResourcesForGroupVersionWithContext(ctx, in.String())
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resources of %s: %w", in, err)
	}
	i := slices.IndexFunc(list.APIResources, func(a metav1.APIResource) bool { return !isSubresource(a) && match(a) })
	if i < 0 {
		return nil, nil
	}
	return &list.APIResources[i], nil
}

func isSubresource(a metav1.APIResource) bool { return strings.Contains(a.Name, "/") }

func resourceOf(in schema.GroupVersion, a *metav1.APIResource) Resource {
	if a == nil {
		return Resource{}
	}
	return Resource{GroupVersionResource: in.WithResource(a.Name), Kind: a.Kind, Namespaced: a.Namespaced}
}

// hint says where a resource or kind of a similar name is. It is for an error: what
// cannot be read is left out, and an aggregated API that is broken holds nothing up.
func (r Resources) hint(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(ctx, explainLimit)
	defer cancel()
	_, lists, err := r.Discovery.ServerGroupsAndResourcesWithContext(ctx)
	if err != nil && len(lists) == 0 {
		return ""
	}
	for _, list := range lists {
		in, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, a := range list.APIResources {
			if !isSubresource(a) && isCalled(a, name) {
				return fmt.Sprintf("; did you mean resource %q (kind %s) of group %q, version %s?", a.Name, a.Kind, in.Group, in.Version)
			}
		}
	}
	return "; if it is a custom resource, its CustomResourceDefinition must be installed first"
}

// isCalled tells whether people may call a resource so.
func isCalled(a metav1.APIResource, name string) bool {
	names := append([]string{a.Name, a.SingularName, a.Kind}, a.ShortNames...)
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
