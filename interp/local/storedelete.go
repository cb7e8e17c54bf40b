package local

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// delete removes an object, or marks it for whoever has to clean up first.
func (s *store) delete(r resource, namespace, name string, opts metav1.DeleteOptions) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(r, namespace, name)
	if err != nil {
		return nil, err
	}
	if err := checkPreconditions(r, old, opts.Preconditions); err != nil {
		return nil, err
	}
	if !s.stays(r, old) {
		return old, s.commit(watch.Deleted, r, old, old.DeepCopy())
	}
	grace := graceOf(r, old, opts)
	if before := old.GetDeletionGracePeriodSeconds(); old.GetDeletionTimestamp() != nil && (before == nil || *before <= grace) {
		return old, nil // A pod that is ending can be given less time only.
	}
	obj := old.DeepCopy()
	end := metav1.NewTime(s.clock().UTC().Truncate(time.Second).Add(time.Duration(grace) * time.Second))
	obj.SetDeletionTimestamp(&end)
	obj.SetDeletionGracePeriodSeconds(&grace)
	return obj, s.commit(watch.Modified, r, old, obj)
}

func checkPreconditions(r resource, obj *unstructured.Unstructured, p *metav1.Preconditions) error {
	var err error
	switch {
	case p == nil:
	case p.UID != nil && *p.UID != obj.GetUID():
		err = fmt.Errorf("the object's UID is %s, not %s", obj.GetUID(), *p.UID)
	case p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion():
		err = fmt.Errorf("the object's resourceVersion is %s, not %s", obj.GetResourceVersion(), *p.ResourceVersion)
	}
	if err == nil {
		return nil
	}
	return apierrors.NewConflict(r.GroupVersionResource.GroupResource(), obj.GetName(), err)
}

// graceOf is the time in seconds that a pod is given to end; other objects end at
// once.
func graceOf(r resource, obj *unstructured.Unstructured, opts metav1.DeleteOptions) int64 {
	if r.GroupVersionResource != podsGVR {
		return 0
	}
	if opts.GracePeriodSeconds != nil {
		return *opts.GracePeriodSeconds
	}
	seconds, found, err := unstructured.NestedInt64(obj.Object, "spec", "terminationGracePeriodSeconds")
	if err != nil || !found {
		return corev1.DefaultTerminationGracePeriodSeconds
	}
	return seconds
}

// remove takes an object away for good, unless it has finalizers: then it stays
// until these are taken off. One that has gone, or was replaced by another of its
// name, is no error.
func (s *store) remove(r resource, obj *unstructured.Unstructured) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(r, obj.GetNamespace(), obj.GetName())
	if err != nil || old.GetUID() != obj.GetUID() || len(old.GetFinalizers()) > 0 {
		return nil
	}
	return s.commit(watch.Deleted, r, old, old.DeepCopy())
}

// checkFinalizers refuses new finalizers of an object that is being deleted.
func checkFinalizers(r resource, old, obj *unstructured.Unstructured) error {
	if old.GetDeletionTimestamp() == nil {
		return nil
	}
	for _, f := range obj.GetFinalizers() {
		if !slices.Contains(old.GetFinalizers(), f) {
			return apierrors.NewForbidden(r.GroupVersionResource.GroupResource(), obj.GetName(),
				fmt.Errorf("the object is being deleted: finalizer %s can no longer be added", f))
		}
	}
	return nil
}

// stays tells whether a deleted object is there until somebody has cleaned up: a
// controller, or whoever set a finalizer.
func (s *store) stays(r resource, obj *unstructured.Unstructured) bool {
	return len(obj.GetFinalizers()) > 0 || s.linger != nil && s.linger(r, obj)
}
