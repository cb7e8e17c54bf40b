package local

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// admit completes an object with the defaults that clients rely on, and refuses
// what the cluster could only pretend to do.
func (c *Cluster) admit(r resource, part string, old, obj *unstructured.Unstructured) error {
	if err := checkFields(r, obj); err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("%s %q: %v", r.Kind, obj.GetName(), err))
	}
	if part == "status" {
		return nil
	}
	switch r.GroupVersionResource {
	case podsGVR:
		return rewrite(r, obj, func(pod *corev1.Pod) []string { return admitPod(old, pod) })
	case deploymentsGVR:
		return rewrite(r, obj, admitDeployment)
	case replicaSetsGVR:
		return rewrite(r, obj, admitReplicaSet)
	case statefulSetsGVR:
		return rewrite(r, obj, admitStatefulSet)
	case controllersGVR:
		return rewrite(r, obj, admitReplicationController)
	case configsGVR:
		return admitDeploymentConfig(r, obj)
	case claimsGVR:
		return rewrite(r, obj, func(claim *corev1.PersistentVolumeClaim) []string { return admitClaim(old, claim) })
	case secretsGVR:
		return rewrite(r, obj, admitSecret)
	case servicesGVR:
		return rewrite(r, obj, admitService)
	case namespacesGVR:
		return unstructured.SetNestedField(obj.Object, "Active", "status", "phase")
	case definitionsGVR:
		return admitDefinition(obj)
	}
	return nil
}

// rewrite passes the object through its Go type.
func rewrite[T any](r resource, obj *unstructured.Unstructured, edit func(*T) []string) error {
	value, err := typed[T](obj)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if no := edit(value); len(no) > 0 {
		return refusal(r, obj.GetName(), no)
	}
	after, err := untyped(value)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	after.SetGroupVersionKind(r.gvk())
	clean, err := normalize(after)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	obj.Object = clean.Object
	return nil
}

func refusal(r resource, name string, no []string) error {
	err := apierrors.NewBadRequest(fmt.Sprintf("the local runtime cannot run %s %q as it is:\n  - %s",
		r.Kind, name, strings.Join(no, "\n  - ")))
	err.ErrStatus.Reason, err.ErrStatus.Code = metav1.StatusReasonInvalid, 422
	return err
}

func admitPod(old *unstructured.Unstructured, pod *corev1.Pod) []string {
	if old != nil {
		return nil // What runs is no longer changed by its description.
	}
	pod.Spec.NodeName = nodeName
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBestEffort}
	return checkNewPod(&pod.Spec)
}

func checkNewPod(spec *corev1.PodSpec) []string {
	defaultPod(spec)
	return checkPod(spec)
}

func defaultPod(spec *corev1.PodSpec) {
	setDefault(&spec.RestartPolicy, corev1.RestartPolicyAlways)
	setDefault(&spec.DNSPolicy, corev1.DNSClusterFirst)
	setDefault(&spec.ServiceAccountName, spec.DeprecatedServiceAccount)
	setDefault(&spec.ServiceAccountName, "default")
	spec.DeprecatedServiceAccount = spec.ServiceAccountName
	setDefault(&spec.SchedulerName, corev1.DefaultSchedulerName)
	if spec.TerminationGracePeriodSeconds == nil {
		seconds := int64(corev1.DefaultTerminationGracePeriodSeconds)
		spec.TerminationGracePeriodSeconds = &seconds
	}
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			setDefault(&list[i].TerminationMessagePath, corev1.TerminationMessagePathDefault)
			setDefault(&list[i].TerminationMessagePolicy, corev1.TerminationMessageReadFile)
			setDefault(&list[i].ImagePullPolicy, corev1.PullIfNotPresent)
		}
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// admitTemplate checks the pods that a workload would make, before it makes any.
func admitTemplate(selector *metav1.LabelSelector, template *corev1.PodTemplateSpec, claims ...string) []string {
	var no problems
	defaultPod(&template.Spec)
	sel, err := metav1.LabelSelectorAsSelector(selector)
	no.when(err != nil || selector == nil, "selector", "must be a label selector")
	no.when(err == nil && !sel.Matches(labels.Set(template.Labels)), "selector", "does not match the labels of the template")
	no.when(template.Spec.RestartPolicy != corev1.RestartPolicyAlways, "template.spec.restartPolicy", "must be Always")
	probe := template.Spec.DeepCopy()
	for _, name := range claims {
		probe.Volumes = append(probe.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{},
		}})
	}
	return append(no, checkPod(probe)...)
}

func admitDeployment(d *appsv1.Deployment) []string {
	no := admitReplicas(&d.Spec.Replicas)
	setDefault(&d.Spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	return append(no, admitTemplate(d.Spec.Selector, &d.Spec.Template)...)
}

func admitReplicaSet(rs *appsv1.ReplicaSet) []string {
	no := admitReplicas(&rs.Spec.Replicas)
	return append(no, admitTemplate(rs.Spec.Selector, &rs.Spec.Template)...)
}

func admitStatefulSet(s *appsv1.StatefulSet) []string {
	no := admitReplicas(&s.Spec.Replicas)
	no.when(firstOrdinal(s) < 0, "spec.ordinals.start", "must not be negative")
	setDefault(&s.Spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	setDefault(&s.Spec.UpdateStrategy.Type, appsv1.RollingUpdateStatefulSetStrategyType)
	var claims []string
	for i := range s.Spec.VolumeClaimTemplates {
		claim := &s.Spec.VolumeClaimTemplates[i]
		claims = append(claims, claim.Name)
		no = append(no, checkClaim(claim)...)
	}
	return append(no, admitTemplate(s.Spec.Selector, &s.Spec.Template, claims...)...)
}

func admitReplicas(n **int32) (no problems) {
	if *n == nil {
		*n = new(int32(1))
	}
	no.when(**n < 0, "spec.replicas", "must not be negative")
	return no
}

// admitSecret moves the text of stringData into data.
func admitSecret(s *corev1.Secret) []string {
	setDefault(&s.Type, corev1.SecretTypeOpaque)
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = map[string][]byte{}
	}
	for key, value := range s.StringData {
		s.Data[key] = []byte(value)
	}
	s.StringData = nil
	return nil
}

// admitService takes services whose name can stand for this machine: without a
// network of their own, pods are reached at their own ports.
func admitService(s *corev1.Service) []string {
	var no problems
	setDefault(&s.Spec.Type, corev1.ServiceTypeClusterIP)
	no.when(s.Spec.Type == corev1.ServiceTypeExternalName, "spec.type", "ExternalName needs a name server, which the local runtime has not")
	for _, p := range s.Spec.Ports {
		target := p.TargetPort.IntValue()
		no.when(target != 0 && target != int(p.Port), "spec.ports["+p.Name+"].targetPort",
			fmt.Sprintf("port %d cannot be passed on to %d: all containers share this machine's network", p.Port, target))
	}
	if s.Spec.ClusterIP == "" {
		s.Spec.ClusterIP = "127.0.0.1"
		s.Spec.ClusterIPs = []string{"127.0.0.1"}
	}
	return no
}
