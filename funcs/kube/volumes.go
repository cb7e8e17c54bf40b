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

// A Mount says where containers see a claim, and what for.
type Mount struct {
	Path string
	// ReadOnly says that nothing is written there.
	ReadOnly bool
}

// MountClaims adds PersistentVolumeClaims to all containers of a pod spec. mounts
// is by the claim's name; every claim must exist.
//
// A claim that nobody may write to is mounted read-only. So is one that many may
// read at once, if the mount is to be read-only: that is how it can be read while
// the application has it. Any other is mounted for writing, because not every
// driver can mount the same volume in both ways on one node.
func MountClaims(ctx context.Context, client kubernetes.Interface, namespace string, spec *corev1.PodSpec, mounts map[string]Mount) error {
	for i, name := range slices.Sorted(maps.Keys(mounts)) {
		pvc, err := client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("volume %s/%s: %w", namespace, name, err)
		}
		mountClaim(spec, fmt.Sprintf("vol-%d", i), pvc, mounts[name])
	}
	return nil
}

// MountUnseen adds claims to all containers of a pod spec, for writing, without looking at
// them: for who wants to know what the pod would be like.
func MountUnseen(spec *corev1.PodSpec, mounts map[string]Mount) {
	for i, name := range slices.Sorted(maps.Keys(mounts)) {
		unseen := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}
		mountClaim(spec, fmt.Sprintf("vol-%d", i), unseen, mounts[name])
	}
}

func mountClaim(spec *corev1.PodSpec, volume string, pvc *corev1.PersistentVolumeClaim, mount Mount) {
	readOnly := slices.Contains(pvc.Spec.AccessModes, corev1.ReadOnlyMany) && (mount.ReadOnly || !writable(pvc))
	spec.Volumes = append(spec.Volumes, corev1.Volume{
		Name: volume,
		VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{
			ClaimName: pvc.Name,
			ReadOnly:  readOnly,
		}},
	})
	for i := range spec.Containers {
		spec.Containers[i].VolumeMounts = append(spec.Containers[i].VolumeMounts,
			corev1.VolumeMount{Name: volume, MountPath: mount.Path, ReadOnly: readOnly})
	}
}

// writable tells whether any access mode of the claim allows to write.
func writable(pvc *corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(pvc.Spec.AccessModes, func(m corev1.PersistentVolumeAccessMode) bool { return m != corev1.ReadOnlyMany })
}
