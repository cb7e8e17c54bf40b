package local

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var replicaSetKind = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")

func (m *manager) replicaSet(namespace, name string) error {
	rs, err := fetch[appsv1.ReplicaSet](m.c, replicaSetsGVR, namespace, name)
	if err != nil {
		return err
	}
	n, err := m.keepReplicas(rs, replicaSetKind, &rs.Spec.Template, *rs.Spec.Replicas)
	if err != nil {
		return err
	}
	return m.c.writeStatus(m.c.must(replicaSetsGVR), rs, appsv1.ReplicaSetStatus{
		Replicas: n.active, FullyLabeledReplicas: n.active,
		ReadyReplicas: n.ready, AvailableReplicas: n.ready, ObservedGeneration: rs.Generation,
		TerminatingReplicas: &n.ending,
	})
}

// replicas counts the pods of a ReplicaSet or ReplicationController.
type replicas struct{ active, ready, ending int32 }

// keepReplicas makes or deletes pods until there are as many as are wanted. The
// count is of those that were there before: each pod's change makes the owner due
// again.
func (m *manager) keepReplicas(owner metav1.Object, kind schema.GroupVersionKind, template *corev1.PodTemplateSpec, wanted int32) (replicas, error) {
	pods, err := m.ownPods(owner.GetNamespace(), owner.GetUID())
	if err != nil {
		return replicas{}, err
	}
	active := slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil || finished(p) })
	n := replicas{
		active: int32(len(active)),
		ready:  count(active, ready),
		ending: count(pods, func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil }),
	}
	slices.SortFunc(active, deletionOrder)
	for i := 0; i < len(active)-int(wanted); i++ {
		if err := m.c.drop(podsGVR, owner.GetNamespace(), active[i].Name); err != nil {
			return n, err
		}
	}
	for i := len(active); i < int(wanted); i++ {
		pod := podFrom(template, owner, kind)
		pod.GenerateName = owner.GetName() + "-"
		if err := m.c.make(podsGVR, owner.GetNamespace(), pod); err != nil {
			return n, err
		}
	}
	return n, nil
}
