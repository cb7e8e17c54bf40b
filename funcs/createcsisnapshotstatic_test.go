package funcs_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

const retainPatch = `patch volumesnapshotcontents {"metadata":{"annotations":{"snapshot.storage.kubernetes.io/volumesnapshot-being-deleted":"yes"}},` +
	`"spec":{"deletionPolicy":"Retain"}}`

func (f *csiFake) static(args funcs.Args) (funcs.Output, error) {
	all := funcs.Args{"name": "mine", "namespace": "shop", "driver": csiDriver, "snapshotHandle": "h-1", "snapshotClass": "fast"}
	maps.Copy(all, args)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return funcs.CreateCSISnapshotStatic().Exec(f.t.Context(), f.Env, all)
}

func TestCreateCSISnapshotStatic(t *testing.T) {
	for name, args := range map[string]funcs.Args{
		"the code's spelling":          {},
		"the documentation's spelling": {"snapshotHandle": nil, "handle": "h-1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCSIFake(t).becomes(ready("2Gi"))
			var first funcs.Output
			for range 2 { // a second attempt finds the pair
				out, err := f.static(args)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = out
				} else if !maps.Equal(first, out) {
					t.Errorf("outputs %v, then %v", first, out)
				}
			}
			f.checkPair(first)
		})
	}
}

// checkPair checks that both objects name each other.
func (f *csiFake) checkPair(out funcs.Output) {
	f.t.Helper()
	names := f.contents()
	if len(names) != 1 || !strings.HasPrefix(names[0], "mine-content-") || len(names[0]) != len("mine-content-")+36 {
		f.t.Fatalf("contents %q", names)
	}
	if !maps.Equal(out, funcs.Output{"name": "mine", "namespace": "shop", "restoreSize": "2Gi", "snapshotContent": names[0]}) {
		f.t.Errorf("output %v", out)
	}
	content, err := f.client.SnapshotV1().VolumeSnapshotContents().Get(f.t.Context(), names[0], metav1.GetOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	spec := content.Spec
	if ref := spec.VolumeSnapshotRef; ref.Namespace != "shop" || ref.Name != "mine" || ref.Kind != "VolumeSnapshot" || *spec.Source.SnapshotHandle != "h-1" ||
		spec.Driver != csiDriver || spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentDelete || *spec.VolumeSnapshotClassName != "fast" {
		f.t.Errorf("content %+v", spec)
	}
	snap, err := f.client.SnapshotV1().VolumeSnapshots("shop").Get(f.t.Context(), "mine", metav1.GetOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	if *snap.Spec.Source.VolumeSnapshotContentName != names[0] || *snap.Spec.VolumeSnapshotClassName != "fast" ||
		!maps.Equal(snap.Annotations, ours) || !maps.Equal(content.Annotations, ours) {
		f.t.Errorf("snapshot %+v, annotations of the content %v", snap, content.Annotations)
	}
}

// TestCreateCSISnapshotStaticSize: what is known of the size, and never "<nil>".
func TestCreateCSISnapshotStaticSize(t *testing.T) {
	for want, inContent := range map[string]*int64{"0": nil, "1Gi": new(int64(1 << 30))} {
		known := content("content-1", "mine", "", snapshotv1.VolumeSnapshotContentDelete)
		known.Status = &snapshotv1.VolumeSnapshotContentStatus{RestoreSize: inContent}
		f := newCSIFake(t, known).becomes(ready(""))
		if out, err := f.static(nil); err != nil || out["restoreSize"] != want {
			t.Errorf("output %v, error %v", out, err)
		}
	}
}

// TestCreateCSISnapshotStaticFails: the pair goes, the storage's snapshot stays.
func TestCreateCSISnapshotStaticFails(t *testing.T) {
	for name, c := range map[string]struct {
		before *snapshotv1.VolumeSnapshot
		want   []string
		done   []string
	}{
		"the driver does not know it": {nil, []string{"VolumeSnapshot shop/mine", "no such snapshot"},
			[]string{"create volumesnapshotcontents", "create volumesnapshots", retainPatch, "delete volumesnapshots", "delete volumesnapshotcontents"}},
		"the name is taken": {snapshotOf("mine", "data", nil, ready("")), []string{"VolumeSnapshot shop/mine", "one of this name already"},
			[]string{"create volumesnapshotcontents", "create volumesnapshots", retainPatch, "delete volumesnapshotcontents"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCSIFake(t).becomes(failed("no such snapshot"))
			if c.before != nil {
				f = newCSIFake(t, c.before)
			}
			_, err := f.static(nil)
			wantError(t, err, c.want...)
			if done := f.changes(); !slices.Equal(done, c.done) {
				t.Errorf("done: %q", done)
			}
		})
	}
}

// TestCreateCSISnapshotStaticKept: a content that cannot be kept from deleting the
// storage's snapshot is not deleted.
func TestCreateCSISnapshotStaticKept(t *testing.T) {
	f := newCSIFake(t).becomes(failed("no such snapshot")).deny("patch", "volumesnapshotcontents")
	_, err := f.static(nil)
	wantError(t, err, "no such snapshot", "is left", "set its deletionPolicy to Retain", "no rights")
	if left := append(f.snapshots(), f.contents()...); len(left) != 2 {
		t.Errorf("left: %q", left)
	}
}

func TestCreateCSISnapshotStaticRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args    funcs.Args
		arrange func(*csiFake)
		want    []string
	}{
		"no handle":     {args: funcs.Args{"snapshotHandle": ""}, want: []string{"argument snapshotHandle is empty"}},
		"no class":      {args: funcs.Args{"snapshotClass": "absent"}, want: []string{`no VolumeSnapshotClass "absent"`}},
		"foreign class": {args: funcs.Args{"driver": "other.example.com"}, want: []string{`"fast"`, csiDriver, "the argument driver", "other.example.com", "make a class"}},
		"class unread":  {arrange: func(f *csiFake) { f.deny("get", "volumesnapshotclasses") }, want: []string{"VolumeSnapshotClass fast", "no rights"}},
		"no CRDs":       {arrange: func(f *csiFake) { f.withoutCRDs() }, want: []string{"install the CRDs"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCSIFake(t)
			if c.arrange != nil {
				c.arrange(f)
			}
			_, err := f.static(c.args)
			wantError(t, err, c.want...)
			if done := f.changes(); len(done) > 0 {
				t.Errorf("done: %q", done)
			}
		})
	}
}

// TestCreateCSISnapshotStaticOther: a pair for one snapshot does not pass for one of another.
func TestCreateCSISnapshotStaticOther(t *testing.T) {
	f := newCSIFake(t).becomes(ready("2Gi"))
	if _, err := f.static(nil); err != nil {
		t.Fatal(err)
	}
	_, err := f.static(funcs.Args{"snapshotHandle": "h-2"})
	wantError(t, err, "VolumeSnapshotContent mine-content-", "for another snapshot of the storage")
	if left := append(f.snapshots(), f.contents()...); len(left) != 2 {
		t.Errorf("left: %q", left)
	}
}
