package funcs_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/funcs"
)

func (f *csiFake) create(ctx context.Context, args funcs.Args) (funcs.Output, error) {
	all := funcs.Args{"pvc": "data", "namespace": "shop", "snapshotClass": "fast"}
	maps.Copy(all, args)
	return funcs.CreateCSISnapshot().Exec(ctx, f.Env, all)
}

func TestCreateCSISnapshot(t *testing.T) {
	for name, c := range map[string]struct {
		states []*snapshotv1.VolumeSnapshotStatus
		size   string
	}{
		"size told":           {[]*snapshotv1.VolumeSnapshotStatus{ready("2Gi")}, "2Gi"},
		"size not told":       {[]*snapshotv1.VolumeSnapshotStatus{ready("")}, "3Gi"},
		"size told as 0":      {[]*snapshotv1.VolumeSnapshotStatus{ready("0")}, "3Gi"},
		"not ready for long":  {[]*snapshotv1.VolumeSnapshotStatus{{}, {ReadyToUse: new(false), CreationTime: new(metav1.Now())}, ready("2Gi")}, "2Gi"},
		"ready, but not when": {[]*snapshotv1.VolumeSnapshotStatus{{ReadyToUse: new(true), BoundVolumeSnapshotContentName: new("c")}, ready("2Gi")}, "2Gi"},
		"error that passes":   {[]*snapshotv1.VolumeSnapshotStatus{failed("conflict: the object has been modified"), ready("2Gi")}, "2Gi"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCSIFake(t).becomes(c.states...)
			out, err := f.create(t.Context(), funcs.Args{"name": "mine", "labels": map[string]any{"app": "my shop"}})
			want := funcs.Output{"name": "mine", "pvc": "data", "namespace": "shop", "restoreSize": c.size, "snapshotContent": "content-1"}
			if err != nil || !maps.Equal(out, want) {
				t.Fatalf("output %v, error %v", out, err)
			}
			snap, err := f.client.SnapshotV1().VolumeSnapshots("shop").Get(t.Context(), "mine", metav1.GetOptions{})
			if err != nil || !maps.Equal(snap.Labels, map[string]string{"app": "myshop"}) || !maps.Equal(snap.Annotations, ours) ||
				*snap.Spec.Source.PersistentVolumeClaimName != "data" || *snap.Spec.VolumeSnapshotClassName != "fast" {
				t.Errorf("snapshot %+v, error %v", snap, err)
			}
			if passes := strings.Contains(f.log.String(), "should pass"); passes != (name == "error that passes") ||
				!strings.Contains(f.log.String(), `value="my shop"`) {
				t.Errorf("log:\n%s", f.log)
			}
		})
	}
}

// TestCreateCSISnapshotFails: the driver's words reach the user, and nothing is left,
// also of a class that retains.
func TestCreateCSISnapshotFails(t *testing.T) {
	f := newCSIFake(t, content("snapcontent-uid-mine", "mine", "uid-mine", snapshotv1.VolumeSnapshotContentRetain)).becomes(failed("disk on fire"))
	_, err := f.create(t.Context(), funcs.Args{"name": "mine"})
	wantError(t, err, "VolumeSnapshot shop/mine", "disk on fire")
	if left := append(f.snapshots(), f.contents()...); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	want := []string{
		"create volumesnapshots", "delete volumesnapshots",
		`patch volumesnapshotcontents {"metadata":{"annotations":{"snapshot.storage.kubernetes.io/volumesnapshot-being-deleted":"yes"}},"spec":{"deletionPolicy":"Delete"}}`,
		"delete volumesnapshotcontents",
	}
	if done := f.changes(); !slices.Equal(done, want) {
		t.Errorf("done: %q", done)
	}
}

