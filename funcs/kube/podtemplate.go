package kube

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

const (
	// MainContainer is the name of the generated container; a podOverride that
	// means it has to use this name.
	MainContainer = "container"
	// LabelCreatedBy is on every pod, with the value CreatedBy: Kanister's, because
	// network policies and exceptions from pod security go by it.
	LabelCreatedBy = "createdBy"
	CreatedBy      = "kanister"
)

// PodTemplate says what pod to make.
type PodTemplate struct {
	// Prefix of the pod's name; Runner adds random characters.
	Prefix    string
	Namespace string
	Spec      corev1.PodSpec
	// First is the container that stands first in the pod, where `kubectl logs`
	// looks. Empty: MainContainer.
	First string
	// Overrides are merged over Spec as strategic merge patches, in this order:
	// the function's argument, then what the caller of the action wants.
	Overrides []map[string]any
	// Labels and Annotations in order of precedence, lowest first: what the
	// caller of the action wants, then the function's arguments, then Rescue's
	// own. Later ones win.
	Labels, Annotations []map[string]string
}

// SingleContainer is the spec of a pod that runs one command to its end. An empty
// service account stands for the namespace's default.
func SingleContainer(image string, command []string, serviceAccount string) corev1.PodSpec {
	return corev1.PodSpec{
		Containers: []corev1.Container{{
			Name:            MainContainer,
			Image:           image,
			Command:         command,
			ImagePullPolicy: corev1.PullIfNotPresent,
		}},
		RestartPolicy:      corev1.RestartPolicyNever,
		ServiceAccountName: serviceAccount,
	}
}

// Build makes the pod, without a name.
func (t PodTemplate) Build() (*corev1.Pod, error) {
	spec := *t.Spec.DeepCopy()
	for _, o := range t.Overrides {
		var err error
		if spec, err = override(spec, o); err != nil {
			return nil, err
		}
	}
	if t.First == "" {
		t.First = MainContainer
	}
	if err := putFirst(spec.Containers, t.First); err != nil {
		return nil, err
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: t.Prefix,
			Namespace:    t.Namespace,
			Labels:       union(append([]map[string]string{{LabelCreatedBy: CreatedBy}}, t.Labels...)),
			Annotations:  union(t.Annotations),
		},
		Spec: spec,
	}
	return pod, checkImages(pod)
}

// override merges a fragment of a pod spec over spec.
func override(spec corev1.PodSpec, fragment map[string]any) (corev1.PodSpec, error) {
	if len(fragment) == 0 {
		return spec, nil
	}
	base, err := json.Marshal(spec)
	if err != nil {
		return spec, fmt.Errorf("pod spec: %w", err)
	}
	patch, err := json.Marshal(fragment)
	if err != nil {
		return spec, fmt.Errorf("podOverride: %w", err)
	}
	merged, err := strategicpatch.StrategicMergePatch(base, patch, corev1.PodSpec{})
	if err != nil {
		return spec, fmt.Errorf("podOverride does not fit a pod spec: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(merged))
	dec.DisallowUnknownFields()
	var out corev1.PodSpec
	if err := dec.Decode(&out); err != nil {
		return spec, fmt.Errorf("podOverride does not fit a pod spec: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return out, nil
}

// putFirst moves the named container to the front and keeps the others' order.
func putFirst(all []corev1.Container, name string) error {
	i := slices.IndexFunc(all, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		return fmt.Errorf("podOverride removed the container %q", name)
	}
	first := all[i]
	copy(all[1:i+1], all[:i])
	all[0] = first
	return nil
}

// checkImages finds containers that an override added by a misspelt name, before
// the API server refuses the whole pod with a less helpful message.
func checkImages(pod *corev1.Pod) error {
	var errs []error
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Image == "" {
			errs = append(errs, fmt.Errorf("container %q has no image: podOverride names a container that the pod does not have", c.Name))
		}
	}
	return errors.Join(errs...)
}

// union merges maps; later ones win. It returns nil for nothing.
func union(all []map[string]string) map[string]string {
	var out map[string]string
	for _, m := range all {
		if out == nil && len(m) > 0 {
			out = map[string]string{}
		}
		maps.Copy(out, m)
	}
	return out
}
