//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/ebs"
	"github.com/rescuecue/rescue/funcs/ebs/ebstest"
	"github.com/rescuecue/rescue/funcs/kube"
)

// ebsCluster is a namespace whose claims have volumes of an EC2 that this test serves.
// No pod can mount them; the API server and its controllers bind them all the same.
type ebsCluster struct {
	*funcs.Env
	ec2 *ebstest.EC2
}

func newEBS(t *testing.T) *ebsCluster {
	t.Helper()
	t.Parallel()
	env, _ := newEnv(t)
	ec2 := ebstest.New(t)
	ec2.Behave(ebstest.Behaviour{Steps: 2, Blind: 1, PageSize: 1})
	env.Labels[funcs.RunLabel] = env.Namespace
	env.AWS = ec2.Options()
	env.Params.Profile = &compat.Profile{
		Location:   compat.Location{Type: compat.LocationS3, Bucket: "b", Region: "us-east-1"},
		Credential: compat.Credential{KeyPair: &compat.KeyPair{ID: awstest.TestKey.ID, Secret: awstest.TestKey.Secret}},
	}
	c := &ebsCluster{Env: env, ec2: ec2}
	t.Cleanup(func() { c.removeVolumes(t) })
	return c
}

func (c *ebsCluster) as(phase string) *funcs.Env {
	env := *c.Env
	env.Labels = maps.Clone(c.Labels)
	env.Labels[funcs.PhaseLabel] = phase
	return &env
}

func (c *ebsCluster) volumes(t testing.TB) []corev1.PersistentVolume {
	t.Helper()
	list, err := c.Kube.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(pv corev1.PersistentVolume) bool {
		return pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.Namespace != c.Namespace
	})
}

// removeVolumes removes also what waits for a driver that is not there.
func (c *ebsCluster) removeVolumes(t testing.TB) {
	t.Helper()
	client := c.Kube.CoreV1().PersistentVolumes()
	for _, pv := range c.volumes(t) {
		err := client.Delete(context.Background(), pv.Name, metav1.DeleteOptions{})
		if err == nil {
			_, err = client.Patch(context.Background(), pv.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
}

// bind makes a volume and a claim for each other, and waits until they are.
func (c *ebsCluster) bind(t *testing.T, name string, pv corev1.PersistentVolumeSpec, volume ebstest.Volume) *corev1.PersistentVolumeClaim {
	t.Helper()
	volume = c.ec2.AddVolume(volume)
	if pv.CSI != nil {
		pv.CSI.VolumeHandle = volume.ID
	} else {
		pv.AWSElasticBlockStore.VolumeID = "aws://" + volume.Zone + "/" + volume.ID
	}
	class := "ebs-" + string(volume.Type)
	size := corev1.ResourceList{corev1.ResourceStorage: *resource.NewQuantity(int64(volume.Size)<<30, resource.BinarySI)}
	pv.Capacity, pv.StorageClassName, pv.AccessModes = size, class, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	pv.ClaimRef = &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.Namespace, Name: name}
	pv.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "topology.ebs.csi.aws.com/zone", Operator: corev1.NodeSelectorOpIn, Values: []string{volume.Zone}}},
	}}}}
	object := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace + "-" + name}, Spec: pv}
	volumes := c.Kube.CoreV1().PersistentVolumes()
	object, err := volumes.Create(t.Context(), object, metav1.CreateOptions{})
	if err == nil {
		_, err = kube.Follow(t.Context(), volumes, object, func(now *corev1.PersistentVolume) (bool, error) {
			return now.Status.Phase == corev1.VolumeAvailable, nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "shop"}, Annotations: map[string]string{"note": "kept"}},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: pv.AccessModes, StorageClassName: &class, VolumeName: object.Name, Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}
	claims := c.Kube.CoreV1().PersistentVolumeClaims(c.Namespace)
	claim, err = claims.Create(t.Context(), claim, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	claim, err = kube.Follow(t.Context(), claims, claim, func(now *corev1.PersistentVolumeClaim) (bool, error) {
		return now.Status.Phase == corev1.ClaimBound, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return claim
}

// csiClaim and inTreeClaim are the two forms of one thing.
func (c *ebsCluster) csiClaim(t *testing.T, name string) *corev1.PersistentVolumeClaim {
	t.Helper()
	return c.bind(t, name, corev1.PersistentVolumeSpec{
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: ebs.Driver, FSType: "xfs"}},
	}, ebstest.Volume{Zone: "eu-central-1b", Type: "gp3", Size: 20, IOPS: 4000, Throughput: 250, Encrypted: true, KMSKey: "key", Tags: map[string]string{"team": "shop"}})
}

