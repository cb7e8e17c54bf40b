package funcs_test

import (
	"maps"
	"slices"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

// newRestoreFake has the snapshot shop/snap, of 2Gi.
func newRestoreFake(t *testing.T, status *snapshotv1.VolumeSnapshotStatus) *csiFake {
	f := newCSIFake(t, snapshotOf("snap", "data", nil, status), content("content-1", "snap", "uid-snap", snapshotv1.VolumeSnapshotContentDelete))
	for _, class := range []*storagev1.StorageClass{
		{ObjectMeta: metav1.ObjectMeta{Name: "other"}, Provisioner: "other.example.com"},
		{ObjectMeta: metav1.ObjectMeta{Name: "old"}, Provisioner: "kubernetes.io/disk"},
	} {
		if err := f.kube.Tracker().Add(class); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *csiFake) restore(args funcs.Args) error {
	all := funcs.Args{"name": "snap", "pvc": "new", "namespace": "shop", "storageClass": "fast", "restoreSize": "2Gi"}
	maps.Copy(all, args)
	out, err := funcs.RestoreCSISnapshot().Exec(f.t.Context(), f.Env, all)
	if err == nil && (out == nil || len(out) != 0) {
		f.t.Errorf("output %v", out)
	}
	return err
}

func TestRestoreCSISnapshot(t *testing.T) {
	once := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	all := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOncePod}
	for name, c := range map[string]struct {
		args  funcs.Args
		size  string
		modes []corev1.PersistentVolumeAccessMode
		mode  *corev1.PersistentVolumeMode
	}{
		"defaults": {size: "2Gi", modes: once},
		"all": {funcs.Args{"restoreSize": "2.5Gi", "accessModes": all, "volumeMode": "Block", "storageClass": "old", "labels": map[string]any{"app": "shop"}},
			"2560Mi", all, new(corev1.PersistentVolumeBlock)},
	} {
		t.Run(name, func(t *testing.T) {
			f := newRestoreFake(t, ready("2Gi"))
			for range 2 { // a second attempt finds the claim
				if err := f.restore(c.args); err != nil {
					t.Fatal(err)
				}
			}
			pvc, err := f.kube.CoreV1().PersistentVolumeClaims("shop").Get(t.Context(), "new", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			size, source := pvc.Spec.Resources.Requests[corev1.ResourceStorage], pvc.Spec.DataSource
			if size.String() != c.size || !slices.Equal(pvc.Spec.AccessModes, c.modes) || *source.APIGroup != "snapshot.storage.k8s.io" ||
				source.Kind != "VolumeSnapshot" || source.Name != "snap" || !maps.Equal(pvc.Annotations, ours) {
				t.Errorf("claim %+v", pvc)
			}
			if mode := pvc.Spec.VolumeMode; (mode == nil) != (c.mode == nil) || mode != nil && *mode != *c.mode {
				t.Errorf("volume mode %v", mode)
			}
			if labels, _ := c.args["labels"].(map[string]any); len(labels) != len(pvc.Labels) {
				t.Errorf("labels %v", pvc.Labels)
			}
		})
	}
}

// TestRestoreCSISnapshotWaits for a snapshot that is still being taken.
func TestRestoreCSISnapshotWaits(t *testing.T) {
	if err := newRestoreFake(t, nil).becomes(ready("2Gi")).restore(nil); err != nil {
		t.Error(err)
	}
}

// TestRestoreCSISnapshotUnread: what may not be read is not checked.
func TestRestoreCSISnapshotUnread(t *testing.T) {
	for _, resource := range []string{"storageclasses", "volumesnapshotcontents"} {
		if err := newRestoreFake(t, ready("2Gi")).deny("get", resource).restore(funcs.Args{"storageClass": "other"}); err != nil {
			t.Errorf("%s: %v", resource, err)
		}
	}
}

func TestRestoreCSISnapshotRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args   funcs.Args
		status *snapshotv1.VolumeSnapshotStatus
		want   []string
	}{
		"no name":        {args: funcs.Args{"name": ""}, want: []string{"argument name is empty"}},
		"size 0":         {args: funcs.Args{"restoreSize": "0"}, want: []string{"restoreSize is 0"}},
		"no size":        {args: funcs.Args{"restoreSize": "<nil>"}, want: []string{`restoreSize "<nil>"`}},
		"too small":      {args: funcs.Args{"restoreSize": "2G"}, want: []string{"restoreSize is 2G", "shop/snap", "at least 2Gi"}},
		"no snapshot":    {args: funcs.Args{"name": "absent"}, want: []string{"VolumeSnapshot shop/absent", "not found"}},
		"failed":         {status: failed("disk on fire"), want: []string{"VolumeSnapshot shop/snap", "disk on fire"}},
		"no class":       {args: funcs.Args{"storageClass": "absent"}, want: []string{"StorageClass absent", "not found"}},
		"foreign class":  {args: funcs.Args{"storageClass": "other"}, want: []string{"StorageClass other", "other.example.com", "shop/snap", csiDriver}},
		"claim is there": {args: funcs.Args{"pvc": "data"}, want: []string{"PersistentVolumeClaim shop/data", "one of this name already"}},
		"of another":     {args: funcs.Args{"pvc": "mine"}, want: []string{"PersistentVolumeClaim shop/mine", "not made of this snapshot"}},
	} {
		t.Run(name, func(t *testing.T) {
			status := c.status
			if status == nil {
				status = ready("2Gi")
			}
			f := newRestoreFake(t, status)
			mine := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "mine", Annotations: ours}}
			if err := f.kube.Tracker().Add(mine); err != nil {
				t.Fatal(err)
			}
			wantError(t, f.restore(c.args), c.want...)
			_, err := f.kube.CoreV1().PersistentVolumeClaims("shop").Get(t.Context(), "new", metav1.GetOptions{})
			if !apierrors.IsNotFound(err) {
				t.Errorf("the claim was made, error %v", err)
			}
		})
	}
	wantError(t, newRestoreFake(t, ready("")).withoutCRDs().restore(nil), "install the CRDs")
}
