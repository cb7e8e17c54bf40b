package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// MountClaims adds the named PersistentVolumeClaims to all containers of a pod
// spec. mounts maps the claim's name to the path in the container. A claim that
// may be mounted read-only by many is mounted read-only. Every claim must exist.
func MountClaims(ctx context.Context, client kubernetes.Interface, namespace string, spec *corev1.PodSpec, mounts map[string]string) error {
	for i, name := range slices.Sorted(maps.Keys(mounts)) {
		pvc, err := client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("volume %s/%s: %w", namespace, name, err)
		}
		mountClaim(spec, fmt.Sprintf("vol-%d", i), pvc, mounts[name])
	}
	return nil
}

func mountClaim(spec *corev1.PodSpec, volume string, pvc *corev1.PersistentVolumeClaim, path string) {
	readOnly := slices.Contains(pvc.Spec.AccessModes, corev1.ReadOnlyMany)
	spec.Volumes = append(spec.Volumes, corev1.Volume{
		Name: volume,
		VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{
			ClaimName: pvc.Name,
			ReadOnly:  readOnly,
		}},
	})
	for i := range spec.Containers {
		spec.Containers[i].VolumeMounts = append(spec.Containers[i].VolumeMounts,
			corev1.VolumeMount{Name: volume, MountPath: path, ReadOnly: readOnly})
	}
}
