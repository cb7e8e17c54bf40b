package funcs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/ebs"
	"github.com/rescuecue/rescue/funcs/ebs/ebstest"
	"github.com/rescuecue/rescue/funcs/funcstest"
)

// ebsTest is a cluster whose claims have EBS volumes, and the EC2 that has them.
type ebsTest struct {
	*funcs.Env
	client *fake.Clientset
	log    *funcstest.LogText
	ec2    *ebstest.EC2
}

func newEBSTest(t *testing.T, objects ...runtime.Object) *ebsTest {
	t.Helper()
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	env, client, log := funcstest.NewEnv(objects...)
	e := &ebsTest{Env: env, client: client, log: log, ec2: ebstest.New(t)}
	env.AWS = e.ec2.Options()
	env.Labels[funcs.PhaseLabel] = "phase"
	e.use(awstest.TestKey)
	bindVolumes(client)
	return e
}

// use gives the profile another key.
func (e *ebsTest) use(k awstest.Key) {
	e.ec2.AddKey(k)
	e.Params.Profile = &compat.Profile{
		Location: compat.Location{Type: compat.LocationS3, Bucket: "b", Region: "us-east-1"},
		Credential: compat.Credential{Secret: &compat.Secret{Type: compat.SecretTypeAWS, Data: map[string][]byte{
			"aws_access_key_id": []byte(k.ID), "aws_secret_access_key": []byte(k.Secret), "aws_session_token": []byte(k.Token),
		}}},
	}
}

// bindVolumes does what the cluster's controllers do with volumes and claims that name
// each other.
func bindVolumes(client *fake.Clientset) {
	var serial atomic.Int64
	created := func(action k8stesting.Action) (bool, runtime.Object, error) {
		uid := types.UID(fmt.Sprintf("uid-%d", serial.Add(1)))
		switch o := action.(k8stesting.CreateAction).GetObject().(type) {
		case *corev1.PersistentVolume:
			o.UID, o.Status.Phase = uid, corev1.VolumeAvailable
		case *corev1.PersistentVolumeClaim:
			o.UID, o.Status.Phase = uid, corev1.ClaimBound
		}
		return false, nil, nil
	}
	client.PrependReactor("create", "persistentvolumes", created)
	client.PrependReactor("create", "persistentvolumeclaims", created)
}

// csiVolume and inTreeVolume are the two ways in which Kubernetes names an EBS volume.
func csiVolume(id string) corev1.PersistentVolumeSource {
	return corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: ebs.Driver, VolumeHandle: id, FSType: "xfs"}}
}

func inTreeVolume(id string) corev1.PersistentVolumeSource {
	return corev1.PersistentVolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "aws://eu-central-1b/" + id, FSType: "ext4", Partition: 1}}
}

