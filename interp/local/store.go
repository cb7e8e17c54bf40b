package local

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/watch"
)

// A store keeps the objects of a cluster, as an API server does: it gives names,
// UIDs, versions and generations, finds conflicts and tells watchers. Objects that
// it hands out are shared and must not be changed.
type store struct {
	mu       sync.Mutex
	kinds    *catalog
	objects  map[objectKey]*unstructured.Unstructured
	version  int64
	history  []change
	watchers map[*watcher]struct{}
	// keep writes through to the disk. It may be nil.
	keep *objectFiles
	// admit completes and checks an object before it is stored. It may be nil.
	admit admitFunc
	// linger tells whether a deleted object stays until its controller has
	// cleaned up and calls remove. It may be nil.
	linger func(resource, *unstructured.Unstructured) bool
	// stored is told of each change, in order, before anybody else. It may be nil,
	// and must not call the store.
	stored func(change)
	clock  func() time.Time
}

// An admitFunc gets what is written: part is empty, or "status".
type admitFunc func(r resource, part string, old, obj *unstructured.Unstructured) error

type objectKey struct {
	resource schema.GroupVersionResource
	types.NamespacedName
}

func keyOf(r resource, namespace, name string) objectKey {
	if !r.Namespaced {
		namespace = ""
	}
	return objectKey{r.GroupVersionResource, types.NamespacedName{Namespace: namespace, Name: name}}
}

// A change is what happened to an object. Old is nil for a new one.
type change struct {
	Type     watch.EventType
	Resource resource
	Object   *unstructured.Unstructured
	Old      *unstructured.Unstructured
	Version  int64
}

func newStore(kinds *catalog, keep *objectFiles) *store {
	return &store{
		kinds:    kinds,
		objects:  map[objectKey]*unstructured.Unstructured{},
		version:  1,
		watchers: map[*watcher]struct{}{},
		keep:     keep,
		clock:    time.Now,
	}
}

// load takes an object as it was saved.
func (s *store) load(r resource, obj *unstructured.Unstructured) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[keyOf(r, obj.GetNamespace(), obj.GetName())] = obj
	if v, err := strconv.ParseInt(obj.GetResourceVersion(), 10, 64); err == nil && v > s.version {
		s.version = v
	}
}

func (s *store) get(r resource, namespace, name string) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(r, namespace, name)
}

func (s *store) find(r resource, namespace, name string) (*unstructured.Unstructured, error) {
	obj := s.objects[keyOf(r, namespace, name)]
	if obj == nil {
		return nil, apierrors.NewNotFound(r.GroupVersionResource.GroupResource(), name)
	}
	return obj, nil
}

// list gives the matching objects sorted by namespace and name, and the version
// from which to watch on. An empty namespace stands for all.
func (s *store) list(r resource, namespace string, match matcher) ([]*unstructured.Unstructured, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.collect(r, namespace, match), strconv.FormatInt(s.version, 10)
}

func (s *store) collect(r resource, namespace string, match matcher) []*unstructured.Unstructured {
	var list []*unstructured.Unstructured
	for key, obj := range s.objects {
		if key.resource == r.GroupVersionResource && (namespace == "" || key.Namespace == namespace) && match.matches(obj) {
			list = append(list, obj)
		}
	}
	slices.SortFunc(list, func(a, b *unstructured.Unstructured) int {
		if c := strings.Compare(a.GetNamespace(), b.GetNamespace()); c != 0 {
			return c
		}
		return strings.Compare(a.GetName(), b.GetName())
	})
	return list
}

// create stores a new object and returns it as stored.
func (s *store) create(r resource, namespace string, obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	obj, err := normalize(obj)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkCreate(r, namespace, obj); err != nil {
		return nil, err
	}
	s.prepareCreate(r, namespace, obj)
	if err := s.checkAdmission(r, "", nil, obj); err != nil {
		return nil, err
	}
	return obj, s.commit(watch.Added, r, nil, obj)
}

func (s *store) checkCreate(r resource, namespace string, obj *unstructured.Unstructured) error {
	if r.Refused != "" {
		return apierrors.NewBadRequest(fmt.Sprintf("the local runtime does not run a %s: %s", r.Kind, r.Refused))
	}
	if err := checkIdentity(r, namespace, obj); err != nil {
		return err
	}
	if r.Namespaced {
		home, err := s.find(resource{GroupVersionResource: namespacesGVR}, "", namespace)
		if err != nil {
			return err
		}
		if home.GetDeletionTimestamp() != nil {
			return apierrors.NewForbidden(r.GroupVersionResource.GroupResource(), obj.GetName(),
				fmt.Errorf("namespace %s is being deleted", namespace))
		}
	}
	if obj.GetName() == "" {
		s.generateName(r, namespace, obj)
	}
	if msgs := wrongName(r, obj.GetName()); len(msgs) > 0 {
		return apierrors.NewInvalid(r.gvk().GroupKind(), obj.GetName(),
			field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), obj.GetName(), strings.Join(msgs, "; "))})
	}
	if s.objects[keyOf(r, namespace, obj.GetName())] != nil {
		return apierrors.NewAlreadyExists(r.GroupVersionResource.GroupResource(), obj.GetName())
	}
	return nil
}

// wrongName says what is wrong with a name. That of a role can have any character that does
// not divide a path.
func wrongName(r resource, name string) []string {
	if strings.HasPrefix(r.Group, "rbac.") {
		return content.IsPathSegmentName(name)
	}
	return validation.IsDNS1123Subdomain(name)
}

