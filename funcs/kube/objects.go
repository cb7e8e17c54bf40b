package kube

import (
	"context"
	"fmt"

	"k8s.io/client-go/kubernetes"

	"github.com/rescuecue/rescue/compat"
)

// Objects reads the Secrets and ConfigMaps that phases name.
type Objects struct {
	Kube kubernetes.Interface
}

// Secret reads a Secret.
func (o Objects) Secret(ctx context.Context, namespace, name string) (compat.Secret, error) {
	g := Gatherer{Kube: o.Kube}
	s, err := g.secret(ctx, compat.NamespacedName{Namespace: namespace, Name: name})
	if err != nil {
		return s, fmt.Errorf("read Secret %s/%s: %w", namespace, name, err)
	}
	return s, nil
}

// ConfigMap reads a ConfigMap.
func (o Objects) ConfigMap(ctx context.Context, namespace, name string) (compat.ConfigMap, error) {
	g := Gatherer{Kube: o.Kube}
	c, err := g.configMap(ctx, compat.NamespacedName{Namespace: namespace, Name: name})
	if err != nil {
		return c, fmt.Errorf("read ConfigMap %s/%s: %w", namespace, name, err)
	}
	return c, nil
}
