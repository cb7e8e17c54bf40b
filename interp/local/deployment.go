package local

import (
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var deploymentKind = appsv1.SchemeGroupVersion.WithKind("Deployment")

const revisionAnnotation = "deployment.kubernetes.io/revision"

// deployment keeps one ReplicaSet for the present template. A new template replaces
// all pods at once, whatever the strategy: two versions never write to one volume.
func (m *manager) deployment(namespace, name string) error {
	d, err := fetch[appsv1.Deployment](m.c, deploymentsGVR, namespace, name)
	if err != nil {
		return err
	}
	sets, err := fetchAll[appsv1.ReplicaSet](m.c, replicaSetsGVR, namespace)
	if err != nil {
		return err
	}
	sets = slices.DeleteFunc(sets, func(rs *appsv1.ReplicaSet) bool { return !ownedBy(rs, d.UID) })
	hash, err := templateHash(&d.Spec.Template)
	if err != nil {
		return err
	}
	current := pick(sets, hash)
	if !d.Spec.Paused || current != nil {
		if err := m.rollOut(d, sets, current, hash); err != nil {
			return err
		}
	}
	return m.deploymentStatus(d, sets, current)
}

func pick(sets []*appsv1.ReplicaSet, hash string) *appsv1.ReplicaSet {
	for _, rs := range sets {
		if rs.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == hash {
			return rs
		}
	}
	return nil
}

// rollOut ends the pods of old templates, and then scales the present one.
func (m *manager) rollOut(d *appsv1.Deployment, sets []*appsv1.ReplicaSet, current *appsv1.ReplicaSet, hash string) error {
	gone := true
	for _, rs := range sets {
		if rs == current {
			continue
		}
		gone = gone && rs.Status.Replicas == 0 && terminating(rs) == 0 && *rs.Spec.Replicas == 0
		if err := m.scaleSet(rs, 0, ""); err != nil {
			return err
		}
	}
	wanted := *d.Spec.Replicas
	if !gone {
		return nil // The old sets' end makes the deployment due again.
	}
	revision := newestRevision(sets)
	if current == nil {
		return m.newSet(d, hash, wanted, revision+1)
	}
	own := revisionOf(current)
	if own < revision {
		own = revision + 1 // An earlier template came back.
	}
	if err := m.scaleSet(current, wanted, strconv.Itoa(own)); err != nil {
		return err
	}
	return m.annotateRevision(d, own)
}

func terminating(rs *appsv1.ReplicaSet) int32 {
	if n := rs.Status.TerminatingReplicas; n != nil {
		return *n
	}
	return 0
}

func revisionOf(rs *appsv1.ReplicaSet) int {
	n, err := strconv.Atoi(rs.Annotations[revisionAnnotation])
	if err != nil {
		return 0
	}
	return n
}

func newestRevision(sets []*appsv1.ReplicaSet) int {
	newest := 0
	for _, rs := range sets {
		newest = max(newest, revisionOf(rs))
	}
	return newest
}

func (m *manager) newSet(d *appsv1.Deployment, hash string, replicas int32, revision int) error {
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:            d.Name + "-" + hash,
			Labels:          withLabel(d.Spec.Template.Labels, appsv1.DefaultDeploymentUniqueLabelKey, hash),
			Annotations:     map[string]string{revisionAnnotation: strconv.Itoa(revision)},
			OwnerReferences: controllerRef(d, deploymentKind),
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &replicas,
			Selector: d.Spec.Selector.DeepCopy(),
			Template: *d.Spec.Template.DeepCopy(),
		},
	}
	rs.Spec.Selector.MatchLabels = withLabel(rs.Spec.Selector.MatchLabels, appsv1.DefaultDeploymentUniqueLabelKey, hash)
	rs.Spec.Template.Labels = withLabel(rs.Spec.Template.Labels, appsv1.DefaultDeploymentUniqueLabelKey, hash)
	if err := m.c.make(replicaSetsGVR, d.Namespace, rs); createFails(err) {
		return err
	}
	return m.annotateRevision(d, revision)
}

func withLabel(labels map[string]string, key, value string) map[string]string {
	with := maps.Clone(labels)
	if with == nil {
		with = map[string]string{}
	}
	with[key] = value
	return with
}

func (m *manager) scaleSet(rs *appsv1.ReplicaSet, replicas int32, revision string) error {
	_, err := m.c.store.update(m.c.must(replicaSetsGVR), rs.Namespace, rs.Name, "", func(obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		if revision != "" {
			obj.SetAnnotations(withLabel(obj.GetAnnotations(), revisionAnnotation, revision))
		}
		err := unstructured.SetNestedField(obj.Object, int64(replicas), "spec", "replicas")
		return obj, err
	})
	return err
}

func (m *manager) annotateRevision(d *appsv1.Deployment, revision int) error {
	_, err := m.c.store.update(m.c.must(deploymentsGVR), d.Namespace, d.Name, "", func(obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		obj.SetAnnotations(withLabel(obj.GetAnnotations(), revisionAnnotation, strconv.Itoa(revision)))
		return obj, nil
	})
	return err
}

func (m *manager) deploymentStatus(d *appsv1.Deployment, sets []*appsv1.ReplicaSet, current *appsv1.ReplicaSet) error {
	ending := int32(0)
	s := appsv1.DeploymentStatus{ObservedGeneration: d.Generation, TerminatingReplicas: &ending}
	for _, rs := range sets {
		ending += terminating(rs)
		s.Replicas += rs.Status.Replicas
		s.ReadyReplicas += rs.Status.ReadyReplicas
		s.AvailableReplicas += rs.Status.AvailableReplicas
	}
	if current != nil {
		s.UpdatedReplicas = current.Status.Replicas
	}
	s.UnavailableReplicas = max(*d.Spec.Replicas-s.AvailableReplicas, 0)
	s.Conditions = m.deploymentConditions(d, s)
	return m.c.writeStatus(m.c.must(deploymentsGVR), d, s)
}

func (m *manager) deploymentConditions(d *appsv1.Deployment, s appsv1.DeploymentStatus) []appsv1.DeploymentCondition {
	wanted := *d.Spec.Replicas
	available := appsv1.DeploymentCondition{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable"}
	if s.AvailableReplicas < wanted {
		available.Status, available.Reason = corev1.ConditionFalse, "MinimumReplicasUnavailable"
	}
	progressing := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable"}
	if s.UpdatedReplicas != wanted || s.AvailableReplicas != wanted || s.Replicas != wanted {
		progressing.Reason = "ReplicaSetUpdated"
	}
	conditions := []appsv1.DeploymentCondition{available, progressing}
	for i := range conditions {
		m.dateCondition(&conditions[i], d.Status.Conditions)
	}
	return conditions
}

// dateCondition keeps the times of a condition that has not changed.
func (m *manager) dateCondition(c *appsv1.DeploymentCondition, before []appsv1.DeploymentCondition) {
	c.LastUpdateTime, c.LastTransitionTime = m.c.now(), m.c.now()
	for _, old := range before {
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		if old.Status == c.Status && old.Reason == c.Reason {
			c.LastUpdateTime = old.LastUpdateTime
		}
	}
}