func checkIdentity(r resource, namespace string, obj *unstructured.Unstructured) error {
	if gvk := obj.GroupVersionKind(); !gvk.Empty() && gvk != r.gvk() {
		return apierrors.NewBadRequest(fmt.Sprintf("the object is a %s, the request is for a %s", gvk, r.gvk()))
	}
	if own := obj.GetNamespace(); r.Namespaced && own != "" && own != namespace {
		return apierrors.NewBadRequest(fmt.Sprintf("the object's namespace is %q, the request's %q", own, namespace))
	}
	if r.Namespaced && namespace == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("a %s needs a namespace", r.Kind))
	}
	if obj.GetName() == "" && obj.GetGenerateName() == "" {
		return apierrors.NewBadRequest("name or generateName is required")
	}
	return nil
}

func (s *store) generateName(r resource, namespace string, obj *unstructured.Unstructured) {
	for obj.GetName() == "" || s.objects[keyOf(r, namespace, obj.GetName())] != nil {
		obj.SetName(obj.GetGenerateName() + rand.String(5))
	}
}

func (s *store) prepareCreate(r resource, namespace string, obj *unstructured.Unstructured) {
	obj.SetGroupVersionKind(r.gvk())
	obj.SetNamespace("")
	if r.Namespaced {
		obj.SetNamespace(namespace)
	}
	obj.SetUID(uuid.NewUUID())
	obj.SetCreationTimestamp(metav1.NewTime(s.clock().UTC().Truncate(time.Second)))
	obj.SetDeletionTimestamp(nil)
	obj.SetManagedFields(nil)
	if _, hasSpec := obj.Object["spec"]; hasSpec {
		obj.SetGeneration(1)
	}
	if r.Status {
		delete(obj.Object, "status")
	}
}

func (s *store) checkAdmission(r resource, part string, old, obj *unstructured.Unstructured) error {
	if s.admit == nil {
		return nil
	}
	return s.admit(r, part, old, obj)
}

// update changes an object by a function that gets a copy of it. With a version in
// the result that is not the stored one, the update is a conflict. part is empty,
// or "status".
func (s *store) update(r resource, namespace, name, part string, edit func(*unstructured.Unstructured) (*unstructured.Unstructured, error)) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(r, namespace, name)
	if err != nil {
		return nil, err
	}
	edited, err := edit(old.DeepCopy())
	if err != nil {
		return nil, err
	}
	obj, err := normalize(edited)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if v := obj.GetResourceVersion(); v != "" && v != old.GetResourceVersion() {
		return nil, apierrors.NewConflict(r.GroupVersionResource.GroupResource(), name,
			fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
	}
	if uid := obj.GetUID(); uid != "" && uid != old.GetUID() {
		return nil, apierrors.NewConflict(r.GroupVersionResource.GroupResource(), name,
			fmt.Errorf("the object's UID is %s, not %s", old.GetUID(), uid))
	}
	keepServerFields(r, old, obj, part)
	if equality.Semantic.DeepEqual(old.Object, obj.Object) {
		return old, nil
	}
	if err := checkFinalizers(r, old, obj); err != nil {
		return nil, err
	}
	if err := s.checkAdmission(r, part, old, obj); err != nil {
		return nil, err
	}
	if obj.GetDeletionTimestamp() != nil && !s.stays(r, obj) {
		return obj, s.commit(watch.Deleted, r, old, obj)
	}
	return obj, s.commit(watch.Modified, r, old, obj)
}

// keepServerFields gives back what a client cannot change.
func keepServerFields(r resource, old, obj *unstructured.Unstructured, part string) {
	if part == "status" && r.Status {
		status, has := obj.Object["status"]
		obj.Object = old.DeepCopy().Object
		if has {
			obj.Object["status"] = status
		}
		return
	}
	obj.SetGroupVersionKind(r.gvk())
	obj.SetName(old.GetName())
	obj.SetNamespace(old.GetNamespace())
	obj.SetUID(old.GetUID())
	obj.SetResourceVersion(old.GetResourceVersion())
	obj.SetCreationTimestamp(old.GetCreationTimestamp())
	obj.SetDeletionTimestamp(old.GetDeletionTimestamp())
	obj.SetManagedFields(nil)
	obj.SetGeneration(old.GetGeneration())
	if r.Status {
		delete(obj.Object, "status")
		if status, has := old.Object["status"]; has {
			obj.Object["status"] = status
		}
	}
	if !equality.Semantic.DeepEqual(old.Object["spec"], obj.Object["spec"]) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

// commit gives the object its version, writes it down and tells the watchers.
func (s *store) commit(kind watch.EventType, r resource, old, obj *unstructured.Unstructured) error {
	obj.SetResourceVersion(strconv.FormatInt(s.version+1, 10))
	key := keyOf(r, obj.GetNamespace(), obj.GetName())
	if err := s.persist(kind, r, obj); err != nil {
		return apierrors.NewInternalError(err)
	}
	s.version++
	if kind == watch.Deleted {
		delete(s.objects, key)
	} else {
		s.objects[key] = obj
	}
	c := change{Type: kind, Resource: r, Object: obj, Old: old, Version: s.version}
	if s.stored != nil {
		s.stored(c)
	}
	s.publish(c)
	return nil
}

func (s *store) persist(kind watch.EventType, r resource, obj *unstructured.Unstructured) error {
	if s.keep == nil {
		return nil
	}
	if kind == watch.Deleted {
		return s.keep.remove(r, obj)
	}
	return s.keep.write(r, obj)
}

// normalize gives a copy that holds only what JSON knows, with whole numbers as
// int64, so that objects compare equal wherever they came from.
func normalize(obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(obj.Object)
	if err != nil {
		return nil, err
	}
	clean := &unstructured.Unstructured{}
	if err := unmarshalObject(data, &clean.Object); err != nil {
		return nil, err
	}
	return clean, nil
}