// TestCreateCSISnapshotFailsBusy: while the driver is asked, the snapshot is not deleted;
// it would outlive its VolumeSnapshot.
func TestCreateCSISnapshotFailsBusy(t *testing.T) {
	busy := content("snapcontent-uid-mine", "mine", "uid-mine", snapshotv1.VolumeSnapshotContentDelete)
	idle := busy.DeepCopy()
	busy.Annotations = map[string]string{"snapshot.storage.kubernetes.io/volumesnapshot-being-created": "yes"}
	f := newCSIFake(t, busy).becomes(failed("disk on fire"))
	f.client.PrependWatchReactor("volumesnapshotcontents", func(clienttesting.Action) (bool, watch.Interface, error) {
		if _, err := f.client.Tracker().Get(snapshotv1.SchemeGroupVersion.WithResource("volumesnapshots"), "shop", "mine"); err != nil {
			t.Errorf("deleted before the driver had answered: %v", err)
		}
		return true, play([]watch.Event{{Type: watch.Modified, Object: idle}}, func() {}), nil
	})
	_, err := f.create(t.Context(), funcs.Args{"name": "mine"})
	wantError(t, err, "disk on fire")
	if watched := slices.ContainsFunc(f.client.Actions(), func(a clienttesting.Action) bool {
		return a.Matches("watch", "volumesnapshotcontents")
	}); !watched || len(f.snapshots()) > 0 {
		t.Errorf("actions %v", f.client.Actions())
	}
}

// TestCreateCSISnapshotLeavesOthers: what only looks like ours is not touched.
func TestCreateCSISnapshotLeavesOthers(t *testing.T) {
	f := newCSIFake(t, content("snapcontent-uid-mine", "mine", "uid-other", snapshotv1.VolumeSnapshotContentRetain)).becomes(failed("disk on fire"))
	_, err := f.create(t.Context(), funcs.Args{"name": "mine"})
	wantError(t, err, "disk on fire")
	if left := f.contents(); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

func TestCreateCSISnapshotNotRemoved(t *testing.T) {
	f := newCSIFake(t).becomes(failed("disk on fire")).deny("delete", "volumesnapshots")
	_, err := f.create(t.Context(), funcs.Args{"name": "mine"})
	wantError(t, err, "disk on fire", "VolumeSnapshot shop/mine is still there", "delete it by hand", "no rights")
}

func TestCreateCSISnapshotCancelled(t *testing.T) {
	for name, c := range map[string]struct {
		state *snapshotv1.VolumeSnapshotStatus
		last  string
	}{
		"nobody looked at it": {nil, "snapshot-controller"},
		"not taken":           {&snapshotv1.VolumeSnapshotStatus{BoundVolumeSnapshotContentName: new("c")}, "csi-snapshotter"},
		"not ready": {&snapshotv1.VolumeSnapshotStatus{BoundVolumeSnapshotContentName: new("c"), CreationTime: new(metav1.Now())},
			"not ready to use yet"},
		"busy": {failed(`failed: "rpc error: code = Aborted desc = pending"`), "desc = pending"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a controller that notices nothing is given some seconds
				ctx, cancel := context.WithCancel(t.Context())
				f := newCSIFake(t).becomes(c.state, c.state).goesSlowly() // the first has been looked at when the second is taken
				f.watched = cancel
				_, err := f.create(ctx, nil)
				wantError(t, err, c.last)
				if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "still there") {
					t.Errorf("error %v", err)
				}
				if left := f.snapshots(); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
			})
		})
	}
}

