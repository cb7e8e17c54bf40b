//go:build e2e

package e2e

import (
	"context"
	"maps"
	"os"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// csi is a namespace for snapshots, with the cluster's classes.
type csi struct {
	*funcs.Env
	log      *logBuffer
	storage  *storagev1.StorageClass
	snapshot *snapshotv1.VolumeSnapshotClass
}

func newCSI(t testing.TB) *csi {
	t.Helper()
	env, log := newEnv(t)
	c := &csi{Env: env, log: log}
	c.Labels[funcs.RunLabel] = env.Namespace
	storage, err := env.Kube.StorageV1().StorageClasses().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, class := range storage.Items {
		if isClass(class.ObjectMeta, "RESCUE_E2E_STORAGE_CLASS", "storageclass.kubernetes.io/is-default-class") {
			c.storage = &storage.Items[i]
		}
	}
	snapshot, err := env.Snapshots.SnapshotV1().VolumeSnapshotClasses().List(t.Context(), metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		t.Skip("the cluster takes no CSI snapshots: it has no definition of VolumeSnapshotClass")
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, class := range snapshot.Items {
		if isClass(class.ObjectMeta, "RESCUE_E2E_SNAPSHOT_CLASS", "snapshot.storage.kubernetes.io/is-default-class") {
			c.snapshot = &snapshot.Items[i]
		}
	}
	if c.storage == nil || c.snapshot == nil {
		t.Skip("no class for CSI snapshots: set RESCUE_E2E_STORAGE_CLASS and RESCUE_E2E_SNAPSHOT_CLASS, or mark default classes")
	}
	return c
}

// isClass tells whether a class is the one to use: the one that the variable names, or
// else the cluster's default.
func isClass(class metav1.ObjectMeta, variable, mark string) bool {
	if name := os.Getenv(variable); name != "" {
		return class.Name == name
	}
	return class.Annotations[mark] == "true"
}

// as gives the environment of a phase.
func (c *csi) as(phase string) *funcs.Env {
	env := *c.Env
	env.Labels = maps.Clone(c.Labels)
	env.Labels[funcs.PhaseLabel] = phase
	return &env
}

func (c *csi) claimSpec() corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{
		AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		StorageClassName: &c.storage.Name,
		Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("16Mi")}},
	}
}

// claim makes a claim. It is bound when a pod has mounted it, at the latest.
func (c *csi) claim(t testing.TB, name string) {
	t.Helper()
	pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: c.claimSpec()}
	if _, err := c.Kube.CoreV1().PersistentVolumeClaims(c.Namespace).Create(t.Context(), pvc, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// in runs a script in a pod that mounts the claim at /data, and returns the output
// named "out".
func (c *csi) in(t testing.TB, claim, script string) string {
	t.Helper()
	out, err := funcs.KubeTask().Exec(t.Context(), c.Env, funcs.Args{
		"namespace": c.Namespace, "image": image(), "command": sh(script),
		"podOverride": map[string]any{
			"containers": []any{map[string]any{"name": kube.MainContainer, "volumeMounts": []any{map[string]any{"name": "data", "mountPath": "/data"}}}},
			"volumes":    []any{map[string]any{"name": "data", "persistentVolumeClaim": map[string]any{"claimName": claim}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := out["out"].(string)
	return s
}

const (
	// fillData writes files that no two volumes have in common.
	fillData = `mkdir -p /data/d && head -c 1000000 /dev/urandom > /data/d/big && date > /data/note && ln -sf d/big /data/link && sync; `
	// digestData is the shell's digest of all that is in a directory.
	digestData = `find /data -type f | sort | xargs sha256sum | sha256sum | cut -d' ' -f1`
	report     = `echo "###Phase-output###: {\"key\":\"out\",\"value\":\"$(` + digestData + `)\"}"`
)

// filled makes a claim with data, and returns the data's digest.
func (c *csi) filled(t testing.TB, claim string) string {
	t.Helper()
	c.claim(t, claim)
	d := c.in(t, claim, fillData+report)
	if len(d) != 64 {
		t.Fatalf("digest %q", d)
	}
	return d
}

func (c *csi) create(t *testing.T, ctx context.Context, phase string, args funcs.Args) (funcs.Output, error) {
	t.Helper()
	all := funcs.Args{"namespace": c.Namespace, "snapshotClass": c.snapshot.Name}
	maps.Copy(all, args)
	return run(t, ctx, funcs.CreateCSISnapshot(), c.as(phase), all)
}

func (c *csi) restore(t *testing.T, snapshot, claim string, size any) error {
	t.Helper()
	out, err := run(t, t.Context(), funcs.RestoreCSISnapshot(), c.as("restore-"+claim), funcs.Args{
		"name": snapshot, "pvc": claim, "namespace": c.Namespace, "storageClass": c.storage.Name, "restoreSize": size,
	})
	if err == nil && len(out) != 0 {
		t.Errorf("outputs %v", out)
	}
	return err
}

func (c *csi) remove(t *testing.T, ctx context.Context, snapshot string) error {
	t.Helper()
	out, err := run(t, ctx, funcs.DeleteCSISnapshot(), c.as("delete"), funcs.Args{"name": snapshot, "namespace": c.Namespace})
	if err == nil && len(out) != 0 {
		t.Errorf("outputs %v", out)
	}
	return err
}

// left lists the VolumeSnapshots of the namespace, and the contents that belong to it.
func (c *csi) left(t testing.TB) []string {
	t.Helper()
	var names []string
	snaps, err := c.Snapshots.SnapshotV1().VolumeSnapshots(c.Namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range snaps.Items {
		names = append(names, "VolumeSnapshot "+s.Name)
	}
	contents, err := c.Snapshots.SnapshotV1().VolumeSnapshotContents().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range contents.Items {
		if content.Spec.VolumeSnapshotRef.Namespace == c.Namespace {
			names = append(names, "VolumeSnapshotContent "+content.Name)
		}
	}
	return names
}

func (c *csi) nothingLeft(t testing.TB) {
	t.Helper()
	if names := c.left(t); len(names) > 0 {
		t.Errorf("left: %q", names)
	}
}

func (c *csi) content(t testing.TB, name any) *snapshotv1.VolumeSnapshotContent {
	t.Helper()
	content, err := c.Snapshots.SnapshotV1().VolumeSnapshotContents().Get(t.Context(), name.(string), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// snapshotClass makes a class for the length of the test.
func (c *csi) snapshotClass(t *testing.T, driver string, policy snapshotv1.DeletionPolicy) string {
	t.Helper()
	classes := c.Snapshots.SnapshotV1().VolumeSnapshotClasses()
	class := &snapshotv1.VolumeSnapshotClass{
		ObjectMeta: metav1.ObjectMeta{GenerateName: c.Namespace + "-"}, Driver: driver, DeletionPolicy: policy, Parameters: c.snapshot.Parameters,
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
	return class.Name
}
