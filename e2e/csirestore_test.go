//go:build e2e

package e2e

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// TestCSIStatefulSet: two volumes of an application, back from their snapshots.
func TestCSIStatefulSet(t *testing.T) {
	t.Parallel()
	c := newCSI(t)
	claims := []string{"data-app-0", "wal-app-0"}
	c.statefulSet(t, "data", "wal")
	before := c.execApp(t, strings.ReplaceAll(fillData+digestData, "/data", "/vol/data")+";"+strings.ReplaceAll(fillData+digestData, "/data", "/vol/wal"))
	if len(before) != 2*65 || before[:65] == before[65:] {
		t.Fatalf("digests %q", before)
	}
	outputs := make([]funcs.Output, len(claims))
	var all sync.WaitGroup
	for i, claim := range claims {
		all.Go(func() {
			out, err := c.create(t, t.Context(), "snap-"+claim, funcs.Args{"pvc": claim, "labels": map[string]any{"app": "my app!"}})
			if err != nil {
				t.Error(err)
			}
			outputs[i] = out
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	c.checkOutputs(t, claims, outputs)
	c.execApp(t, "rm -r /vol/data/* /vol/wal/*; echo spoilt > /vol/data/note; sync")
	c.scale(t, 0)
	for i, claim := range claims {
		c.dropClaim(t, claim)
		if err := c.restore(t, outputs[i]["name"].(string), claim, outputs[i]["restoreSize"]); err != nil {
			t.Fatal(err)
		}
	}
	c.scale(t, 1)
	if after := c.execApp(t, strings.ReplaceAll(digestData, "/data", "/vol/data")+";"+strings.ReplaceAll(digestData, "/data", "/vol/wal")); after != before {
		t.Errorf("digests before:\n%safter:\n%s", before, after)
	}
	for _, out := range outputs {
		if err := c.remove(t, t.Context(), out["name"].(string)); err != nil {
			t.Error(err)
		}
	}
	c.nothingLeft(t)
}

func (c *csi) checkOutputs(t *testing.T, claims []string, outputs []funcs.Output) {
	t.Helper()
	for i, out := range outputs {
		name, _ := out["name"].(string)
		snap, err := c.Snapshots.SnapshotV1().VolumeSnapshots(c.Namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if out["pvc"] != claims[i] || !strings.HasPrefix(name, claims[i]+"-snapshot-") || out["namespace"] != c.Namespace ||
			out["restoreSize"] != "16Mi" || out["snapshotContent"] != "snapcontent-"+string(snap.UID) || len(out) != 5 {
			t.Errorf("outputs %v", out)
		}
		if snap.Labels["app"] != "myapp" || len(snap.Labels) != 1 || snap.Annotations[funcs.RunLabel] != c.Namespace {
			t.Errorf("labels %v, annotations %v", snap.Labels, snap.Annotations)
		}
	}
}

// statefulSet makes one with a volume for each name, mounted below /vol.
func (c *csi) statefulSet(t *testing.T, volumes ...string) {
	t.Helper()
	labels := map[string]string{"app": "app"}
	spec := kube.SingleContainer(image(), sh("trap exit TERM; sleep 3600 & wait"), "")
	spec.RestartPolicy = corev1.RestartPolicyAlways
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "app"}}
	set.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	for _, v := range volumes {
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: v, MountPath: "/vol/" + v})
		set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates,
			corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: v}, Spec: c.claimSpec()})
	}
	set.Spec.Template = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}
	if _, err := c.Kube.AppsV1().StatefulSets(c.Namespace).Create(t.Context(), set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.scale(t, 1)
}