// TestCreateCSISnapshotRefused: what shows before anything is made.
func TestCreateCSISnapshotRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args    funcs.Args
		arrange func(*csiFake)
		want    []string
	}{
		"no namespace":   {args: funcs.Args{"namespace": ""}, want: []string{"argument namespace is empty"}},
		"no claim":       {args: funcs.Args{"pvc": "absent"}, want: []string{"PersistentVolumeClaim shop/absent", "not found"}},
		"claim pending":  {args: funcs.Args{"pvc": "pending"}, want: []string{"PersistentVolumeClaim shop/pending is Pending"}},
		"no class":       {args: funcs.Args{"snapshotClass": "absent"}, want: []string{`no VolumeSnapshotClass "absent": use fast`}},
		"foreign class":  {args: funcs.Args{"snapshotClass": "foreign"}, want: []string{"other.example.com", "shop/data", csiDriver, "use fast"}},
		"no CSI volume":  {args: funcs.Args{"pvc": "nfs"}, want: []string{"shop/nfs", "not of a CSI driver"}},
		"in-tree volume": {args: funcs.Args{"pvc": "disk"}, want: []string{"shop/disk", "kubernetes.io/disk", "make a class"}},
		"labels":         {args: funcs.Args{"labels": map[string]any{"a b": "", "ab": ""}}, want: []string{`"a b" and "ab"`}},
		"no rights":      {arrange: func(f *csiFake) { f.deny("get", "persistentvolumeclaims") }, want: []string{"shop/data", "no rights"}},
		"no CRDs":        {arrange: func(f *csiFake) { f.withoutCRDs() }, want: []string{"install the CRDs"}},
		"name taken":     {args: funcs.Args{"name": "theirs"}, want: []string{"VolumeSnapshot shop/theirs", "there is one of this name already"}},
		"other volume's": {args: funcs.Args{"name": "wal"}, want: []string{"VolumeSnapshot shop/wal", "of another volume"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCSIFake(t, snapshotOf("theirs", "data", nil, ready("")), snapshotOf("wal", "wal", ours, ready("")),
				&snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}, Driver: "other.example.com"})
			f.otherClaims()
			if c.arrange != nil {
				c.arrange(f)
			}
			_, err := f.create(t.Context(), c.args)
			wantError(t, err, c.want...)
			if done := f.changes(); len(done) > 1 || len(done) == 1 && c.args["name"] == nil {
				t.Errorf("done: %q", done)
			}
		})
	}
}

// otherClaims adds claims of which no snapshot can be taken.
func (f *csiFake) otherClaims() {
	f.t.Helper()
	for name, pv := range map[string]*corev1.PersistentVolume{
		"nfs":     {ObjectMeta: metav1.ObjectMeta{Name: "nfs-1"}},
		"disk":    {ObjectMeta: metav1.ObjectMeta{Name: "disk-1", Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "kubernetes.io/disk"}}},
		"pending": nil,
	} {
		pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}
		pvc.Status.Phase = corev1.ClaimPending
		if pv != nil {
			pvc.Status.Phase, pvc.Spec.VolumeName = corev1.ClaimBound, pv.Name
			if err := f.kube.Tracker().Add(pv); err != nil {
				f.t.Fatal(err)
			}
		}
		pvc.Namespace = "shop"
		if err := f.kube.Tracker().Add(pvc); err != nil {
			f.t.Fatal(err)
		}
	}
}

// TestCreateCSISnapshotUnread: what may not be read is not checked.
func TestCreateCSISnapshotUnread(t *testing.T) {
	f := newCSIFake(t).becomes(ready("")).deny("get", "volumesnapshotclasses").deny("get", "persistentvolumes")
	if _, err := f.create(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// TestCreateCSISnapshotAgain: a second attempt of the phase takes no second snapshot,
// unless the first had come to nothing.
func TestCreateCSISnapshotAgain(t *testing.T) {
	for name, c := range map[string]struct {
		before *snapshotv1.VolumeSnapshotStatus
		done   []string
	}{
		"begun":  {nil, []string{"create volumesnapshots"}},
		"ready":  {ready("2Gi"), []string{"create volumesnapshots"}},
		"failed": {failed("disk on fire"), []string{"create volumesnapshots", "delete volumesnapshots", "create volumesnapshots"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCSIFake(t, snapshotOf("mine", "data", ours, c.before)).becomes(ready("2Gi"))
			out, err := f.create(t.Context(), funcs.Args{"name": "mine"})
			if err != nil || out["restoreSize"] != "2Gi" {
				t.Errorf("output %v, error %v", out, err)
			}
			if done := f.changes(); !slices.Equal(done, c.done) {
				t.Errorf("done: %q", done)
			}
		})
	}
}

// TestCreateCSISnapshotOwnName: without a name, attempts of one phase agree on one.
func TestCreateCSISnapshotOwnName(t *testing.T) {
	f := newCSIFake(t).becomes(ready(""))
	for range 2 {
		if _, err := f.create(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if names := f.snapshots(); len(names) != 1 || !strings.HasPrefix(names[0], "data-snapshot-") || len(names[0]) != len("data-snapshot-")+5 {
		t.Errorf("snapshots %q", names)
	}
}
