package local

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Apply creates the objects of a YAML or JSON text with any number of documents, or
// merges them into those that are there. Namespaces are made as they are needed; an
// object that names none goes to "default". Nothing is applied when a document is
// not a Kubernetes object of a kind that the cluster takes.
func (c *Cluster) Apply(manifests []byte) error {
	objs, err := readManifests(manifests)
	if err != nil {
		return err
	}
	resources, err := c.resourcesOf(objs)
	if err != nil {
		return err
	}
	for i, obj := range objs {
		if err := c.applyObject(resources[i], obj); err != nil {
			return fmt.Errorf("document %d: %s %s: %w", i+1, obj.GetKind(), obj.GetName(), err)
		}
	}
	return nil
}

// resourcesOf finds the resource of each object. A definition among them counts for
// all of them, wherever it stands.
func (c *Cluster) resourcesOf(objs []*unstructured.Unstructured) ([]resource, error) {
	for i, obj := range objs {
		if obj.GetKind() != "CustomResourceDefinition" {
			continue
		}
		r, err := definedResource(obj)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		if !builtin(r) {
			c.store.kinds.add(r)
		}
	}
	resources := make([]resource, len(objs))
	for i, obj := range objs {
		r, err := c.store.kinds.forManifest(obj.GroupVersionKind(), obj.GetNamespace() != "")
		if err != nil {
			return nil, fmt.Errorf("document %d: %s: %w", i+1, obj.GetName(), err)
		}
		resources[i] = r
	}
	return resources, nil
}

func (c *Cluster) applyObject(r resource, obj *unstructured.Unstructured) error {
	namespace := ""
	if r.Namespaced {
		namespace = obj.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		if err := c.ensureNamespace(namespace); err != nil {
			return err
		}
	}
	// What a dump of another cluster says of its own object does not hold here.
	for _, field := range []string{"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink"} {
		unstructured.RemoveNestedField(obj.Object, "metadata", field)
	}
	data, err := json.Marshal(obj.Object)
	if err != nil {
		return err
	}
	_, _, err = c.store.applyJSON(r, namespace, obj.GetName(), "", data)
	return err
}

func (c *Cluster) ensureNamespace(name string) error {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	obj.SetName(name)
	obj.SetLabels(map[string]string{corev1.LabelMetadataName: name})
	_, err := c.store.create(c.must(namespacesGVR), "", obj)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func readManifests(data []byte) ([]*unstructured.Unstructured, error) {
	var objs []*unstructured.Unstructured
	docs := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for n := 1; ; n++ {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return objs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		found, err := readManifest(doc)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		objs = append(objs, found...)
	}
}

// readManifest gives the objects of a document: none if it is empty, and those of a
// List one by one.
func readManifest(doc []byte) ([]*unstructured.Unstructured, error) {
	data, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		return nil, nil
	}
	obj := &unstructured.Unstructured{}
	if err := unmarshalObject(data, &obj.Object); err != nil {
		return nil, fmt.Errorf("not a Kubernetes object: %w", err)
	}
	if obj.GetAPIVersion() == "" || obj.GetKind() == "" {
		return nil, errors.New("not a Kubernetes object: apiVersion or kind is missing")
	}
	if obj.IsList() {
		return listItems(obj)
	}
	return []*unstructured.Unstructured{obj}, checkNamed(obj)
}

func checkNamed(obj *unstructured.Unstructured) error {
	switch {
	case obj.GetAPIVersion() == "" || obj.GetKind() == "":
		return errors.New("not a Kubernetes object: apiVersion or kind is missing")
	case obj.GetName() == "":
		return fmt.Errorf("%s without metadata.name", obj.GetKind())
	}
	return nil
}

func listItems(list *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var items []*unstructured.Unstructured
	raw, _, err := unstructured.NestedSlice(list.Object, "items")
	if err != nil {
		return nil, err
	}
	for _, item := range raw {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, errors.New("an item of the list is not an object")
		}
		obj := &unstructured.Unstructured{Object: m}
		if err := checkNamed(obj); err != nil {
			return nil, err
		}
		items = append(items, obj)
	}
	return items, nil
}

// makeOwnObjects gives a new cluster what every cluster has.
func (c *Cluster) makeOwnObjects() error {
	if err := c.ensureNamespace(metav1.NamespaceDefault); err != nil {
		return err
	}
	own := fmt.Sprintf(ownObjects, storageClass, nodeName)
	objs, err := readManifests([]byte(own))
	if err != nil {
		return err
	}
	for _, obj := range objs {
		r, _ := c.store.kinds.kind(obj.GroupVersionKind())
		if _, err := c.store.create(r, "", obj); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

const ownObjects = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: %[1]s
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: rescue.local
reclaimPolicy: Delete
volumeBindingMode: Immediate
allowVolumeExpansion: true
---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotClass
metadata:
  name: %[1]s
  annotations: {snapshot.storage.kubernetes.io/is-default-class: "true"}
driver: rescue.local
deletionPolicy: Delete
---
apiVersion: v1
kind: Node
metadata:
  name: %[2]s
  labels: {kubernetes.io/hostname: %[2]s, kubernetes.io/os: linux}
`
