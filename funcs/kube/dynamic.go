package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// Dynamic makes a Client of a dynamic one.
func Dynamic(r dynamic.ResourceInterface) Client[*unstructured.Unstructured] {
	return dynamicClient{r}
}

type dynamicClient struct{ resource dynamic.ResourceInterface }

func (d dynamicClient) Get(ctx context.Context, name string, opts metav1.GetOptions) (*unstructured.Unstructured, error) {
	return d.resource.Get(ctx, name, opts)
}

func (d dynamicClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	return d.resource.Watch(ctx, opts)
}

func (d dynamicClient) Patch(ctx context.Context, name string, pt types.PatchType, data []byte, opts metav1.PatchOptions, sub ...string) (*unstructured.Unstructured, error) {
	return d.resource.Patch(ctx, name, pt, data, opts, sub...)
}
