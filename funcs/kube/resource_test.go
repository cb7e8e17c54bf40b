package kube

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func served() []*metav1.APIResourceList {
	return []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods/log", Kind: "Pod", Namespaced: true}, {Name: "pods", SingularName: "pod", ShortNames: []string{"po"}, Kind: "Pod", Namespaced: true},
			{Name: "namespaces", Kind: "Namespace"},
		}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{{Name: "deployments", ShortNames: []string{"deploy"}, Kind: "Deployment", Namespaced: true}}},
	}
}

func newResources(client *fake.Clientset) Resources {
	return Resources{Discovery: discovery.ToDiscoveryInterfaceWithContext(client.Discovery())}
}

func TestResources(t *testing.T) {
	client := fake.NewClientset()
	client.Resources = served()
	r := newResources(client)
	pods := Resource{schema.GroupVersionResource{Version: "v1", Resource: "pods"}, "Pod", true}
	if got, err := r.ByName(t.Context(), pods.GroupVersionResource); err != nil || got != pods {
		t.Errorf("%+v, error %v", got, err)
	}
	if got, err := r.ByKind(t.Context(), schema.GroupVersionKind{Version: "v1", Kind: "Pod"}); err != nil || got != pods {
		t.Errorf("%+v, error %v", got, err)
	}
	got, err := r.ByKind(t.Context(), schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	if err != nil || got.Namespaced || got.String() != "namespaces" {
		t.Errorf("%+v, error %v", got, err)
	}
}

func TestResourcesUnknown(t *testing.T) {
	for _, c := range []struct{ group, version, name, want string }{
		{"", "v1", "po", `the API server has no po in v1; did you mean resource "pods" (kind Pod) of group "", version v1?`},
		{"", "v1", "deployments", `did you mean resource "deployments" (kind Deployment) of group "apps", version v1?`},
		{"apps", "v1beta1", "Deployment", `no Deployment in apps/v1beta1; did you mean resource "deployments"`},
		{"x.example.com", "v1", "things", "its CustomResourceDefinition must be installed first"},
		{"", "v1", "pods/log", "has no pods/log in v1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := fake.NewClientset()
			client.Resources = served()
			_, err := newResources(client).ByName(t.Context(), schema.GroupVersionResource{Group: c.group, Version: c.version, Resource: c.name})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v", c.name, err)
			}
		})
	}
}

// TestResourcesNew: a resource that is served a moment later is found.
func TestResourcesNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, asked := fake.NewClientset(), 0
		client.Resources = served()
		client.PrependReactor("get", "resource", func(clienttesting.Action) (bool, runtime.Object, error) {
			if asked++; asked == 1 {
				return true, nil, apierrors.NewNotFound(schema.GroupResource{}, "v1")
			}
			return false, nil, nil
		})
		_, err := newResources(client).ByName(t.Context(), schema.GroupVersionResource{Version: "v1", Resource: "pods"})
		if err != nil || asked != 2 {
			t.Errorf("asked %d times, error %v", asked, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), settling/2)
		defer cancel()
		_, err = newResources(client).ByName(ctx, schema.GroupVersionResource{Version: "v1", Resource: "absent"})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestResourcesUnreadable(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("get", "resource", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
	_, err := newResources(client).ByName(t.Context(), schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"})
	if err == nil || !strings.Contains(err.Error(), "resources of apps/v1: connection refused") {
		t.Errorf("error %v", err)
	}
}
