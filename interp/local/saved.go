package local

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation"
)

// loadObjects takes over the saved objects.
func (c *Cluster) loadObjects() error {
	all, err := c.store.keep.read()
	if err == nil {
		err = c.takeObjects(all)
	}
	if err != nil {
		return fmt.Errorf("saved objects: %w", err)
	}
	return c.makeOwnObjects()
}

// takeObjects takes definitions of kinds first.
func (c *Cluster) takeObjects(all []savedObject) error {
	for _, s := range all {
		if err := c.takeDefinition(s.obj); err != nil {
			return badFile(s.path, err)
		}
	}
	owners := map[types.UID]string{}
	for _, s := range all {
		if err := c.takeObject(s); err != nil {
			return badFile(s.path, err)
		}
		if other := owners[s.obj.GetUID()]; other != "" {
			return badFile(s.path, fmt.Errorf("metadata.uid: %s has the same", other))
		}
		owners[s.obj.GetUID()] = s.path
	}
	for _, s := range all {
		if namespace := s.obj.GetNamespace(); namespace != "" {
			if err := c.ensureNamespace(namespace); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Cluster) takeDefinition(obj *unstructured.Unstructured) error {
	if obj.GroupVersionKind() != definitionsGVR.GroupVersion().WithKind("CustomResourceDefinition") {
		return nil
	}
	r, err := definedResource(obj)
	if err == nil && !builtin(r) {
		c.store.kinds.add(r)
	}
	return err
}

// takeObject completes and checks an object as when it was made: everything else here
// relies on that, and somebody may have edited the file since.
func (c *Cluster) takeObject(s savedObject) error {
	r, err := c.store.kinds.forManifest(s.obj.GroupVersionKind(), s.obj.GetNamespace() != "")
	if err != nil {
		return err
	}
	fresh := c.identify(s.obj)
	if err := c.checkSaved(r, s); err != nil {
		return err
	}
	if err := c.readmit(r, s.obj); err != nil {
		return err
	}
	if fresh {
		if err := c.store.keep.write(r, s.obj); err != nil {
			return err
		}
	}
	forgetReadiness(s.obj)
	c.store.load(r, s.obj)
	return nil
}

// identify gives an object that the store has never had, as somebody has written it,
// what the store gives. It tells whether it is one.
func (c *Cluster) identify(obj *unstructured.Unstructured) bool {
	if obj.GetUID() != "" || obj.GetResourceVersion() != "" {
		return false
	}
	obj.SetUID(uuid.NewUUID())
	obj.SetResourceVersion("1")
	obj.SetCreationTimestamp(c.now())
	return true
}

// checkSaved looks at what the store has given the object. Its names and its UID are
// those of directories, too.
func (c *Cluster) checkSaved(r resource, s savedObject) error {
	var no problems
	obj := s.obj
	no.when(len(wrongName(r, obj.GetName())) > 0, "metadata.name", fmt.Sprintf("%q cannot be a name", obj.GetName()))
	namespace := obj.GetNamespace()
	no.when(r.Namespaced != (namespace != ""), "metadata.namespace", fmt.Sprintf("%q cannot be that of a %s", namespace, r.Kind))
	no.when(namespace != "" && len(validation.IsDNS1123Label(namespace)) > 0, "metadata.namespace", fmt.Sprintf("%q cannot be a name", namespace))
	no.when(len(validation.IsDNS1123Label(string(obj.GetUID()))) > 0, "metadata.uid", "must be the one that the object was given")
	version, err := strconv.ParseInt(obj.GetResourceVersion(), 10, 64)
	no.when(err != nil || version < 1, "metadata.resourceVersion", "must be the one that the object was given")
	if len(no) > 0 {
		return errors.New(strings.Join(no, "; "))
	}
	if own := c.store.keep.path(r, obj); s.path != own {
		return fmt.Errorf("the file of %s %s is %s", r.Kind, obj.GetName(), own)
	}
	return nil
}

// readmit does what admit does to a new object, and leaves what has become of it since.
func (c *Cluster) readmit(r resource, obj *unstructured.Unstructured) error {
	if err := c.admit(r, "", obj, obj); err != nil {
		return err
	}
	switch r.GroupVersionResource {
	case podsGVR:
		return rewrite(r, obj, func(pod *corev1.Pod) []string { return checkNewPod(&pod.Spec) })
	case claimsGVR:
		return rewrite(r, obj, checkClaim)
	}
	return nil
}
