package funcs_test

import (
	"context"
	"errors"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/funcs"
)

func (f *csiFake) delete(ctx context.Context) error {
	out, err := funcs.DeleteCSISnapshot().Exec(ctx, f.Env, funcs.Args{"name": "snap", "namespace": "shop"})
	if err == nil && (out == nil || len(out) != 0) {
		f.t.Errorf("output %v", out)
	}
	return err
}

func TestDeleteCSISnapshot(t *testing.T) {
	f := newCSIFake(t, snapshotOf("snap", "data", nil, ready("")))
	for range 2 { // one that is not there is fine
		if err := f.delete(t.Context()); err != nil {
			t.Error(err)
		}
		if left := f.snapshots(); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
	wantError(t, newCSIFake(t).withoutCRDs().delete(t.Context()), "install the CRDs")
	wantError(t, newCSIFake(t).deny("get", "volumesnapshots").delete(t.Context()), "VolumeSnapshot shop/snap", "no rights")
}

// TestDeleteCSISnapshotOfNothing: an empty argument must not pass for one that is gone.
func TestDeleteCSISnapshotOfNothing(t *testing.T) {
	_, err := funcs.DeleteCSISnapshot().Exec(t.Context(), newCSIFake(t).Env, funcs.Args{"name": "", "namespace": "shop"})
	wantError(t, err, "argument name is empty")
	_, err = funcs.DeleteCSISnapshotContent().Exec(t.Context(), newCSIFake(t).Env, funcs.Args{"name": ""})
	wantError(t, err, "argument name is empty")
}

// TestDeleteCSISnapshotHeld: the end of the wait says what it was for.
func TestDeleteCSISnapshotHeld(t *testing.T) {
	held := snapshotOf("snap", "data", nil, ready(""))
	held.Finalizers = []string{"example.com/keep"}
	going := content("content-1", "snap", held.UID, snapshotv1.VolumeSnapshotContentDelete)
	going.DeletionTimestamp = new(metav1.Now())
	f := newCSIFake(t, held, going).becomes(held.Status)
	f.client.PrependReactor("delete", "volumesnapshots", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, nil })
	waiting := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "waiting"}}
	waiting.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: "snap"}
	waiting.Status.Phase = corev1.ClaimPending
	if err := f.kube.Tracker().Add(waiting); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.watched = cancel
	err := f.delete(ctx)
	wantError(t, err, "VolumeSnapshot shop/snap is still there", "example.com/keep", "PersistentVolumeClaim waiting", "the driver "+csiDriver)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestDeleteCSISnapshotBeforeItsContent: a VolumeSnapshot can go before its content.
func TestDeleteCSISnapshotBeforeItsContent(t *testing.T) {
	arrange := func() (*csiFake, *snapshotv1.VolumeSnapshotContent) {
		snap := snapshotOf("snap", "data", nil, ready(""))
		going := content("content-1", "snap", snap.UID, snapshotv1.VolumeSnapshotContentDelete)
		going.DeletionTimestamp = new(metav1.Now())
		return newCSIFake(t, snap, going), going
	}
	f, going := arrange()
	waited := false
	f.client.PrependWatchReactor("volumesnapshotcontents", func(clienttesting.Action) (bool, watch.Interface, error) {
		waited = true
		return true, play([]watch.Event{{Type: watch.Deleted, Object: going}}, func() {}), nil
	})
	if err := f.delete(t.Context()); err != nil || !waited {
		t.Errorf("error %v, waited for the content: %t", err, waited)
	}

	f, going = arrange()
	ctx, cancel := context.WithCancel(t.Context())
	f.client.PrependWatchReactor("volumesnapshotcontents", func(clienttesting.Action) (bool, watch.Interface, error) {
		return true, play([]watch.Event{{Type: watch.Modified, Object: going}}, cancel), nil
	})
	err := f.delete(ctx)
	wantError(t, err, "VolumeSnapshot shop/snap is gone, but VolumeSnapshotContent content-1 is still there", "the driver "+csiDriver)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}

	f, _ = arrange()
	if err := f.deny("get", "volumesnapshotcontents").delete(t.Context()); err != nil {
		t.Errorf("contents may not be read: %v", err)
	}
}

func TestDeleteCSISnapshotContent(t *testing.T) {
	const bound = "is bound to VolumeSnapshot shop/snap: delete that one with DeleteCSISnapshot"
	for name, c := range map[string]struct {
		uid     types.UID // of the VolumeSnapshot that the content names
		snap    *snapshotv1.VolumeSnapshot
		arrange func(*csiFake)
		want    string // "" if it is deleted
	}{
		"bound":                   {"uid-snap", snapshotOf("snap", "data", nil, ready("")), nil, bound},
		"about to be bound":       {"", &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "snap"}, Spec: snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{VolumeSnapshotContentName: new("content-1")}}}, nil, bound},
		"its snapshot is gone":    {"uid-snap", nil, nil, ""},
		"never bound":             {"", nil, nil, ""},
		"the name is another's":   {"uid-older", snapshotOf("snap", "data", nil, ready("")), nil, ""},
		"reserved, not asked for": {"", snapshotOf("snap", "data", nil, nil), nil, ""},
		"snapshot unread":         {"uid-snap", nil, func(f *csiFake) { f.deny("get", "volumesnapshots") }, "may be bound to VolumeSnapshot shop/snap"},
		"not to be deleted":       {"uid-snap", nil, func(f *csiFake) { f.deny("delete", "volumesnapshotcontents") }, "no rights"},
		"no CRDs":                 {"uid-snap", nil, func(f *csiFake) { f.withoutCRDs() }, "install the CRDs"},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []runtime.Object{content("content-1", "snap", c.uid, snapshotv1.VolumeSnapshotContentDelete)}
			if c.snap != nil {
				objects = append(objects, c.snap)
			}
			f := newCSIFake(t, objects...)
			if c.arrange != nil {
				c.arrange(f)
			}
			out, err := funcs.DeleteCSISnapshotContent().Exec(t.Context(), f.Env, funcs.Args{"name": "content-1"})
			if c.want != "" {
				wantError(t, err, c.want)
				return
			}
			if err != nil || out == nil || len(out) != 0 || len(f.contents()) != 0 {
				t.Errorf("output %v, error %v, contents %q", out, err, f.contents())
			}
		})
	}
	if _, err := funcs.DeleteCSISnapshotContent().Exec(t.Context(), newCSIFake(t).Env, funcs.Args{"name": "absent"}); err != nil {
		t.Error(err)
	}
}
