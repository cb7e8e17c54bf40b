package local

import (
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var statefulSetKind = appsv1.SchemeGroupVersion.WithKind("StatefulSet")

// statefulSet makes the pods in order, and deletes them in the opposite one.
func (m *manager) statefulSet(namespace, name string) error {
	set, err := fetch[appsv1.StatefulSet](m.c, statefulSetsGVR, namespace, name)
	if err != nil {
		return err
	}
	pods, err := m.ownPods(namespace, set.UID)
	if err != nil {
		return err
	}
	hash, err := templateHash(&set.Spec.Template)
	if err != nil {
		return err
	}
	revision := set.Name + "-" + hash
	if err := m.matchOrdinals(set, byOrdinal(set, pods), revision); err != nil {
		return err
	}
	return m.statefulSetStatus(set, pods, revision)
}

func byOrdinal(set *appsv1.StatefulSet, pods []*corev1.Pod) map[int]*corev1.Pod {
	m := map[int]*corev1.Pod{}
	for _, pod := range pods {
		if n, err := strconv.Atoi(strings.TrimPrefix(pod.Name, set.Name+"-")); err == nil {
			m[n] = pod
		}
	}
	return m
}

func firstOrdinal(set *appsv1.StatefulSet) int {
	if set.Spec.Ordinals != nil {
		return int(set.Spec.Ordinals.Start)
	}
	return 0
}

// matchOrdinals takes one step, or all of them if the pods need no order. The pods'
// changes make the set due again.
func (m *manager) matchOrdinals(set *appsv1.StatefulSet, pods map[int]*corev1.Pod, revision string) error {
	first := firstOrdinal(set)
	last := first + int(*set.Spec.Replicas) - 1
	parallel := set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement
	if waiting, err := m.dropExcess(set, pods, first, last, parallel); waiting || err != nil {
		return err
	}
	for n := first; n <= last; n++ {
		pod := pods[n]
		switch {
		case pod == nil:
			if err := m.newMember(set, n, revision); err != nil {
				return err
			}
		case finished(pod) && pod.DeletionTimestamp == nil:
			if err := m.c.drop(podsGVR, set.Namespace, pod.Name); err != nil {
				return err
			}
		case ready(pod):
			continue
		}
		if !parallel {
			return nil
		}
	}
	return m.replaceOutdated(set, pods, first, last, revision)
}

func (m *manager) dropExcess(set *appsv1.StatefulSet, pods map[int]*corev1.Pod, first, last int, parallel bool) (waiting bool, err error) {
	for n := highest(pods); n >= 0; n-- {
		pod := pods[n]
		if pod == nil || n >= first && n <= last {
			continue
		}
		waiting = true
		if pod.DeletionTimestamp == nil {
			if err := m.c.drop(podsGVR, set.Namespace, pod.Name); err != nil {
				return true, err
			}
		}
		if !parallel {
			return true, nil
		}
	}
	return waiting, nil
}

func highest(pods map[int]*corev1.Pod) int {
	top := -1
	for n := range pods {
		top = max(top, n)
	}
	return top
}

// replaceOutdated deletes the last pod of an older template, when all are ready.
func (m *manager) replaceOutdated(set *appsv1.StatefulSet, pods map[int]*corev1.Pod, first, last int, revision string) error {
	if set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return nil
	}
	if u := set.Spec.UpdateStrategy.RollingUpdate; u != nil && u.Partition != nil {
		first = max(first, int(*u.Partition))
	}
	for n := last; n >= first; n-- {
		pod := pods[n]
		if pod == nil || pod.DeletionTimestamp != nil {
			return nil
		}
		if pod.Labels[appsv1.ControllerRevisionHashLabelKey] != revision {
			return m.c.drop(podsGVR, set.Namespace, pod.Name)
		}
	}
	return nil
}

// newMember makes the pod with this number, after its claims.
func (m *manager) newMember(set *appsv1.StatefulSet, n int, revision string) error {
	name := fmt.Sprintf("%s-%d", set.Name, n)
	pod := podFrom(&set.Spec.Template, set, statefulSetKind)
	pod.Name = name
	pod.Spec.Hostname, pod.Spec.Subdomain = name, set.Spec.ServiceName
	pod.Labels = withLabel(pod.Labels, appsv1.ControllerRevisionHashLabelKey, revision)
	pod.Labels = withLabel(pod.Labels, appsv1.StatefulSetPodNameLabel, name)
	pod.Labels = withLabel(pod.Labels, appsv1.PodIndexLabel, strconv.Itoa(n))
	for i := range set.Spec.VolumeClaimTemplates {
		template := &set.Spec.VolumeClaimTemplates[i]
		claim := claimFrom(set, template, name)
		if err := m.c.make(claimsGVR, set.Namespace, claim); createFails(err) {
			return err
		}
		pod.Spec.Volumes = append(withoutVolume(pod.Spec.Volumes, template.Name), corev1.Volume{
			Name: template.Name,
			VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{
				ClaimName: claim.Name,
			}},
		})
	}
	if err := m.c.make(podsGVR, set.Namespace, pod); createFails(err) {
		return err
	}
	return nil
}

func claimFrom(set *appsv1.StatefulSet, template *corev1.PersistentVolumeClaim, pod string) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name:        template.Name + "-" + pod,
			Labels:      withLabels(template.Labels, set.Spec.Selector.MatchLabels),
			Annotations: template.Annotations,
		},
		Spec: *template.Spec.DeepCopy(),
	}
	return claim
}

func withLabels(labels, more map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{labels, more} {
		for key, value := range m {
			all[key] = value
		}
	}
	return all
}

func withoutVolume(volumes []corev1.Volume, name string) []corev1.Volume {
	var rest []corev1.Volume
	for _, v := range volumes {
		if v.Name != name {
			rest = append(rest, v)
		}
	}
	return rest
}

func (m *manager) statefulSetStatus(set *appsv1.StatefulSet, pods []*corev1.Pod, revision string) error {
	updated := count(pods, func(p *corev1.Pod) bool {
		return p.DeletionTimestamp == nil && p.Labels[appsv1.ControllerRevisionHashLabelKey] == revision
	})
	current := set.Status.CurrentRevision
	if current == "" || updated == int32(len(pods)) {
		current = revision
	}
	available := count(pods, ready)
	return m.c.writeStatus(m.c.must(statefulSetsGVR), set, appsv1.StatefulSetStatus{
		ObservedGeneration: set.Generation,
		Replicas:           int32(len(pods)),
		ReadyReplicas:      available, AvailableReplicas: available,
		CurrentReplicas: count(pods, func(p *corev1.Pod) bool { return p.Labels[appsv1.ControllerRevisionHashLabelKey] == current }),
		UpdatedReplicas: updated,
		CurrentRevision: current, UpdateRevision: revision,
		CollisionCount: new(int32),
	})
}
