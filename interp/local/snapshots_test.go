package local

import (
	"context"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/rescuecue/rescue/funcs"
)

// snapshotOf takes a snapshot. It may fail first, when the claim is not bound yet.
func snapshotOf(t *testing.T, env *funcs.Env, name, claim string) *snapshotv1.VolumeSnapshot {
	t.Helper()
	return snapshotUntil(t, env, name, claim, snapshotReady)
}

// snapshotUntil makes a snapshot and waits until it is as wanted.
func snapshotUntil(t *testing.T, env *funcs.Env, name, claim string, wanted func(*snapshotv1.VolumeSnapshot) bool) *snapshotv1.VolumeSnapshot {
	t.Helper()
	client := env.Snapshots.SnapshotV1().VolumeSnapshots("default")
	_, err := client.Create(deadline(t), &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &claim}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := client.Watch(deadline(t), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		t.Fatal(err)
	}
	var last *snapshotv1.VolumeSnapshot
	_, err = watchtools.UntilWithoutRetry(deadline(t), w, func(e watch.Event) (bool, error) {
		last = e.Object.(*snapshotv1.VolumeSnapshot)
		return wanted(last), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestVolumeComesBackFromItsSnapshot(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(claimManifest)); err != nil {
		t.Fatal(err)
	}
	fill := "mkdir /data/d && echo x > /data/d/f && ln /data/d/f /data/hard && ln -s d/f /data/soft && chmod 640 /data/d/f && truncate -s 1M /data/hole"
	createPod(t, env, podWith("fill", fill, withClaim))
	awaitPod(t, env, "default", "fill", ended)
	snap := snapshotOf(t, env, "snap", "data")
	if snap.Status.RestoreSize.String() != "1Gi" || snap.Status.CreationTime == nil {
		t.Fatalf("status %+v", snap.Status)
	}
	createPod(t, env, podWith("spoil", "rm -rf /data/d /data/hard", withClaim))
	awaitPod(t, env, "default", "spoil", ended)

	group := "snapshot.storage.k8s.io"
	restored := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "restored"}}
	restored.Spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: &group, Kind: "VolumeSnapshot", Name: "snap"}
	if _, err := env.Kube.CoreV1().PersistentVolumeClaims("default").Create(deadline(t), restored, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	check := `cat /data/soft; cd /data; stat -c '%a %h' d/f; test d/f -ef hard && echo same; stat -c '%s %b' hole`
	createPod(t, env, podWith("check", check, withClaim, func(p *corev1.Pod) {
		p.Spec.Volumes[0].PersistentVolumeClaim.ClaimName = "restored"
	}))
	awaitPod(t, env, "default", "check", ended)
	if got, want := logOf(t, env, "check", ""), "x\n640 2\nsame\n1048576 0\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	deleteSnapshot(t, env, snap)
}

func deleteSnapshot(t *testing.T, env *funcs.Env, snap *snapshotv1.VolumeSnapshot) {
	t.Helper()
	contents := env.Snapshots.SnapshotV1().VolumeSnapshotContents()
	w, err := contents.Watch(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := env.Snapshots.SnapshotV1().VolumeSnapshots("default").Delete(deadline(t), snap.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = watchtools.UntilWithoutRetry(deadline(t), w, func(e watch.Event) (bool, error) { return e.Type == watch.Deleted, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestSnapshotOfNothingSaysSo(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	snap := snapshotUntil(t, env, "snap", "none", failedSnapshot)
	if s := snap.Status; *s.ReadyToUse || s.Error == nil || *s.Error.Message != `persistentvolumeclaim "none" not found` {
		t.Errorf("status %+v", s)
	}
}