func (c *ebsCluster) inTreeClaim(t *testing.T, name string) *corev1.PersistentVolumeClaim {
	t.Helper()
	return c.bind(t, name, corev1.PersistentVolumeSpec{
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource:        corev1.PersistentVolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{FSType: "ext4"}},
	}, ebstest.Volume{Zone: "eu-central-1c", Type: "io2", Size: 8, IOPS: 600})
}

// deployment has a template with the claims, and no pods.
func (c *ebsCluster) deployment(t *testing.T, claims ...string) {
	t.Helper()
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image()}}}
	for _, name := range claims {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}})
	}
	labels := map[string]string{"app": "shop"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Spec: appsv1.DeploymentSpec{
		Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
	}}
	if _, err := c.Kube.AppsV1().Deployments(c.Namespace).Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.Params.Deployment = &compat.Workload{Namespace: c.Namespace, Name: "shop"}
}

func (c *ebsCluster) claim(t *testing.T, name string) (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	t.Helper()
	pvc, err := c.Kube.CoreV1().PersistentVolumeClaims(c.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pv, err := c.Kube.CoreV1().PersistentVolumes().Get(t.Context(), pvc.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pvc, pv
}

func (c *ebsCluster) snapshot(t *testing.T, args funcs.Args) string {
	t.Helper()
	all := funcs.Args{"namespace": c.Namespace}
	maps.Copy(all, args)
	out, err := run(t, t.Context(), funcs.CreateVolumeSnapshot(), c.as("snapshot"), all)
	if err != nil {
		t.Fatal(err)
	}
	return out["volumeSnapshotInfo"].(string)
}

func (c *ebsCluster) restore(t *testing.T, phase, manifest string) error {
	t.Helper()
	_, err := run(t, t.Context(), funcs.CreateVolumeFromSnapshot(), c.as(phase), funcs.Args{"namespace": c.Namespace, "snapshots": manifest})
	return err
}

// sameClaim compares what a user gave the claim, and not what identifies it.
func sameClaim(t *testing.T, old, restored *corev1.PersistentVolumeClaim) {
	t.Helper()
	spec := old.Spec.DeepCopy()
	spec.VolumeName = restored.Spec.VolumeName
	if d := cmp.Diff(*spec, restored.Spec); d != "" {
		t.Errorf("claim %s (-old +restored):\n%s", old.Name, d)
	}
	if d := cmp.Diff(old.Labels, restored.Labels); d != "" || restored.Annotations["note"] != "kept" {
		t.Errorf("claim %s: labels (-old +restored):\n%s annotations %v", old.Name, d, restored.Annotations)
	}
	if old.UID == restored.UID || restored.Status.Phase != corev1.ClaimBound {
		t.Errorf("claim %s: the same one as before, or not bound: %s", old.Name, restored.Status.Phase)
	}
}

func TestEBSBackupAndRestore(t *testing.T) {
	c := newEBS(t)
	data, log := c.csiClaim(t, "data"), c.inTreeClaim(t, "log")
	c.deployment(t, "data", "log")

	manifest := c.snapshot(t, funcs.Args{"skipWait": true})
	if _, err := run(t, t.Context(), funcs.WaitForSnapshotCompletion(), c.as("wait"), funcs.Args{"snapshots": manifest}); err != nil {
		t.Fatal(err)
	}
	for id, s := range c.ec2.Snapshots() {
		if s.State != "completed" {
			t.Errorf("snapshot %s is %s", id, s.State)
		}
	}
	if err := c.restore(t, "restore", manifest); err != nil {
		t.Fatal(err)
	}

	pvc, pv := c.claim(t, "data")
	sameClaim(t, data, pvc)
	if pv.Spec.CSI == nil || pv.Spec.CSI.Driver != ebs.Driver || pv.Spec.CSI.FSType != "xfs" || pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		t.Errorf("volume of data: %+v", pv.Spec)
	}
	made := c.ec2.Volumes()[pv.Spec.CSI.VolumeHandle]
	if made.Zone != "eu-central-1b" || made.Type != "gp3" || made.IOPS != 4000 || made.Throughput != 250 || !made.Encrypted || made.KMSKey != "key" || made.Size != 20 || made.Tags["team"] != "shop" || made.Tags[funcs.RunLabel] != c.Namespace {
		t.Errorf("EBS volume of data: %+v", made)
	}

	pvc, pv = c.claim(t, "log")
	sameClaim(t, log, pvc)
	if pv.Spec.AWSElasticBlockStore == nil {
		t.Fatalf("volume of log: %+v", pv.Spec)
	}
	id := pv.Spec.AWSElasticBlockStore.VolumeID
	made = c.ec2.Volumes()[id[strings.LastIndex(id, "/")+1:]]
	if made.Zone != "eu-central-1c" || made.Type != "io2" || made.IOPS != 600 || made.Size != 8 {
		t.Errorf("EBS volume of log, %s: %+v", id, made)
	}

	if _, err := run(t, t.Context(), funcs.DeleteVolumeSnapshot(), c.as("delete"), funcs.Args{"namespace": c.Namespace, "snapshots": manifest}); err != nil {
		t.Fatal(err)
	}
	if left := c.ec2.Snapshots(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A manifest that Kanister wrote, of a claim that is gone: the volume becomes one of
// the CSI driver.
func TestEBSManifestOfKanister(t *testing.T) {
	c := newEBS(t)
	s := c.ec2.AddSnapshot(ebstest.Snapshot{Region: "eu-central-1", VolumeID: "vol-0gone", Size: 5})
	manifest, err := json.Marshal([]map[string]any{{
		"SnapshotID": s.ID, "Type": "EBS", "Region": "eu-central-1", "PVCName": "old", "Az": "eu-central-1a",
		"Tags": []map[string]string{{"Key": "team", "Value": "shop"}}, "VolumeType": "gp2",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.restore(t, "restore", string(manifest)); err != nil {
		t.Fatal(err)
	}
	pvc, pv := c.claim(t, "old")
	if pv.Spec.CSI == nil || pv.Spec.CSI.Driver != ebs.Driver || *pvc.Spec.StorageClassName != "" || pvc.Status.Phase != corev1.ClaimBound {
		t.Errorf("claim %+v, volume %+v", pvc.Spec, pv.Spec)
	}
}

// Nothing may be lost, whichever step fails.
func TestEBSFailsOnTheWay(t *testing.T) {
	c := newEBS(t)
	data, log := c.csiClaim(t, "data"), c.inTreeClaim(t, "log")
	manifest := c.snapshot(t, funcs.Args{"pvcs": []any{"data", "log"}})
	before, volumesBefore := c.ec2.Volumes(), len(c.volumes(t))

	// One of two volumes cannot be made.
	c.ec2.Fail(awstest.Fault{Action: "ec2:CreateVolume", Code: "VolumeLimitExceeded", If: func(f awstest.Form) bool { return f.Get("VolumeType") == "io2" }})
	if err := c.restore(t, "restore", manifest); err == nil || !strings.Contains(err.Error(), "VolumeLimitExceeded") {
		t.Fatalf("error %v", err)
	}
	c.ec2.Mend()
	for _, old := range []*corev1.PersistentVolumeClaim{data, log} {
		now, _ := c.claim(t, old.Name)
		if now.UID != old.UID || now.DeletionTimestamp != nil {
			t.Errorf("claim %s was touched", old.Name)
		}
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(c.ec2.Volumes()))); d != "" {
		t.Errorf("EBS volumes (-before +after):\n%s", d)
	}
	for _, pv := range c.volumes(t) {
		if strings.HasPrefix(pv.Name, "rescue-") && !strings.HasPrefix(pv.Name, c.Namespace) && pv.DeletionTimestamp == nil {
			t.Errorf("PersistentVolume %s is left; there were %d", pv.Name, volumesBefore)
		}
	}

	// The old claims go, and no new ones may be made.
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}, Spec: corev1.ResourceQuotaSpec{
		Hard: corev1.ResourceList{"persistentvolumeclaims": resource.MustParse("0")},
	}}
	quotas := c.Kube.CoreV1().ResourceQuotas(c.Namespace)
	quota, err := quotas.Create(t.Context(), quota, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// The admission refuses as soon as the quota has been counted.
	if _, err := kube.Follow(t.Context(), quotas, quota, func(q *corev1.ResourceQuota) (bool, error) { return len(q.Status.Hard) > 0, nil }); err != nil {
		t.Fatal(err)
	}
	err = c.restore(t, "restore", manifest)
	if err == nil || !strings.Contains(err.Error(), "exceeded quota") || !strings.Contains(err.Error(), "run the phase again") {
		t.Fatalf("error %v", err)
	}
	made := len(c.ec2.Volumes())
	if err := quotas.Delete(t.Context(), "none", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}

	// The next attempt goes on with the volumes that are there.
	for {
		if err = c.restore(t, "restore", manifest); err == nil || !strings.Contains(err.Error(), "exceeded quota") {
			break // the API server may count by the quota that is gone for a moment
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.ec2.Volumes()); n != made {
		t.Errorf("%d EBS volumes, %d before the last attempt", n, made)
	}
	for _, old := range []*corev1.PersistentVolumeClaim{data, log} {
		now, _ := c.claim(t, old.Name)
		sameClaim(t, old, now)
	}
}