func (c *csi) scale(t *testing.T, replicas int) {
	t.Helper()
	_, err := run(t, t.Context(), funcs.ScaleWorkload(), c.Env, funcs.Args{
		"namespace": c.Namespace, "name": "app", "kind": "StatefulSet", "replicas": replicas,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *csi) execApp(t *testing.T, script string) string {
	t.Helper()
	out, err := shell(t.Context(), t, c.Env, funcs.ExecOptions{Namespace: c.Namespace, Pod: "app-0", Command: sh(script)}, "")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// dropClaim deletes a claim, and waits until it is gone.
func (c *csi) dropClaim(t *testing.T, name string) {
	t.Helper()
	claims := c.Kube.CoreV1().PersistentVolumeClaims(c.Namespace)
	pvc, err := claims.Get(t.Context(), name, metav1.GetOptions{})
	if err == nil {
		err = claims.Delete(t.Context(), name, metav1.DeleteOptions{})
	}
	if err == nil {
		_, err = kube.Follow(t.Context(), claims, pvc, func(*corev1.PersistentVolumeClaim) (bool, error) { return false, nil })
	}
	if !errors.Is(err, kube.ErrDeleted) {
		t.Fatal(err)
	}
}

// TestCSIRestoreModes: what of a claim can be asked for.
func TestCSIRestoreModes(t *testing.T) {
	t.Parallel()
	c := newCSI(t)
	c.filled(t, "data")
	out, err := c.create(t, t.Context(), "take", funcs.Args{"pvc": "data"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = run(t, t.Context(), funcs.RestoreCSISnapshot(), c.as("restore"), funcs.Args{
		"name": out["name"], "pvc": "restored", "namespace": c.Namespace, "storageClass": c.storage.Name, "restoreSize": "1Gi",
		"accessModes": []any{"ReadWriteOncePod"}, "volumeMode": "Block", "labels": map[string]any{"app": "shop"},
	})
	if err != nil {
		t.Fatal(err)
	}
	pvc, err := c.Kube.CoreV1().PersistentVolumeClaims(c.Namespace).Get(t.Context(), "restored", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	spec := pvc.Spec
	if size := spec.Resources.Requests[corev1.ResourceStorage]; !slices.Equal(spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}) ||
		*spec.VolumeMode != corev1.PersistentVolumeBlock || pvc.Labels["app"] != "shop" || size.String() != "1Gi" {
		t.Errorf("claim %+v", pvc)
	}
}

// TestCSIAttempts: the attempts of one phase make one snapshot and one claim; other
// phases do not take them for their own.
func TestCSIAttempts(t *testing.T) {
	t.Parallel()
	c := newCSI(t)
	c.filled(t, "data")
	names := map[any]bool{}
	for _, phase := range []string{"one", "one", "two"} {
		out, err := c.create(t, t.Context(), phase, funcs.Args{"pvc": "data"})
		if err != nil {
			t.Fatal(err)
		}
		names[out["name"]] = true
	}
	if len(names) != 2 || len(c.left(t)) != 4 {
		t.Errorf("names %v, left %q", names, c.left(t))
	}
	name := slices.Collect(maps.Keys(names))[0].(string)
	if _, err := c.create(t, t.Context(), "three", funcs.Args{"pvc": "data", "name": name}); err == nil ||
		!strings.Contains(err.Error(), "there is one of this name already") {
		t.Errorf("a name that is taken: error %v", err)
	}
	for range 2 {
		if err := c.restore(t, name, "restored", "16Mi"); err != nil {
			t.Error(err)
		}
	}
	for claim, size := range map[string]string{"data": "16Mi", "small": "1Mi"} {
		err := c.restore(t, name, claim, size)
		t.Log(err)
		if err == nil {
			t.Errorf("restored to %s with %s", claim, size)
		}
	}
	if err := c.restore(t, "absent", "more", "16Mi"); err == nil || !strings.Contains(err.Error(), c.Namespace+"/absent: ") {
		t.Errorf("error %v", err)
	}
}

// TestCSIRefused: mistakes that show before anything is made.
func TestCSIRefused(t *testing.T) {
	t.Parallel()
	c := newCSI(t)
	c.filled(t, "data")
	foreign := c.snapshotClass(t, "other.example.com", snapshotv1.VolumeSnapshotContentDelete)
	c.claimOf(t, "pending", "no-such-class")
	for name, args := range map[string]funcs.Args{
		"no such claim":             {"pvc": "absent"},
		"is Pending":                {"pvc": "pending"},
		"no VolumeSnapshotClass":    {"pvc": "data", "snapshotClass": "absent"},
		"is for the CSI driver":     {"pvc": "data", "snapshotClass": foreign},
		"Invalid value: \"Data_1\"": {"pvc": "data", "name": "Data_1"},
	} {
		_, err := c.create(t, t.Context(), "create", args)
		t.Log(err)
		if name == "no such claim" {
			name = `"absent" not found`
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: error %v", args, err)
		}
	}
	for name, args := range map[string]funcs.Args{
		"no VolumeSnapshotClass": {"snapshotClass": "absent"},
		"is for the CSI driver":  {"snapshotClass": foreign},
	} {
		_, err := c.static(t, "adopted", "no-matter", args)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: error %v", args, err)
		}
		t.Log(err)
	}
	c.nothingLeft(t)
}

func (c *csi) claimOf(t *testing.T, name, class string) {
	t.Helper()
	spec := c.claimSpec()
	spec.StorageClassName = &class
	pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	if _, err := c.Kube.CoreV1().PersistentVolumeClaims(c.Namespace).Create(t.Context(), pvc, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}
