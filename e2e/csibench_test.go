//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// BenchmarkSnapshot compares taking and deleting a CSI snapshot with the same by plain
// API calls that wait by watching; and restores a claim from one, which does not wait.
// Run it with
//
//	go test -tags e2e -run '^$' -bench Snapshot -benchtime 10x ./e2e
func BenchmarkSnapshot(b *testing.B) {
	c := newCSI(b)
	c.filled(b, "data")
	b.Run("plain", func(b *testing.B) { c.takeAndDelete(b, c.plainTake, c.plainDelete) })
	b.Run("functions", func(b *testing.B) { c.takeAndDelete(b, c.take, c.delete) })
	snap, err := c.take(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("claim from it/plain", func(b *testing.B) {
		for b.Loop() {
			if err := c.plainRestore(b.Context(), snap); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("claim from it/RestoreCSISnapshot", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			_, err := funcs.RestoreCSISnapshot().Exec(b.Context(), c.Env, funcs.Args{
				"name": snap, "pvc": fmt.Sprintf("restored-%d-%d", b.N, i), "namespace": c.Namespace,
				"storageClass": c.storage.Name, "restoreSize": "16Mi",
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// takeAndDelete reports the times of both, in seconds.
func (c *csi) takeAndDelete(b *testing.B, take func(context.Context) (string, error), drop func(context.Context, string) error) {
	var taking, dropping time.Duration
	for b.Loop() {
		start := time.Now()
		name, err := take(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		taken := time.Now()
		if err := drop(b.Context(), name); err != nil {
			b.Fatal(err)
		}
		taking, dropping = taking+taken.Sub(start), dropping+time.Since(taken)
	}
	b.ReportMetric(taking.Seconds()/float64(b.N), "s/create")
	b.ReportMetric(dropping.Seconds()/float64(b.N), "s/delete")
}

func (c *csi) take(ctx context.Context) (string, error) {
	out, err := funcs.CreateCSISnapshot().Exec(ctx, c.Env, funcs.Args{
		"pvc": "data", "namespace": c.Namespace, "snapshotClass": c.snapshot.Name,
	})
	name, _ := out["name"].(string)
	return name, err
}

func (c *csi) delete(ctx context.Context, name string) error {
	_, err := funcs.DeleteCSISnapshot().Exec(ctx, c.Env, funcs.Args{"name": name, "namespace": c.Namespace})
	return err
}

func (c *csi) plainTake(ctx context.Context) (string, error) {
	snaps := c.Snapshots.SnapshotV1().VolumeSnapshots(c.Namespace)
	snap := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{GenerateName: "plain-"}}
	snap.Spec.Source.PersistentVolumeClaimName, snap.Spec.VolumeSnapshotClassName = new("data"), &c.snapshot.Name
	snap, err := snaps.Create(ctx, snap, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	_, err = kube.Follow(ctx, snaps, snap, func(s *snapshotv1.VolumeSnapshot) (bool, error) {
		return s.Status != nil && s.Status.ReadyToUse != nil && *s.Status.ReadyToUse, nil
	})
	return snap.Name, err
}

func (c *csi) plainRestore(ctx context.Context, snap string) error {
	_, err := c.Kube.CoreV1().PersistentVolumeClaims(c.Namespace).Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "plain-"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &c.storage.Name,
			DataSource: &corev1.TypedLocalObjectReference{APIGroup: new(snapshotv1.GroupName), Kind: "VolumeSnapshot", Name: snap},
			Resources:  corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("16Mi")}},
		},
	}, metav1.CreateOptions{})
	return err
}

func (c *csi) plainDelete(ctx context.Context, name string) error {
	snaps := c.Snapshots.SnapshotV1().VolumeSnapshots(c.Namespace)
	snap, err := snaps.Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		err = snaps.Delete(ctx, name, metav1.DeleteOptions{})
	}
	if err == nil {
		_, err = kube.Follow(ctx, snaps, snap, func(*snapshotv1.VolumeSnapshot) (bool, error) { return false, nil })
	}
	if errors.Is(err, kube.ErrDeleted) {
		return nil
	}
	return err
}
