package local

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/rand"
)

// templateHash names a pod template, so that pods of another one are known.
func templateHash(template *corev1.PodTemplateSpec) (string, error) {
	data, err := json.Marshal(template)
	if err != nil {
		return "", err
	}
	sum := fnv.New32a()
	if _, err := sum.Write(data); err != nil {
		return "", err
	}
	return rand.SafeEncodeString(fmt.Sprint(sum.Sum32())), nil
}

func controllerRef(owner metav1.Object, gvk schema.GroupVersionKind) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(owner, gvk)}
}

// podFrom gives the pod of a template.
func podFrom(template *corev1.PodTemplateSpec, owner metav1.Object, gvk schema.GroupVersionKind) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Labels:          maps.Clone(template.Labels),
			Annotations:     maps.Clone(template.Annotations),
			OwnerReferences: controllerRef(owner, gvk),
		},
		Spec: *template.Spec.DeepCopy(),
	}
}

// ownPods lists the pods that belong to a controller, deleted ones included.
func (m *manager) ownPods(namespace string, owner types.UID) ([]*corev1.Pod, error) {
	pods, err := fetchAll[corev1.Pod](m.c, podsGVR, namespace)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pods, func(p *corev1.Pod) bool { return !ownedBy(p, owner) }), nil
}

func ownedBy(obj metav1.Object, owner types.UID) bool {
	ref := metav1.GetControllerOf(obj)
	return ref != nil && ref.UID == owner
}

func ready(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && conditionTrue(&pod.Status, corev1.PodReady)
}

func count[T any](list []T, is func(T) bool) int32 {
	n := int32(0)
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}

// createFails tells whether creating failed; that the object is there is as good.
func createFails(err error) bool { return err != nil && !apierrors.IsAlreadyExists(err) }

// deletionOrder puts first the pods that are missed least: those that are not
// ready, then the youngest.
func deletionOrder(a, b *corev1.Pod) int {
	if ready(a) != ready(b) {
		if ready(b) {
			return -1
		}
		return 1
	}
	if c := b.CreationTimestamp.Compare(a.CreationTimestamp.Time); c != 0 {
		return c
	}
	return strings.Compare(b.Name, a.Name)
}
