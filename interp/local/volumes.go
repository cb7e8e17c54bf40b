package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// storageClass is the one way that the cluster makes volumes: as directories.
const storageClass = "local"

func admitClaim(old *unstructured.Unstructured, claim *corev1.PersistentVolumeClaim) []string {
	if claim.Spec.VolumeMode == nil {
		mode := corev1.PersistentVolumeFilesystem
		claim.Spec.VolumeMode = &mode
	}
	if claim.Spec.StorageClassName == nil && claim.Spec.VolumeName == "" {
		name := storageClass
		claim.Spec.StorageClassName = &name
	}
	if old != nil {
		return nil
	}
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
	return checkClaim(claim)
}

// checkClaim refuses what a directory cannot be. Any storage class is taken, since
// manifests of real clusters name theirs; size is not enforced.
func checkClaim(claim *corev1.PersistentVolumeClaim) []string {
	var no problems
	mode := claim.Spec.VolumeMode
	no.when(mode != nil && *mode == corev1.PersistentVolumeBlock, "spec.volumeMode", "volumes are directories: block devices need a cluster")
	no.when(claim.Spec.Selector != nil, "spec.selector", "volumes are made for their claims")
	if source := dataSource(claim); source != nil {
		no.when(source.Kind != "VolumeSnapshot" && source.Kind != "PersistentVolumeClaim", "spec.dataSource",
			fmt.Sprintf("a %s cannot fill a volume: only a VolumeSnapshot or a PersistentVolumeClaim can", source.Kind))
	}
	return no
}

// dataSource is what the volume of the claim starts from, or nil.
func dataSource(claim *corev1.PersistentVolumeClaim) *corev1.TypedObjectReference {
	if ref := claim.Spec.DataSourceRef; ref != nil {
		return ref
	}
	if ref := claim.Spec.DataSource; ref != nil {
		return &corev1.TypedObjectReference{APIGroup: ref.APIGroup, Kind: ref.Kind, Name: ref.Name}
	}
	return nil
}

// claim makes the volume of a new claim, and removes the one of a deleted claim
// when no pod uses it.
func (m *manager) claim(namespace, name string) error {
	claim, err := fetch[corev1.PersistentVolumeClaim](m.c, claimsGVR, namespace, name)
	if err != nil {
		return err
	}
	switch {
	case claim.DeletionTimestamp != nil:
		return m.removeClaim(claim)
	case claim.Status.Phase == corev1.ClaimBound:
		return nil
	case claim.Spec.VolumeName != "" && !m.ownVolume(claim):
		return fmt.Errorf("volume %s of claim %s/%s is not one of the local runtime", claim.Spec.VolumeName, namespace, name)
	}
	ready, err := m.fillVolume(claim)
	if err != nil || !ready {
		return err
	}
	return m.bind(claim)
}

func volumeName(claim *corev1.PersistentVolumeClaim) string { return "pvc-" + string(claim.UID) }

func (m *manager) ownVolume(claim *corev1.PersistentVolumeClaim) bool {
	return claim.Spec.VolumeName == volumeName(claim)
}

// fillVolume makes the directory, empty or as a copy of what the claim names. It
// tells false while its source is not ready. What has the name of its volume was filled
// before, and may have newer files by now.
func (m *manager) fillVolume(claim *corev1.PersistentVolumeClaim) (ready bool, err error) {
	dir := m.c.dirs.claim(claim.Namespace, claim.Name)
	if m.ownVolume(claim) && isDir(dir) {
		return true, nil
	}
	source := dataSource(claim)
	if source == nil {
		return true, makeOpenDir(dir)
	}
	from, err := m.sourceDir(claim.Namespace, source)
	if err != nil || from == "" {
		return false, err
	}
	return true, replaceTree(from, dir)
}

func (m *manager) sourceDir(namespace string, ref *corev1.TypedObjectReference) (string, error) {
	if ref.Namespace != nil && *ref.Namespace != "" {
		namespace = *ref.Namespace
	}
	if ref.Kind == "VolumeSnapshot" {
		return m.snapshotDir(namespace, ref.Name)
	}
	dir, err := m.c.claimDir(namespace, ref.Name)
	if missing := (*missingObject)(nil); errors.As(err, &missing) {
		return "", nil
	}
	return dir, err
}

func (m *manager) bind(claim *corev1.PersistentVolumeClaim) error {
	pv := volumeFor(claim, m.c.dirs.claim(claim.Namespace, claim.Name))
	if err := m.c.make(volumesGVR, "", pv); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	created, err := fetch[corev1.PersistentVolume](m.c, volumesGVR, "", pv.Name)
	if err != nil {
		return err
	}
	if err := m.c.writeStatus(m.c.must(volumesGVR), created, corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound}); err != nil {
		return err
	}
	_, err = m.c.store.update(m.c.must(claimsGVR), claim.Namespace, claim.Name, "", func(obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		err := unstructured.SetNestedField(obj.Object, pv.Name, "spec", "volumeName")
		return obj, err
	})
	if err != nil {
		return err
	}
	return m.c.writeStatus(m.c.must(claimsGVR), claim, corev1.PersistentVolumeClaimStatus{
		Phase:       corev1.ClaimBound,
		AccessModes: claim.Spec.AccessModes,
		Capacity:    pv.Spec.Capacity,
	})
}

func volumeFor(claim *corev1.PersistentVolumeClaim, dir string) *corev1.PersistentVolume {
	class := ""
	if claim.Spec.StorageClassName != nil {
		class = *claim.Spec.StorageClassName
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        volumeName(claim),
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": snapshotDriver},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			StorageClassName:              class,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: dir}},
		},
	}
}

func (m *manager) removeClaim(claim *corev1.PersistentVolumeClaim) error {
	if len(claim.Finalizers) > 0 {
		return nil // Somebody still needs its files.
	}
	pods, err := fetchAll[corev1.Pod](m.c, podsGVR, claim.Namespace)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if !finished(pod) && slices.Contains(claimNames(pod), claim.Name) {
			return nil // The pod's end makes the claim due again.
		}
	}
	if err := m.c.drop(volumesGVR, "", volumeName(claim)); err != nil {
		return err
	}
	dir := m.c.dirs.claim(claim.Namespace, claim.Name)
	if err := removeAll(dir); err != nil {
		return err
	}
	obj, err := untyped(claim)
	if err != nil {
		return err
	}
	if err := removeIfEmpty(filepath.Dir(dir)); err != nil {
		return err
	}
	return m.c.store.remove(m.c.must(claimsGVR), obj)
}

func claimNames(pod *corev1.Pod) []string {
	var names []string
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return names
}

// claimDir gives the directory of a bound claim.
func (c *Cluster) claimDir(namespace, name string) (string, error) {
	claim, err := fetch[corev1.PersistentVolumeClaim](c, claimsGVR, namespace, name)
	if err != nil {
		return "", missing(err, "persistentvolumeclaim", name, nil)
	}
	if claim.Status.Phase != corev1.ClaimBound || claim.DeletionTimestamp != nil {
		return "", &missingObject{Kind: "persistentvolumeclaim", Name: name, Key: "a bound volume"}
	}
	dir := c.dirs.claim(namespace, name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the files of claim %s/%s are gone: there is no %s", namespace, name, dir)
	}
	return dir, nil
}
