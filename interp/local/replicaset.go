package local

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

var replicaSetKind = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")

// replicaSet makes or deletes pods until there are as many as are wanted.
func (m *manager) replicaSet(namespace, name string) error {
	rs, err := fetch[appsv1.ReplicaSet](m.c, replicaSetsGVR, namespace, name)
	if err != nil {
		return err
	}
	pods, err := m.ownPods(namespace, rs.UID)
	if err != nil {
		return err
	}
	active := slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil || finished(p) })
	if err := m.matchReplicas(rs, active); err != nil {
		return err
	}
	available := count(active, ready)
	ending := count(pods, func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil })
	return m.c.writeStatus(m.c.must(replicaSetsGVR), rs, appsv1.ReplicaSetStatus{
		Replicas: int32(len(active)), FullyLabeledReplicas: int32(len(active)),
		ReadyReplicas: available, AvailableReplicas: available, ObservedGeneration: rs.Generation,
		TerminatingReplicas: &ending,
	})
}

func (m *manager) matchReplicas(rs *appsv1.ReplicaSet, active []*corev1.Pod) error {
	slices.SortFunc(active, deletionOrder)
	for i := 0; i < len(active)-int(*rs.Spec.Replicas); i++ {
		if err := m.c.drop(podsGVR, rs.Namespace, active[i].Name); err != nil {
			return err
		}
	}
	for i := len(active); i < int(*rs.Spec.Replicas); i++ {
		pod := podFrom(&rs.Spec.Template, rs, replicaSetKind)
		pod.GenerateName = rs.Name + "-"
		if err := m.c.make(podsGVR, rs.Namespace, pod); err != nil {
			return err
		}
	}
	return nil
}
