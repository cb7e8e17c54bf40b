package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	snapclient "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned/typed/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Snapshots works on the snapshots of CSI volumes: VolumeSnapshots, what they are
// made of, and what is made of them.
type Snapshots struct {
	Kube   kubernetes.Interface
	Client snapshots.Interface
	Log    *slog.Logger
}

var errNoSnapshots = errors.New("this cluster does not know VolumeSnapshots (snapshot.storage.k8s.io/v1): install the CRDs and " +
	"the snapshot-controller of kubernetes-csi/external-snapshotter, and a CSI driver that takes snapshots")

func (s *Snapshots) in(namespace string) snapclient.VolumeSnapshotInterface {
	return s.Client.SnapshotV1().VolumeSnapshots(namespace)
}

func (s *Snapshots) contents() snapclient.VolumeSnapshotContentInterface {
	return s.Client.SnapshotV1().VolumeSnapshotContents()
}

// Get reads a VolumeSnapshot. For one that is not there apierrors.IsNotFound is
// true, but not where the cluster knows no snapshots at all.
func (s *Snapshots) Get(ctx context.Context, namespace, name string) (*snapshotv1.VolumeSnapshot, error) {
	snap, err := s.in(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, explainAPI(err, "VolumeSnapshot %s/%s", namespace, name)
	}
	return snap, nil
}

// Content reads a VolumeSnapshotContent. Its errors are like those of Get.
func (s *Snapshots) Content(ctx context.Context, name string) (*snapshotv1.VolumeSnapshotContent, error) {
	content, err := s.contents().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, explainAPI(err, "VolumeSnapshotContent %s", name)
	}
	return content, nil
}

// Class reads a VolumeSnapshotClass, and checks that it is for the CSI driver that
// owner has. An empty driver stands for one that is not known.
func (s *Snapshots) Class(ctx context.Context, name, driver, owner string) (*snapshotv1.VolumeSnapshotClass, error) {
	class, err := s.Client.SnapshotV1().VolumeSnapshotClasses().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && !unknownAPI(err) {
		return nil, fmt.Errorf("there is no VolumeSnapshotClass %q%s", name, s.offer(ctx, driver))
	}
	if err != nil {
		return nil, explainAPI(err, "VolumeSnapshotClass %s", name)
	}
	if driver != "" && class.Driver != driver {
		return nil, fmt.Errorf("VolumeSnapshotClass %q is for the CSI driver %s, but %s has %s%s",
			name, class.Driver, owner, driver, s.offer(ctx, driver))
	}
	return class, nil
}

// offer lists the classes that would do, for an error: those of the driver, if that
// is known.
func (s *Snapshots) offer(ctx context.Context, driver string) string {
	list, err := s.Client.SnapshotV1().VolumeSnapshotClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		s.Log.Debug("classes cannot be listed for an error", "error", err)
		return ""
	}
	var names []string
	for _, class := range list.Items {
		if driver == "" || class.Driver == driver {
			names = append(names, class.Name)
		}
	}
	slices.Sort(names)
	switch {
	case len(names) > 0:
		return ": use " + strings.Join(names, " or ")
	case driver != "":
		return ": make a class for " + driver
	}
	return ": the cluster has none"
}

// Source reads the claim that a snapshot is to be taken of, and finds the CSI driver
// of its volume; "" if that cannot be known, as when volumes may not be read. The
// claim must be bound.
func (s *Snapshots) Source(ctx context.Context, namespace, name string) (claim *corev1.PersistentVolumeClaim, driver string, err error) {
	claim, err = s.Kube.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, "", fmt.Errorf("PersistentVolumeClaim %s/%s: %w", namespace, name, err)
	}
	if claim.Status.Phase != corev1.ClaimBound {
		return nil, "", fmt.Errorf("PersistentVolumeClaim %s/%s is %s and has no volume to take a snapshot of: "+
			"see `kubectl describe pvc` for what it waits for", namespace, name, orUnknown(string(claim.Status.Phase)))
	}
	driver, err = s.driver(ctx, claim)
	return claim, driver, err
}

func orUnknown(phase string) string {
	if phase == "" {
		return "new"
	}
	return phase
}

func (s *Snapshots) driver(ctx context.Context, claim *corev1.PersistentVolumeClaim) (string, error) {
	pv, err := s.Kube.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		s.Log.Debug("the driver of a volume is not known", "namespace", claim.Namespace, "pvc", claim.Name, "error", err)
		return "", nil
	}
	if pv.Spec.CSI != nil {
		return pv.Spec.CSI.Driver, nil
	}
	if maker := pv.Annotations[provisionedBy]; maker != "" {
		return maker, nil
	}
	return "", fmt.Errorf("PersistentVolumeClaim %s/%s: its volume %s is not of a CSI driver, and only those have snapshots",
		claim.Namespace, claim.Name, pv.Name)
}

// provisionedBy names the maker of a volume, also of one whose driver is part of
// Kubernetes and has no snapshots.
const provisionedBy = "pv.kubernetes.io/provisioned-by"

// explainAPI adds what the error is about. Where the cluster does not know the
// resource, it says what to install, and is no longer a NotFound.
func explainAPI(err error, format string, names ...any) error {
	if unknownAPI(err) {
		return errNoSnapshots
	}
	return fmt.Errorf(format+": %w", append(names, err)...)
}

// unknownAPI tells whether it is the resource that was not found, and not one object
// of it.
func unknownAPI(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}
