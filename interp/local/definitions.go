package local

import (
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// A definition is what matters here of a CustomResourceDefinition. Its schemas do
// not: custom resources are kept as they come.
type definition struct {
	Spec struct {
		Group, Scope string
		Names        struct {
			Kind, Plural, Singular string
			ShortNames             []string
		}
		Versions []struct {
			Name            string
			Served, Storage bool
			Subresources    struct{ Status *struct{} }
		}
	}
}

// definedResource is the resource of a definition. Only the version that is stored
// is served: an object is never converted.
func definedResource(obj *unstructured.Unstructured) (resource, error) {
	var def definition
	if err := convert(obj.Object, &def); err != nil {
		return resource{}, fmt.Errorf("CustomResourceDefinition %s: %w", obj.GetName(), err)
	}
	s := def.Spec
	if s.Scope != "Namespaced" && s.Scope != "Cluster" {
		return resource{}, fmt.Errorf("CustomResourceDefinition %s: spec.scope must be Namespaced or Cluster", obj.GetName())
	}
	for _, v := range s.Versions {
		if !v.Storage || !v.Served {
			continue
		}
		r := resource{Kind: s.Names.Kind, Namespaced: s.Scope == "Namespaced", Status: v.Subresources.Status != nil, Short: s.Names.ShortNames}
		r.Group, r.Version, r.Resource = s.Group, v.Name, s.Names.Plural
		return r, nil
	}
	return resource{}, fmt.Errorf("CustomResourceDefinition %s: the version with storage: true must be served", obj.GetName())
}

// admitDefinition checks a definition and says that it holds from now on.
func admitDefinition(obj *unstructured.Unstructured) error {
	r, err := definedResource(obj)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if want := r.Resource + "." + r.Group; obj.GetName() != want {
		return apierrors.NewBadRequest(fmt.Sprintf("CustomResourceDefinition %s: its name must be %s", obj.GetName(), want))
	}
	names, _, err := unstructured.NestedMap(obj.Object, "spec", "names")
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	obj.Object["status"] = map[string]any{
		"acceptedNames":  names,
		"storedVersions": []any{r.Version},
		"conditions": []any{
			map[string]any{"type": "NamesAccepted", "status": "True", "reason": "NoConflicts"},
			map[string]any{"type": "Established", "status": "True", "reason": "InitialNamesAccepted"},
		},
	}
	return nil
}

// learn keeps the catalog of kinds in step with the definitions.
func (c *Cluster) learn(ch change) {
	if ch.Resource.GroupVersionResource != definitionsGVR {
		return
	}
	r, err := definedResource(ch.Object)
	switch {
	case err != nil: // admitDefinition has refused it
	case builtin(r): // as of snapshots, which come as definitions elsewhere
	case ch.Type == watch.Deleted:
		c.store.kinds.remove(r)
	default:
		c.store.kinds.add(r)
	}
}

func builtin(r resource) bool {
	return slices.ContainsFunc(builtinResources(), func(b resource) bool { return b.GroupVersionResource == r.GroupVersionResource })
}

// definition removes the objects of a deleted definition before the definition.
func (m *manager) definition(_, name string) error {
	obj, err := m.c.store.get(m.c.must(definitionsGVR), "", name)
	if err != nil || obj.GetDeletionTimestamp() == nil {
		return err
	}
	r, err := definedResource(obj)
	if err != nil {
		return err
	}
	if builtin(r) {
		return m.c.store.remove(m.c.must(definitionsGVR), obj)
	}
	left, _ := m.c.store.list(r, metav1.NamespaceAll, matcher{})
	for _, o := range left {
		if err := m.c.drop(r.GroupVersionResource, o.GetNamespace(), o.GetName()); err != nil {
			return err
		}
	}
	if left, _ = m.c.store.list(r, metav1.NamespaceAll, matcher{}); len(left) > 0 {
		return nil // Their removal makes the definition due again.
	}
	return m.c.store.remove(m.c.must(definitionsGVR), obj)
}
