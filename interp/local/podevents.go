package local

import (
	"fmt"
	"hash/fnv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// warn tells of trouble in an event of the pod, as a node does. The same trouble again
// is the same event.
func (w *podWorker) warn(reason, message string) {
	if err := w.k.c.recordWarning(w.pod, reason, message); err != nil {
		w.k.c.report("event of pod "+w.pod.Namespace+"/"+w.pod.Name, err)
	}
}

func (c *Cluster) recordWarning(pod *corev1.Pod, reason, message string) error {
	name := eventName(pod, reason, message)
	events, now := c.must(eventsGVR), c.now()
	_, err := c.store.update(events, pod.Namespace, name, "", func(obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		event, err := typed[corev1.Event](obj)
		if err != nil {
			return nil, err
		}
		event.Count, event.LastTimestamp = event.Count+1, now
		return untyped(event)
	})
	if !apierrors.IsNotFound(err) {
		return err
	}
	return c.make(eventsGVR, pod.Namespace, &corev1.Event{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: name},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		},
		Type: corev1.EventTypeWarning, Reason: reason, Message: message, Count: 1,
		FirstTimestamp: now, LastTimestamp: now,
		Source: corev1.EventSource{Component: "kubelet", Host: nodeName},
	})
}

func eventName(pod *corev1.Pod, reason, message string) string {
	h := fnv.New64a()
	fmt.Fprint(h, pod.UID, reason, message)
	return fmt.Sprintf("%s.%016x", pod.Name, h.Sum64())
}

// forgetEvents removes the events of a pod that is gone. Kubernetes keeps them for an
// hour; here nothing would ever remove them.
func (c *Cluster) forgetEvents(pod *corev1.Pod) error {
	all, err := fetchAll[corev1.Event](c, eventsGVR, pod.Namespace)
	if err != nil {
		return err
	}
	for _, event := range all {
		if event.InvolvedObject.UID != pod.UID {
			continue
		}
		if err := c.drop(eventsGVR, pod.Namespace, event.Name); err != nil {
			return err
		}
	}
	return nil
}
