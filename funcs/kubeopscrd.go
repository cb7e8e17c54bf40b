package funcs

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rescuecue/rescue/funcs/kube"
)

// definitions are the kinds that CustomResourceDefinitions of a spec define: objects
// of these kinds may stand in the same spec.
type definitions map[schema.GroupVersionKind]definition

type definition struct {
	resource kube.Resource
	crd      *creation
}

// find returns the resource of a kind and, if the spec itself defines it, what
// creates the definition.
func (d definitions) find(ctx context.Context, env *Env, kind schema.GroupVersionKind) (kube.Resource, *creation, error) {
	if def, ok := d[kind]; ok {
		return def.resource, def.crd, nil
	}
	resource, err := env.resources().ByKind(ctx, kind)
	return resource, nil, err
}

// add notes what c defines, if it does. A definition that is malformed is left to
// the server.
func (d definitions) add(c *creation) {
	if c.Group != "apiextensions.k8s.io" || c.Kind != "CustomResourceDefinition" {
		return
	}
	text := func(fields ...string) string {
		s, _, _ := unstructured.NestedString(c.object.Object, fields...)
		return s
	}
	versions, _, _ := unstructured.NestedSlice(c.object.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		name, _ := version["name"].(string)
		gv := schema.GroupVersion{Group: text("spec", "group"), Version: name}
		kind := text("spec", "names", "kind")
		d[gv.WithKind(kind)] = definition{
			resource: kube.Resource{
				GroupVersionResource: gv.WithResource(text("spec", "names", "plural")),
				Kind:                 kind,
				Namespaced:           text("spec", "scope") != "Cluster",
			},
			crd: c,
		}
	}
}

// established waits until the server serves what a CustomResourceDefinition defines.
func (c *creation) established(ctx context.Context) error {
	client := kube.Dynamic(c.client)
	return kube.Observe(ctx, client, c.name, func(crd *unstructured.Unstructured, exists bool) (bool, error) {
		if !exists {
			return false, fmt.Errorf("%s, which defines the kind, was deleted", c.objectTarget)
		}
		if why := crdCondition(crd, "NamesAccepted", "False"); why != "" {
			return false, fmt.Errorf("%s: %s", c.objectTarget, why)
		}
		return crdCondition(crd, "Established", "True") != "", nil
	})
}

// crdCondition returns the message of a condition, or its reason, if it has the status.
func crdCondition(object *unstructured.Unstructured, kind, status string) string {
	// The API server writes this list itself: what is not there is not there yet.
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		fields, _ := c.(map[string]any)
		if fields["type"] == kind && fields["status"] == status {
			return fmt.Sprintf("%v: %v", fields["reason"], fields["message"])
		}
	}
	return ""
}
