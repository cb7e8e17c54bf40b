//go:build e2e

package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

func (c *csi) static(t *testing.T, name, handle string, args funcs.Args) (funcs.Output, error) {
	t.Helper()
	all := funcs.Args{
		"name": name, "namespace": c.Namespace, "driver": c.snapshot.Driver, "snapshotHandle": handle, "snapshotClass": c.snapshot.Name,
	}
	maps.Copy(all, args)
	return run(t, t.Context(), funcs.CreateCSISnapshotStatic(), c.as("adopt"), all)
}

// TestCSIStatic: a snapshot that only the storage knows any more is adopted in another
// namespace.
func TestCSIStatic(t *testing.T) {
	t.Parallel()
	c, other := newCSI(t), newCSI(t)
	want := c.filled(t, "data")
	taken, err := c.create(t, t.Context(), "take", funcs.Args{
		"pvc": "data", "name": "taken", "snapshotClass": c.snapshotClass(t, c.snapshot.Driver, snapshotv1.VolumeSnapshotContentRetain),
	})
	if err != nil {
		t.Fatal(err)
	}
	handle := *c.content(t, taken["snapshotContent"]).Status.SnapshotHandle
	drop := func() error {
		_, err := run(t, t.Context(), funcs.DeleteCSISnapshotContent(), c.Env, funcs.Args{"name": taken["snapshotContent"]})
		return err
	}
	if err := drop(); err == nil || !strings.Contains(err.Error(), "is bound to VolumeSnapshot "+c.Namespace+"/taken") {
		t.Errorf("error %v", err)
	}
	if err := c.remove(t, t.Context(), "taken"); err != nil {
		t.Fatal(err)
	}
	if n := len(c.left(t)); n != 1 {
		t.Errorf("left: %q", c.left(t))
	}
	for range 2 { // the second time it is not there, or going
		if err := drop(); err != nil {
			t.Error(err)
		}
	}
	other.adopt(t, handle, want)
}

func (c *csi) adopt(t *testing.T, handle, want string) {
	t.Helper()
	// Somebody has a snapshot of that name: the attempt must not cost the storage's own.
	blocker := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Name: "taken"}}
	blocker.Spec.Source.VolumeSnapshotContentName = new("absent")
	snaps := c.Snapshots.SnapshotV1().VolumeSnapshots(c.Namespace)
	if _, err := snaps.Create(t.Context(), blocker, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.static(t, "taken", handle, nil)
	if err == nil || !strings.Contains(err.Error(), "there is one of this name already") {
		t.Errorf("error %v", err)
	}
	t.Log(err)
	if n := c.left(t); !slices.Equal(n, []string{"VolumeSnapshot taken"}) {
		t.Errorf("left: %q", n)
	}
	var out funcs.Output
	for range 2 { // the second attempt finds the pair of the first
		if out, err = c.static(t, "adopted", handle, nil); err != nil {
			t.Fatal(err)
		}
	}
	content := c.content(t, out["snapshotContent"])
	if out["name"] != "adopted" || out["namespace"] != c.Namespace || out["restoreSize"] != "16Mi" || len(out) != 4 ||
		!strings.HasPrefix(content.Name, "adopted-content-") || content.Spec.DeletionPolicy != c.snapshot.DeletionPolicy ||
		content.Spec.VolumeSnapshotRef.UID == "" {
		t.Errorf("outputs %v, content %+v", out, content.Spec)
	}
	if err := c.restore(t, "adopted", "restored", "20Mi"); err != nil {
		t.Fatal(err)
	}
	if got := c.in(t, "restored", report); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	if err := c.remove(t, t.Context(), "adopted"); err != nil {
		t.Error(err)
	}
	_, err = c.static(t, "again", handle, nil)
	if err == nil || !strings.Contains(err.Error(), "VolumeSnapshot "+c.Namespace+"/again: ") {
		t.Errorf("of a snapshot that the storage has no more: error %v", err)
	}
	t.Log(err)
	if n := c.left(t); !slices.Equal(n, []string{"VolumeSnapshot taken"}) {
		t.Errorf("left: %q", n)
	}
}