// boundClaim makes a claim and its volume.
func (e *ebsTest) boundClaim(t *testing.T, name string, source corev1.PersistentVolumeSource, zone string) {
	t.Helper()
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}
	class, modes := "fast", []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-" + name}, Spec: corev1.PersistentVolumeSpec{
		PersistentVolumeSource: source, Capacity: size, StorageClassName: class, AccessModes: modes,
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
	}}
	if zone != "" {
		pv.Labels = map[string]string{"topology.kubernetes.io/zone": zone}
	}
	pvc := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, Labels: map[string]string{"app": "shop"},
			Annotations: map[string]string{"note": "kept", "pv.kubernetes.io/bind-completed": "yes"},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			VolumeName: pv.Name, StorageClassName: &class, AccessModes: modes, Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}
	if _, err := e.client.CoreV1().PersistentVolumes().Create(t.Context(), pv, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.client.CoreV1().PersistentVolumeClaims("shop").Create(t.Context(), pvc, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// standard has the claims data (CSI, gp3, encrypted) and log (in-tree, io2).
func standard(t *testing.T) *ebsTest {
	t.Helper()
	e := newEBSTest(t)
	data := e.ec2.AddVolume(ebstest.Volume{
		Zone: "eu-central-1a", Type: "gp3", Size: 10, IOPS: 4000, Throughput: 200, Encrypted: true, KMSKey: "key",
		Tags: map[string]string{"team": "shop", "aws:autoscaling:group": "x", "CSIVolumeName": "pvc-1"},
	})
	log := e.ec2.AddVolume(ebstest.Volume{Zone: "eu-central-1b", Type: "io2", Size: 10, IOPS: 500})
	e.boundClaim(t, "data", csiVolume(data.ID), "eu-central-1a")
	e.boundClaim(t, "log", inTreeVolume(log.ID), "")
	return e
}

// phase gives the environment of a phase.
func (e *ebsTest) phase(name string) *funcs.Env {
	env := *e.Env
	env.Labels = maps.Clone(e.Labels)
	env.Labels[funcs.PhaseLabel] = name
	return &env
}

func (e *ebsTest) snapshot(ctx context.Context, args funcs.Args) (string, error) {
	all := funcs.Args{"namespace": "shop", "pvcs": []any{"data", "log"}}
	maps.Copy(all, args)
	out, err := funcs.CreateVolumeSnapshot().Exec(ctx, e.phase("snapshot"), all)
	if err != nil {
		return "", err
	}
	return out["volumeSnapshotInfo"].(string), nil
}

// taken takes snapshots of both claims.
func (e *ebsTest) taken(t *testing.T) string {
	t.Helper()
	manifest, err := e.snapshot(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

func (e *ebsTest) restore(ctx context.Context, manifest string, names ...any) error {
	args := funcs.Args{"namespace": "shop", "snapshots": manifest}
	if len(names) > 0 {
		args["pvcNames"] = names
	}
	_, err := funcs.CreateVolumeFromSnapshot().Exec(ctx, e.phase("restore"), args)
	return err
}

func (e *ebsTest) claim(t *testing.T, name string) (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	t.Helper()
	pvc, err := e.client.CoreV1().PersistentVolumeClaims("shop").Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pv, err := e.client.CoreV1().PersistentVolumes().Get(context.Background(), pvc.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pvc, pv
}

// made is the EBS volume behind a claim.
func (e *ebsTest) made(t *testing.T, claim string) ebstest.Volume {
	t.Helper()
	_, pv := e.claim(t, claim)
	id := ""
	if pv.Spec.CSI != nil {
		id = pv.Spec.CSI.VolumeHandle
	} else {
		id = pv.Spec.AWSElasticBlockStore.VolumeID
		id = id[strings.LastIndex(id, "/")+1:]
	}
	v, ok := e.ec2.Volumes()[id]
	if !ok {
		t.Fatalf("claim %s has the volume %s, which is not there", claim, id)
	}
	return v
}

// untouched checks that the claims have their old volumes, and that there are no others.
func (e *ebsTest) untouched(t *testing.T) {
	t.Helper()
	for _, name := range []string{"data", "log"} {
		if pvc, _ := e.claim(t, name); pvc.Spec.VolumeName != "pv-"+name {
			t.Errorf("claim %s was replaced: its volume is %s", name, pvc.Spec.VolumeName)
		}
	}
	if volumes := e.ec2.Volumes(); len(volumes) != 2 {
		t.Errorf("left: %v", volumes)
	}
	pvs, err := e.client.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{})
	if err != nil || len(pvs.Items) != 2 {
		t.Errorf("%d PersistentVolumes, %v", len(pvs.Items), err)
	}
}

// kanister writes a manifest as Kanister does.
func kanister(t *testing.T, infos ...map[string]any) string {
	t.Helper()
	for _, info := range infos {
		for key, preset := range map[string]any{
			"Type": "EBS", "Region": "eu-central-1", "Az": "eu-central-1a", "VolumeType": "gp2", "Tags": []map[string]string{{"Key": "team", "Value": "shop"}},
		} {
			if _, given := info[key]; !given {
				info[key] = preset
			}
		}
	}
	src, err := json.Marshal(infos)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}
