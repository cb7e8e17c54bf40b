package local

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// must gives a built-in resource.
func (c *Cluster) must(gvr schema.GroupVersionResource) resource {
	r, _ := c.store.kinds.resource(gvr)
	return r
}

// fetch gives a typed object.
func fetch[T any](c *Cluster, gvr schema.GroupVersionResource, namespace, name string) (*T, error) {
	obj, err := c.store.get(c.must(gvr), namespace, name)
	if err != nil {
		return nil, err
	}
	return typed[T](obj)
}

// fetchAll gives all typed objects of a namespace, or of all with an empty one.
func fetchAll[T any](c *Cluster, gvr schema.GroupVersionResource, namespace string) ([]*T, error) {
	objs, _ := c.store.list(c.must(gvr), namespace, matcher{})
	list := make([]*T, len(objs))
	for i, obj := range objs {
		t, err := typed[T](obj)
		if err != nil {
			return nil, err
		}
		list[i] = t
	}
	return list, nil
}

func (c *Cluster) exists(gvr schema.GroupVersionResource, namespace, name string) bool {
	_, err := c.store.get(c.must(gvr), namespace, name)
	return err == nil
}

// make creates an object from its typed form.
func (c *Cluster) make(gvr schema.GroupVersionResource, namespace string, obj any) error {
	u, err := untyped(obj)
	if err != nil {
		return err
	}
	_, err = c.store.create(c.must(gvr), namespace, u)
	return err
}

// drop deletes an object that may be gone already.
func (c *Cluster) drop(gvr schema.GroupVersionResource, namespace, name string) error {
	_, err := c.store.delete(c.must(gvr), namespace, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

var errReplaced = errors.New("the object is gone or was replaced")

// writeStatus replaces the status of the object that has this UID.
func (c *Cluster) writeStatus(r resource, owner metav1.Object, status any) error {
	_, err := c.store.update(r, owner.GetNamespace(), owner.GetName(), "status",
		func(obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			if obj.GetUID() != owner.GetUID() {
				return nil, errReplaced
			}
			var m map[string]any
			if err := convert(status, &m); err != nil {
				return nil, err
			}
			obj.Object["status"] = m
			return obj, nil
		})
	if apierrors.IsNotFound(err) {
		return errReplaced
	}
	return err
}

func (c *Cluster) secretData(namespace, name string, optional *bool) (map[string][]byte, error) {
	secret, err := fetch[corev1.Secret](c, secretsGVR, namespace, name)
	if err != nil {
		return nil, missing(err, "secret", name, optional)
	}
	return secret.Data, nil
}

func (c *Cluster) configMapData(namespace, name string, optional *bool) (map[string][]byte, error) {
	m, err := fetch[corev1.ConfigMap](c, configMapsGVR, namespace, name)
	if err != nil {
		return nil, missing(err, "configmap", name, optional)
	}
	data := map[string][]byte{}
	for key, value := range m.Data {
		data[key] = []byte(value)
	}
	for key, value := range m.BinaryData {
		data[key] = value
	}
	return data, nil
}

func missing(err error, kind, name string, optional *bool) error {
	switch {
	case !apierrors.IsNotFound(err):
		return err
	case optional != nil && *optional:
		return nil
	}
	return &missingObject{Kind: kind, Name: name}
}

// hosts makes the container's /etc/hosts: names of the pod and of the services all
// stand for this machine.
func (w *podWorker) hosts() string {
	var out strings.Builder
	out.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	name := hostname(w.pod)
	fmt.Fprintf(&out, "127.0.0.1\t%s\n", name)
	services, err := fetchAll[corev1.Service](w.k.c, servicesGVR, "")
	if err != nil {
		w.k.c.report("services", err)
	}
	for _, s := range services {
		full := s.Name + "." + s.Namespace
		if s.Namespace == w.pod.Namespace {
			fmt.Fprintf(&out, "127.0.0.1\t%s\n", s.Name)
		}
		fmt.Fprintf(&out, "127.0.0.1\t%s %s.svc %s.svc.cluster.local\n", full, full, full)
	}
	if sub := w.pod.Spec.Subdomain; sub != "" {
		full := name + "." + sub + "." + w.pod.Namespace
		fmt.Fprintf(&out, "127.0.0.1\t%s.%s %s.svc %s.svc.cluster.local\n", name, sub, full, full)
	}
	for _, a := range w.pod.Spec.HostAliases {
		fmt.Fprintf(&out, "%s\t%s\n", a.IP, strings.Join(a.Hostnames, " "))
	}
	return out.String()
}
