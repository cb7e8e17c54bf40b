package funcs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs/access"
)

type restoreCSISnapshotArgs struct {
	Name         string                              `json:"name"`
	PVC          string                              `json:"pvc"`
	Namespace    string                              `json:"namespace"`
	StorageClass string                              `json:"storageClass"`
	RestoreSize  string                              `json:"restoreSize"`
	AccessModes  []corev1.PersistentVolumeAccessMode `json:"accessModes"`
	VolumeMode   *corev1.PersistentVolumeMode        `json:"volumeMode"`
	Labels       map[string]string                   `json:"labels"`
}

// RestoreCSISnapshot makes a claim whose volume is filled from a snapshot. It does not
// wait for the volume, which may only be made when a pod mounts the claim.
func RestoreCSISnapshot() Func {
	return fn[restoreCSISnapshotArgs]{name: "RestoreCSISnapshot", exec: restoreCSISnapshot, access: restoresSnapshot}
}

func restoreCSISnapshot(ctx context.Context, env *Env, a restoreCSISnapshotArgs) (Output, error) {
	size, err := a.check()
	if err != nil {
		return nil, err
	}
	snap, err := readySnapshot(ctx, env, a.Namespace, a.Name)
	if err != nil {
		return nil, err
	}
	if err := a.fits(size, snap); err != nil {
		return nil, err
	}
	if err := checkProvisioner(ctx, env, a.StorageClass, snap); err != nil {
		return nil, err
	}
	claim, found, err := keepObject(ctx, env, env.Kube.CoreV1().PersistentVolumeClaims(a.Namespace), a.claim(size))
	if err == nil && found && (claim.Spec.DataSource == nil || claim.Spec.DataSource.Name != a.Name) {
		err = errors.New("it is there already, and not made of this snapshot")
	}
	if err != nil {
		return nil, fmt.Errorf("create PersistentVolumeClaim %s/%s: %w", a.Namespace, a.PVC, err)
	}
	return Output{}, nil
}

// check looks at the arguments alone, and reads the size.
func (a restoreCSISnapshotArgs) check() (resource.Quantity, error) {
	err := notEmpty("name", a.Name, "pvc", a.PVC, "namespace", a.Namespace, "storageClass", a.StorageClass)
	if err != nil {
		return resource.Quantity{}, err
	}
	size, err := resource.ParseQuantity(a.RestoreSize)
	if err != nil {
		return size, fmt.Errorf("argument restoreSize %q: %w", a.RestoreSize, err)
	}
	if size.Sign() <= 0 {
		return size, fmt.Errorf("argument restoreSize is %s: give the size that the volume had, such as 10Gi", a.RestoreSize)
	}
	return size, nil
}

// fits checks that the claim is as large as the snapshot needs.
func (a restoreCSISnapshotArgs) fits(size resource.Quantity, snap *snapshotv1.VolumeSnapshot) error {
	if least := restoreSize(snap, nil); least != nil && size.Cmp(*least) < 0 {
		return fmt.Errorf("argument restoreSize is %s, but a volume made of VolumeSnapshot %s/%s needs at least %s",
			a.RestoreSize, a.Namespace, a.Name, least)
	}
	return nil
}

func (a restoreCSISnapshotArgs) claim(size resource.Quantity) *corev1.PersistentVolumeClaim {
	modes := a.AccessModes
	if len(modes) == 0 {
		modes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.PVC, Labels: a.Labels},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &a.StorageClass,
			AccessModes:      modes,
			VolumeMode:       a.VolumeMode,
			DataSource:       &corev1.TypedLocalObjectReference{APIGroup: new(snapshotv1.GroupName), Kind: "VolumeSnapshot", Name: a.Name},
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
		},
	}
}

// readySnapshot reads a snapshot, and waits for one that is still being taken: a claim
// made of it would wait in silence.
func readySnapshot(ctx context.Context, env *Env, namespace, name string) (*snapshotv1.VolumeSnapshot, error) {
	snap, err := env.snapshots().Get(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	return env.snapshots().Ready(ctx, snap)
}

// checkProvisioner looks for what would leave the claim without a volume for ever, as
// far as that may be read. Which driver a snapshot is of is only known once it is bound.
func checkProvisioner(ctx context.Context, env *Env, class string, snap *snapshotv1.VolumeSnapshot) error {
	storage, err := env.Kube.StorageV1().StorageClasses().Get(ctx, class, metav1.GetOptions{})
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("StorageClass %s: %w", class, err)
	}
	if snap.Status == nil || snap.Status.BoundVolumeSnapshotContentName == nil {
		return nil
	}
	content, err := env.snapshots().Content(ctx, *snap.Status.BoundVolumeSnapshotContentName)
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return err
	}
	// The names of Kubernetes' own provisioners stand for the CSI drivers that took their place.
	if storage.Provisioner == content.Spec.Driver || strings.HasPrefix(storage.Provisioner, "kubernetes.io/") {
		return nil
	}
	return fmt.Errorf("StorageClass %s makes volumes with the driver %s, but VolumeSnapshot %s/%s is of %s: use a storage class of that driver",
		class, storage.Provisioner, snap.Namespace, snap.Name, content.Spec.Driver)
}

func restoresSnapshot(c access.Call) []access.Need {
	in := access.In(access.InTarget, "namespace")
	return access.All(
		access.On(in, access.Snapshots, "volumesnapshots", "read the snapshot, and wait until it is ready", "get", "watch"),
		access.On(in, "", "persistentvolumeclaims", "make a claim of the snapshot", "create", "get", "watch"),
		access.Optionally(access.All(
			access.On(access.InCluster, "storage.k8s.io", "storageclasses", "check that the class can make a volume of the snapshot", "get"),
			access.On(access.InCluster, access.Snapshots, "volumesnapshotcontents", "check that the class can make a volume of the snapshot", "get"),
			access.On(in, "", "events", "tell why a snapshot does not become ready", "list"),
		)),
	)(c)
}
