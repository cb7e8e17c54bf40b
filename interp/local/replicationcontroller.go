package local

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var replicationControllerKind = corev1.SchemeGroupVersion.WithKind("ReplicationController")

func admitReplicationController(rc *corev1.ReplicationController) []string {
	no := admitReplicas(&rc.Spec.Replicas)
	no.when(rc.Spec.Template == nil, "spec.template", "is required")
	if rc.Spec.Template == nil {
		return no
	}
	if len(rc.Spec.Selector) == 0 {
		rc.Spec.Selector = maps.Clone(rc.Spec.Template.Labels)
	}
	return append(no, admitTemplate(&metav1.LabelSelector{MatchLabels: rc.Spec.Selector}, rc.Spec.Template)...)
}

func (m *manager) replicationController(namespace, name string) error {
	rc, err := fetch[corev1.ReplicationController](m.c, controllersGVR, namespace, name)
	if err != nil {
		return err
	}
	n, err := m.keepReplicas(rc, replicationControllerKind, rc.Spec.Template, *rc.Spec.Replicas)
	if err != nil {
		return err
	}
	return m.c.writeStatus(m.c.must(controllersGVR), rc, corev1.ReplicationControllerStatus{
		Replicas: n.active, FullyLabeledReplicas: n.active,
		ReadyReplicas: n.ready, AvailableReplicas: n.ready, ObservedGeneration: rc.Generation,
	})
}
