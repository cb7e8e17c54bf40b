package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// staticPair is a content for a handle, and the snapshot that names it.
func staticPair(handle string, policy snapshotv1.DeletionPolicy) (*snapshotv1.VolumeSnapshotContent, *snapshotv1.VolumeSnapshot) {
	content := &snapshotv1.VolumeSnapshotContent{ObjectMeta: metav1.ObjectMeta{Name: "pre"}}
	content.Spec.Driver, content.Spec.DeletionPolicy = snapshotDriver, policy
	content.Spec.Source.SnapshotHandle = &handle
	content.Spec.VolumeSnapshotRef.Namespace, content.Spec.VolumeSnapshotRef.Name = "default", "static"
	snap := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Name: "static"}}
	snap.Spec.Source.VolumeSnapshotContentName = &content.Name
	return content, snap
}

func createContent(t *testing.T, env *funcs.Env, c *snapshotv1.VolumeSnapshotContent) *snapshotv1.VolumeSnapshotContent {
	t.Helper()
	made, err := env.Snapshots.SnapshotV1().VolumeSnapshotContents().Create(deadline(t), c, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func createSnapshot(t *testing.T, env *funcs.Env, s *snapshotv1.VolumeSnapshot) *snapshotv1.VolumeSnapshot {
	t.Helper()
	made, err := env.Snapshots.SnapshotV1().VolumeSnapshots("default").Create(deadline(t), s, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// awaitSnapshot waits until the snapshot is ready, or as wanted says.
func awaitSnapshot(t *testing.T, env *funcs.Env, snap *snapshotv1.VolumeSnapshot, wanted func(*snapshotv1.VolumeSnapshot) bool) *snapshotv1.VolumeSnapshot {
	t.Helper()
	last, err := kube.Follow(deadline(t), env.Snapshots.SnapshotV1().VolumeSnapshots("default"), snap,
		func(s *snapshotv1.VolumeSnapshot) (bool, error) { return wanted(s), nil })
	if err != nil {
		t.Fatalf("%v; status %+v", err, last.Status)
	}
	return last
}

func failedSnapshot(s *snapshotv1.VolumeSnapshot) bool {
	return s.Status != nil && s.Status.Error != nil
}

// retained takes a snapshot of a claim, and deletes all of it but the files. It
// returns their handle, and what the snapshot was.
func retained(t *testing.T, env *funcs.Env) (string, *snapshotv1.VolumeSnapshot) {
	t.Helper()
	snap := snapshotOf(t, env, "taken", "data")
	contents := env.Snapshots.SnapshotV1().VolumeSnapshotContents()
	content, err := contents.Get(deadline(t), *snap.Status.BoundVolumeSnapshotContentName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	content.Spec.DeletionPolicy = snapshotv1.VolumeSnapshotContentRetain
	if content, err = contents.Update(deadline(t), content, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := env.Snapshots.SnapshotV1().VolumeSnapshots("default").Delete(deadline(t), "taken", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := contents.Delete(deadline(t), content.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := kube.Follow(deadline(t), contents, content, func(*snapshotv1.VolumeSnapshotContent) (bool, error) { return false, nil }); !errors.Is(err, kube.ErrDeleted) {
		t.Fatal(err)
	}
	return *content.Status.SnapshotHandle, snap
}

func TestStaticSnapshotsAreBound(t *testing.T) {
	for _, contentFirst := range []bool{true, false} {
		dir := t.TempDir()
		c, env := openCluster(t, dir)
		if err := c.Apply([]byte(claimManifest)); err != nil {
			t.Fatal(err)
		}
		handle, taken := retained(t, env)
		content, snap := staticPair(handle, snapshotv1.VolumeSnapshotContentDelete)
		if contentFirst {
			createContent(t, env, content)
			snap = createSnapshot(t, env, snap)
		} else {
			snap = createSnapshot(t, env, snap)
			awaitSnapshot(t, env, snap, failedSnapshot) // it names a content that is not there
			createContent(t, env, content)
		}
		snap = awaitSnapshot(t, env, snap, snapshotReady)
		if s := snap.Status; s.Error != nil || s.RestoreSize.Cmp(*taken.Status.RestoreSize) != 0 || !s.CreationTime.Equal(taken.Status.CreationTime) {
			t.Errorf("content first %t: status %+v, taken with %+v", contentFirst, s, taken.Status)
		}
		contents := env.Snapshots.SnapshotV1().VolumeSnapshotContents()
		bound, err := contents.Get(deadline(t), "pre", metav1.GetOptions{})
		if err != nil || bound.Spec.VolumeSnapshotRef.UID != snap.UID {
			t.Errorf("content first %t: %+v, %v", contentFirst, bound, err)
		}
		checkContentIsHeld(t, env, snap, bound)
		if _, err := os.Stat(filepath.Join(dir, "snapshots", handle)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("content first %t: the files are left: %v", contentFirst, err)
		}
		closeCluster(t, c)
	}
}

// checkContentIsHeld deletes a content, which stays as long as its snapshot, and
// then the snapshot.
func checkContentIsHeld(t *testing.T, env *funcs.Env, snap *snapshotv1.VolumeSnapshot, content *snapshotv1.VolumeSnapshotContent) {
	t.Helper()
	contents, snaps := env.Snapshots.SnapshotV1().VolumeSnapshotContents(), env.Snapshots.SnapshotV1().VolumeSnapshots("default")
	if err := contents.Delete(deadline(t), content.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	settle(t, env)
	if _, err := snaps.Get(deadline(t), snap.Name, metav1.GetOptions{}); err != nil {
		t.Errorf("the snapshot went with its content: %v", err)
	}
	held, err := contents.Get(deadline(t), content.Name, metav1.GetOptions{})
	if err != nil || held.DeletionTimestamp == nil {
		t.Fatalf("%+v, %v", held, err)
	}
	if err := snaps.Delete(deadline(t), snap.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	gone := func(*snapshotv1.VolumeSnapshotContent) (bool, error) { return false, nil }
	if _, err := kube.Follow(deadline(t), contents, held, gone); !errors.Is(err, kube.ErrDeleted) {
		t.Fatal(err)
	}
}

// TestStrangeHandles: what a user writes into a content reads and removes nothing
// but snapshots.
func TestStrangeHandles(t *testing.T) {
	dir := t.TempDir()
	c, env := openCluster(t, dir)
	if err := c.Apply([]byte(claimManifest)); err != nil {
		t.Fatal(err)
	}
	snapshotOf(t, env, "taken", "data")
	for _, handle := range []string{"snap-0123", "../volumes/default/data", "snapcontent-/../../volumes", "..", ""} {
		content, snap := staticPair(handle, snapshotv1.VolumeSnapshotContentDelete)
		content = createContent(t, env, content)
		snap = createSnapshot(t, env, snap)
		failed := awaitSnapshot(t, env, snap, func(s *snapshotv1.VolumeSnapshot) bool {
			return failedSnapshot(s) && strings.Contains(*s.Status.Error.Message, "handle")
		})
		if snapshotReady(failed) {
			t.Errorf("%q: %+v", handle, failed.Status)
		}
		if err := env.Snapshots.SnapshotV1().VolumeSnapshots("default").Delete(deadline(t), "static", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := env.Snapshots.SnapshotV1().VolumeSnapshotContents().Delete(deadline(t), "pre", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := kube.Follow(deadline(t), env.Snapshots.SnapshotV1().VolumeSnapshotContents(), content,
			func(*snapshotv1.VolumeSnapshotContent) (bool, error) { return false, nil })
		if !errors.Is(err, kube.ErrDeleted) && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	if !isDir(filepath.Join(dir, "volumes", "default", "data")) {
		t.Error("the volume's files are gone")
	}
}

func TestSnapshotWaitsForWhatItNeeds(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	class, claim := "fast", "data"
	snap := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Name: "early"}}
	snap.Spec.VolumeSnapshotClassName, snap.Spec.Source.PersistentVolumeClaimName = &class, &claim
	snap = createSnapshot(t, env, snap)
	failed := awaitSnapshot(t, env, snap, failedSnapshot)
	if got := *failed.Status.Error.Message; !strings.Contains(got, `"fast" not found`) {
		t.Errorf("without its class: %s", got)
	}
	fast := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Driver: snapshotDriver, DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain}
	if _, err := env.Snapshots.SnapshotV1().VolumeSnapshotClasses().Create(deadline(t), fast, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitSnapshot(t, env, snap, func(s *snapshotv1.VolumeSnapshot) bool {
		return failedSnapshot(s) && strings.Contains(*s.Status.Error.Message, `"data" not found`)
	})
	settle(t, env)
	if err := c.Apply([]byte(claimManifest)); err != nil {
		t.Fatal(err)
	}
	ready := awaitSnapshot(t, env, snap, snapshotReady)
	content, err := env.Snapshots.SnapshotV1().VolumeSnapshotContents().Get(deadline(t), *ready.Status.BoundVolumeSnapshotContentName, metav1.GetOptions{})
	if err != nil || content.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain || ready.Status.Error != nil {
		t.Errorf("content %+v, %v, status %+v", content, err, ready.Status)
	}
}
