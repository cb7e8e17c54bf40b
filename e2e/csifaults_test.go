//go:build e2e

package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

// failing makes a call of the driver fail with the text, until heal or the test's end.
// The whole cluster feels it: such tests do not run beside others.
func failing(t *testing.T, call, text string) (heal func()) {
	t.Helper()
	dir := os.Getenv("RESCUE_E2E_CSI_FAIL")
	if dir == "" {
		t.Skip("set RESCUE_E2E_CSI_FAIL to the directory in which a file named after a CSI call makes that call fail with its text")
	}
	path := filepath.Join(dir, call)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	heal = sync.OnceFunc(func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(heal)
	return heal
}

func TestCSIDriverFails(t *testing.T) {
	c := newCSI(t)
	c.filled(t, "data")
	heal := failing(t, "CreateSnapshot", "disk on fire")
	start := time.Now()
	_, err := c.create(t, t.Context(), "take", funcs.Args{"pvc": "data"})
	if err == nil || !strings.Contains(err.Error(), "disk on fire") || strings.Contains(err.Error(), "left") {
		t.Errorf("error %v", err)
	}
	// One that is taken for passing would be waited for ten minutes.
	if took := time.Since(start); took > 5*time.Minute {
		t.Errorf("it took %s", took)
	}
	t.Log(err)
	c.nothingLeft(t)
	heal()
	if _, err := c.create(t, t.Context(), "take", funcs.Args{"pvc": "data"}); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
}

// TestCSIDriverRecovers: an error that passes is waited for.
func TestCSIDriverRecovers(t *testing.T) {
	c := newCSI(t)
	c.filled(t, "data")
	heal := failing(t, "CreateSnapshot", "Operation cannot be fulfilled: the object has been modified")
	go func() {
		if waitForLog(t, c.log, "should pass") {
			heal()
		}
	}()
	if _, err := c.create(t, t.Context(), "take", funcs.Args{"pvc": "data"}); err != nil {
		t.Error(err)
	}
}

// TestCSICancelled: at whatever moment, nothing is left, also of a class that retains.
func TestCSICancelled(t *testing.T) {
	c := newCSI(t)
	c.filled(t, "data")
	classes := []string{c.snapshot.Name, c.snapshotClass(t, c.snapshot.Driver, snapshotv1.VolumeSnapshotContentRetain)}
	for i := range 20 {
		after := time.Duration(i) * 20 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := c.create(t, ctx, "take", funcs.Args{"pvc": "data", "snapshotClass": classes[i%2]})
		cancel()
		if err == nil {
			t.Logf("taken within %s", after)
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", after, err)
		}
		c.nothingLeft(t)
	}
	// In the time of a whole snapshot, what came late would show.
	out, err := c.create(t, t.Context(), "take", funcs.Args{"pvc": "data"})
	if err == nil {
		err = c.remove(t, t.Context(), out["name"].(string))
	}
	if err != nil {
		t.Error(err)
	}
	c.nothingLeft(t)
}

// TestCSICancelledInTrouble: the error tells what the driver said last.
func TestCSICancelledInTrouble(t *testing.T) {
	c := newCSI(t)
	c.filled(t, "data")
	failing(t, "CreateSnapshot", "the object has been modified")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitForLog(t, c.log, "should pass")
		cancel()
	}()
	_, err := c.create(t, ctx, "take", funcs.Args{"pvc": "data"})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "has been modified") {
		t.Errorf("error %v", err)
	}
	c.nothingLeft(t)
}

// TestCSIDriverDoesNotDelete: the error says whom the wait was for.
func TestCSIDriverDoesNotDelete(t *testing.T) {
	c := newCSI(t)
	c.filled(t, "data")
	out, err := c.create(t, t.Context(), "take", funcs.Args{"pvc": "data"})
	if err != nil {
		t.Fatal(err)
	}
	heal := failing(t, "DeleteSnapshot", "disk on fire")
	ctx, cancel := context.WithCancel(inTime(t))
	defer cancel()
	go func() {
		defer cancel()
		err := eventually(t, "the content is being deleted", func(ctx context.Context) (bool, error) {
			content, err := c.Snapshots.SnapshotV1().VolumeSnapshotContents().Get(ctx, out["snapshotContent"].(string), metav1.GetOptions{})
			return err == nil && content.DeletionTimestamp != nil, err
		})
		if err != nil {
			t.Error(err)
		}
	}()
	err = c.remove(t, ctx, out["name"].(string))
	t.Log(err)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "has not deleted the storage's snapshot") {
		t.Errorf("error %v", err)
	}
	heal()
	if err := c.remove(t, t.Context(), out["name"].(string)); err != nil {
		t.Error(err)
	}
	c.nothingLeft(t)
}

// TestCSIDeleteHeld: a snapshot of which a volume is yet to be made does not go, and
// the error says why.
func TestCSIDeleteHeld(t *testing.T) {
	t.Parallel()
	c := newCSI(t)
	c.filled(t, "data")
	out, err := c.create(t, t.Context(), "take", funcs.Args{"pvc": "data"})
	if err != nil {
		t.Fatal(err)
	}
	snap := out["name"].(string)
	c.lazyStorage(t)
	if err := c.restore(t, snap, "restored", out["restoreSize"]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = c.remove(t, ctx, snap)
	t.Log(err)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "PersistentVolumeClaim restored") ||
		!strings.Contains(err.Error(), "held by its finalizers snapshot.storage.kubernetes.io/volumesnapshot-") {
		t.Errorf("error %v", err)
	}
	c.dropClaim(t, "restored")
	for range 2 {
		if err := c.remove(t, t.Context(), snap); err != nil {
			t.Error(err)
		}
	}
	c.nothingLeft(t)
}

// lazyStorage is a class whose volumes are made when a pod mounts them.
func (c *csi) lazyStorage(t *testing.T) {
	t.Helper()
	classes := c.Kube.StorageV1().StorageClasses()
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{GenerateName: c.Namespace + "-"}, Provisioner: c.storage.Provisioner, Parameters: c.storage.Parameters,
		VolumeBindingMode: new(storagev1.VolumeBindingWaitForFirstConsumer),
	}
	class, err := classes.Create(t.Context(), class, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := classes.Delete(context.Background(), class.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	c.storage = class
}
