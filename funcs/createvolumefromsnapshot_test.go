package funcs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/ebs/ebstest"
)

func TestCreateVolumeFromSnapshot(t *testing.T) {
	e := standard(t)
	manifest := e.taken(t)
	e.ec2.Behave(ebstest.Behaviour{Steps: 3, Blind: 2, PageSize: 1})
	// No claim goes before all new volumes are there.
	e.client.PrependReactor("delete", "persistentvolumeclaims", func(k8stesting.Action) (bool, runtime.Object, error) {
		volumes := e.ec2.Volumes()
		for id, v := range volumes {
			if v.State != "available" && v.State != "in-use" || len(volumes) != 4 {
				t.Errorf("a claim goes while volume %s is %s, of %d", id, v.State, len(volumes))
			}
		}
		return false, nil, nil
	})
	if err := e.restore(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}

	pvc, pv := e.claim(t, "data")
	if pv.Spec.CSI == nil || pv.Spec.CSI.Driver != "ebs.csi.aws.com" || pv.Spec.CSI.FSType != "xfs" || pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		t.Errorf("volume of data: %+v", pv.Spec)
	}
	if pv.Spec.ClaimRef.Name != "data" || pv.Spec.StorageClassName != "fast" || pv.Labels["topology.kubernetes.io/zone"] != "eu-central-1a" || pv.Annotations["pv.kubernetes.io/provisioned-by"] != "ebs.csi.aws.com" {
		t.Errorf("volume of data: %+v", pv)
	}
	annotations := map[string]string{"note": "kept", "rescue.dev/run": "r1", "rescue.dev/phase": "restore"}
	if d := cmp.Diff(annotations, pvc.Annotations); d != "" || pvc.Labels["app"] != "shop" || *pvc.Spec.StorageClassName != "fast" {
		t.Errorf("claim data: %+v (-expected +got):\n%s", pvc, d)
	}
	if q := pvc.Spec.Resources.Requests[corev1.ResourceStorage]; q.String() != "10Gi" {
		t.Errorf("claim data has %s", &q)
	}
	tags := map[string]string{
		"team": "shop", "rescue.dev/run": "r1", "rescue.dev/phase": "restore", "kubernetes.io/created-for/pvc/name": "data",
		"kubernetes.io/created-for/pvc/namespace": "shop", "kubernetes.io/created-for/pv/name": pv.Name,
	}
	made := e.made(t, "data")
	if d := cmp.Diff(tags, made.Tags); d != "" {
		t.Errorf("tags (-expected +got):\n%s", d)
	}
	if made.Zone != "eu-central-1a" || made.Type != "gp3" || made.IOPS != 4000 || made.Throughput != 200 || !made.Encrypted || made.KMSKey != "key" || made.Size != 10 {
		t.Errorf("EBS volume of data: %+v", made)
	}

	_, pv = e.claim(t, "log")
	if made := e.made(t, "log"); made.Zone != "eu-central-1b" || made.Type != "io2" || made.IOPS != 500 || made.Encrypted {
		t.Errorf("EBS volume of log: %+v", made)
	}
	if s := pv.Spec.AWSElasticBlockStore; s == nil || s.FSType != "ext4" || s.Partition != 1 || pv.Annotations["pv.kubernetes.io/provisioned-by"] != "kubernetes.io/aws-ebs" {
		t.Errorf("volume of log: %+v", pv)
	}
}

// The errors of AWS and of Kubernetes before the point of no return: all stays as it was.
func TestCreateVolumeFromSnapshotFails(t *testing.T) {
	only := func(kind string) func(awstest.Form) bool {
		return func(f awstest.Form) bool { return f.Get("VolumeType") == kind }
	}
	fault := func(code, message string) func(*ebsTest) {
		return func(e *ebsTest) {
			e.ec2.Fail(awstest.Fault{Action: "ec2:CreateVolume", Code: code, Message: message, If: only("io2")})
		}
	}
	deny := func(action string) func(*ebsTest) {
		return func(e *ebsTest) {
			e.use(awstest.Key{ID: "AKIADENIED", Secret: "d", Deny: []string{"ec2:" + action}})
		}
	}
	changed := func(change func(*ebstest.Snapshot)) func(*ebsTest) {
		return func(e *ebsTest) {
			for id, s := range e.ec2.Snapshots() {
				if !s.Encrypted {
					e.ec2.ChangeSnapshot(id, change)
				}
			}
		}
	}
	tests := []struct {
		name  string
		given func(*ebsTest)
		parts []string
	}{
		{"quota", fault("VolumeLimitExceeded", "Maximum number of active volumes exceeded."), []string{"make a volume of snapshot snap-", "VolumeLimitExceeded", "quota"}},
		{"quota of IOPS", fault("MaxIOPSLimitExceeded", "Too many."), []string{"MaxIOPSLimitExceeded", "quota"}},
		{"no room", fault("InsufficientVolumeCapacity", "No room."), []string{"AWS has no room for it in that zone now"}},
		{"throttled for ever", func(e *ebsTest) { e.ec2.Throttle("ec2:CreateVolume", 0) }, []string{"RequestLimitExceeded"}},
		{"volumes may not be made", deny("CreateVolume"), []string{"allow ec2:CreateVolume"}},
		{"tags may not be set", deny("CreateTags"), []string{"UnauthorizedOperation"}},
		{"volumes may not be listed", deny("DescribeVolumes"), []string{"allow ec2:DescribeVolumes"}},
		{"volume fails", func(e *ebsTest) { e.ec2.Behave(ebstest.Behaviour{FailVolumes: true}) }, []string{"it failed: AWS says that it is in the state error"}},
		{"snapshot failed", changed(func(s *ebstest.Snapshot) { s.State, s.Message = "error", "why" }), []string{"it failed: AWS says: why"}},
		{"snapshot is gone", changed(func(s *ebstest.Snapshot) { s.Region = "us-east-1" }), []string{"it is not there any more"}},
		{"zones are closed", func(e *ebsTest) {
			e.ec2.Behave(ebstest.Behaviour{ClosedZones: []string{"eu-central-1b"}})
		}, []string{`the volume was in the zone "eu-central-1b", which is not available in eu-central-1 (it has eu-central-1a, eu-central-1c)`}},
		{"volumes of Kubernetes may not be made", func(e *ebsTest) {
			e.client.PrependReactor("create", "persistentvolumes", func(k8stesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewForbidden(corev1.Resource("persistentvolumes"), "", errors.New("no"))
			})
		}, []string{"create PersistentVolume rescue-", "forbidden"}},
		{"claims may not be deleted", func(e *ebsTest) {
			e.client.PrependReactor("delete", "persistentvolumeclaims", func(k8stesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewForbidden(corev1.Resource("persistentvolumeclaims"), "", errors.New("no"))
			})
		}, []string{"delete it, to make room for the restored one", "forbidden"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := standard(t)
			manifest := e.taken(t)
			e.ec2.Behave(ebstest.Behaviour{Blind: 4})
			tt.given(e)
			err := e.restore(t.Context(), manifest)
			wantError(t, err, append(tt.parts, "PersistentVolumeClaim shop/")...)
			e.use(awstest.TestKey)
			e.untouched(t)
		})
	}
}

func TestCreateVolumeFromSnapshotInUse(t *testing.T) {
	e := standard(t)
	manifest := e.taken(t)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app-0"}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{{
		VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "log"}},
	}}}}
	pods := e.client.CoreV1().Pods("shop")
	if _, err := pods.Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	wantError(t, e.restore(t.Context(), manifest), "PersistentVolumeClaim shop/log: it is in use by app-0", "ScaleWorkload")
	if asked := e.ec2.Requests("CreateVolume"); len(asked) > 0 {
		t.Errorf("AWS was asked: %v", asked)
	}
	e.untouched(t)
	pod.Status.Phase = corev1.PodSucceeded
	if _, err := pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := e.restore(t.Context(), manifest); err != nil {
		t.Error(err)
	}
}

// After the old claim is gone, the new volume stays whatever fails, and the next
// attempt uses it.
func TestCreateVolumeFromSnapshotAgain(t *testing.T) {
	e := standard(t)
	manifest := e.taken(t)
	refuse := true
	e.client.PrependReactor("create", "persistentvolumeclaims", func(a k8stesting.Action) (bool, runtime.Object, error) {
		if claim := a.(k8stesting.CreateAction).GetObject().(*corev1.PersistentVolumeClaim); refuse && claim.Name == "log" {
			return true, nil, apierrors.NewForbidden(corev1.Resource("persistentvolumeclaims"), "log", errors.New("exceeded quota"))
		}
		return false, nil, nil
	})
	err := e.restore(t.Context(), manifest)
	wantError(t, err, "PersistentVolumeClaim shop/log: make it anew", "exceeded quota", "the restored data is in volume vol-", "run the phase again")
	before := e.ec2.Volumes()
	if len(before) != 4 {
		t.Fatalf("%d volumes", len(before))
	}
	// The attempt after that fails too, and must not remove what is all there is.
	e.ec2.Throttle("ec2:DescribeVolumes", 0)
	wantError(t, e.restore(t.Context(), manifest), "RequestLimitExceeded")
	e.ec2.Mend()
	e.ec2.Fail(awstest.Fault{Action: "ec2:DescribeVolumes", If: func(f awstest.Form) bool { return f.Has("VolumeId.1") }, Code: "InternalError", Status: 500})
	wantError(t, e.restore(t.Context(), manifest), "InternalError")
	e.ec2.Mend()

	refuse = false
	if err := e.restore(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data", "log"} {
		if _, ok := before[e.made(t, name).ID]; !ok {
			t.Errorf("claim %s has a volume that the first attempt did not make", name)
		}
	}
	if n := len(e.ec2.Volumes()); n != 4 {
		t.Errorf("%d volumes", n)
	}
	// Once more does nothing.
	if err := e.restore(t.Context(), manifest); err != nil || len(e.ec2.Requests("CreateVolume")) != 2 {
		t.Errorf("%v, %d volumes made", err, len(e.ec2.Requests("CreateVolume")))
	}
}

// An attempt that failed early has removed its volumes; their tokens must not bring
// them back. A lost answer must not make two.
func TestCreateVolumeFromSnapshotTokens(t *testing.T) {
	e := standard(t)
	manifest := e.taken(t)
	e.ec2.Fail(awstest.Fault{Action: "ec2:CreateVolume", Code: "VolumeLimitExceeded", If: func(f awstest.Form) bool { return f.Get("VolumeType") == "io2" }})
	wantError(t, e.restore(t.Context(), manifest), "VolumeLimitExceeded")
	e.untouched(t)
	e.ec2.Mend()
	e.ec2.Fail(awstest.Fault{Action: "ec2:CreateVolume", Times: 2, Lost: true})
	if err := e.restore(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	if n := len(e.ec2.Volumes()); n != 4 {
		t.Errorf("%d volumes", n)
	}
	e.made(t, "data")
}

func TestCreateVolumeFromSnapshotCancel(t *testing.T) {
	e := standard(t)
	manifest := e.taken(t)
	e.ec2.Behave(ebstest.Behaviour{Steps: 1 << 30})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := make(chan struct{}, 1000)
	e.ec2.Fail(awstest.Fault{Action: "ec2:DescribeVolumes", If: func(f awstest.Form) bool { return f.Has("VolumeId.1") }, Before: func() { looks <- struct{}{} }})
	go func() {
		for range 10 {
			<-looks
		}
		cancel()
	}()
	err := e.restore(ctx, manifest)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	wantError(t, err, ": it was creating: ")
	e.untouched(t)
}

// A claim that does not get its volume within the phase's time keeps it reserved.
func TestCreateVolumeFromSnapshotUnbound(t *testing.T) {
	e := newEBSTest(t)
	s := e.ec2.AddSnapshot(ebstest.Snapshot{Region: "eu-central-1", Size: 5})
	ctx, cancel := context.WithCancel(t.Context())
	e.client.PrependReactor("create", "persistentvolumeclaims", func(a k8stesting.Action) (bool, runtime.Object, error) {
		claim := a.(k8stesting.CreateAction).GetObject().(*corev1.PersistentVolumeClaim)
		claim.UID, claim.Status.Phase = "u", corev1.ClaimPending
		cancel()
		return true, claim, e.client.Tracker().Add(claim)
	})
	err := e.restore(ctx, kanister(t, map[string]any{"SnapshotID": s.ID, "PVCName": "data"}))
	wantError(t, err, "the new one is Pending and not bound to PersistentVolume rescue-", "the restored data is in volume vol-")
	if n := len(e.ec2.Volumes()); n != 1 {
		t.Errorf("%d volumes", n)
	}
}

func TestRestoreOfKanistersManifest(t *testing.T) {
	e := standard(t)
	data, log := e.made(t, "data"), e.made(t, "log")
	s1 := e.ec2.AddSnapshot(ebstest.Snapshot{Region: "eu-central-1", VolumeID: data.ID, Size: 10})
	s2 := e.ec2.AddSnapshot(ebstest.Snapshot{Region: "eu-central-1", VolumeID: log.ID, Size: 12})
	manifest := kanister(t,
		map[string]any{"SnapshotID": s1.ID, "PVCName": "x", "VolumeType": "gp2"},
		map[string]any{"SnapshotID": s2.ID, "PVCName": "log", "VolumeType": "io2", "Az": "eu-central-1b"})
	if err := e.restore(t.Context(), manifest, "other", "log"); err != nil {
		t.Fatal(err)
	}
	// A claim that is new, of which nothing is known.
	pvc, pv := e.claim(t, "other")
	if pv.Spec.CSI == nil || pv.Spec.CSI.Driver != "ebs.csi.aws.com" || *pvc.Spec.StorageClassName != "" || pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("claim %+v, volume %+v", pvc.Spec, pv.Spec)
	}
	if made := e.made(t, "other"); made.Type != "gp2" || made.Tags["team"] != "shop" {
		t.Errorf("EBS volume %+v", made)
	}
	// One that is there, which is replaced as it stands. Its IOPS are those of the volume.
	pvc, pv = e.claim(t, "log")
	q := pvc.Spec.Resources.Requests[corev1.ResourceStorage]
	if pv.Spec.AWSElasticBlockStore == nil || *pvc.Spec.StorageClassName != "fast" || pvc.Labels["app"] != "shop" || q.String() != "12Gi" {
		t.Errorf("claim %+v, volume %+v", pvc, pv.Spec)
	}
	if made := e.made(t, "log"); made.IOPS != 500 {
		t.Errorf("EBS volume %+v", made)
	}
}

func TestRestoreWithoutKnownIOPS(t *testing.T) {
	e := newEBSTest(t)
	s := e.ec2.AddSnapshot(ebstest.Snapshot{Region: "eu-central-1", VolumeID: "vol-gone", Size: 5})
	manifest := kanister(t, map[string]any{"SnapshotID": s.ID, "PVCName": "a", "VolumeType": "io1"}, map[string]any{"SnapshotID": s.ID, "PVCName": "b", "VolumeType": "gp3"})
	if err := e.restore(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	if a, b := e.made(t, "a"), e.made(t, "b"); a.IOPS != 100 || b.IOPS != 3000 {
		t.Errorf("IOPS %d and %d", a.IOPS, b.IOPS)
	}
	if !strings.Contains(e.log.String(), "it gets the least") {
		t.Error("no warning")
	}
}

func TestRestoreZones(t *testing.T) {
	node := func(name, zone string) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if zone != "" {
			n.Labels = map[string]string{"topology.kubernetes.io/zone": zone}
		}
		return n
	}
	tests := []struct {
		name  string
		nodes []string
		zone  string
		err   string
	}{
		{"where it was", []string{"eu-central-1b", "eu-central-1a"}, "eu-central-1a", ""},
		{"where nodes are", []string{"eu-central-1c"}, "eu-central-1c", ""},
		{"nodes that do not say", []string{"", ""}, "eu-central-1a", ""},
		{"nodes in another region", []string{"us-east-1a"}, "", "no node of the cluster could mount a volume of eu-central-1: the nodes are in us-east-1a; copy the snapshot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEBSTest(t)
			for i, zone := range tt.nodes {
				if _, err := e.client.CoreV1().Nodes().Create(t.Context(), node(fmt.Sprint("n", i), zone), metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			s := e.ec2.AddSnapshot(ebstest.Snapshot{Region: "eu-central-1", Size: 5})
			err := e.restore(t.Context(), kanister(t, map[string]any{"SnapshotID": s.ID, "PVCName": "data"}))
			if tt.err != "" {
				wantError(t, err, tt.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if made := e.made(t, "data"); made.Zone != tt.zone {
				t.Errorf("zone %s, expected %s", made.Zone, tt.zone)
			}
		})
	}
}

// A credential that may not list zones leaves it to AWS to know them.
func TestRestoreZonesNotListed(t *testing.T) {
	e := newEBSTest(t)
	e.use(awstest.Key{ID: "AKIADENIED", Secret: "d", Deny: []string{"ec2:DescribeAvailabilityZones"}})
	s := e.ec2.AddSnapshot(ebstest.Snapshot{Region: "eu-central-1", Size: 5})
	if err := e.restore(t.Context(), kanister(t, map[string]any{"SnapshotID": s.ID, "PVCName": "data"})); err != nil {
		t.Fatal(err)
	}
}

func TestCreateVolumeFromSnapshotArguments(t *testing.T) {
	e := standard(t)
	e.boundClaim(t, "disk", corev1.PersistentVolumeSource{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{PDName: "d"}}, "")
	one := func(kv map[string]any) string { return kanister(t, kv) }
	tests := []struct {
		manifest string
		names    []any
		err      string
	}{
		{"", nil, "argument snapshots is empty"},
		{"snap-1", nil, "argument snapshots is not what CreateVolumeSnapshot returns as volumeSnapshotInfo, a list in JSON"},
		{one(map[string]any{"SnapshotID": "snap-1", "PVCName": "a", "Type": "GPD"}), nil, `number 1: snapshot "snap-1" is of type "GPD": this version of rescue works with Amazon EBS alone`},
		{one(map[string]any{"SnapshotID": "vol-1", "PVCName": "a"}), nil, `SnapshotID is "vol-1", expected one such as snap-`},
		{one(map[string]any{"SnapshotID": "snap-1"}), nil, "snapshot snap-1 has no PVCName"},
		{one(map[string]any{"SnapshotID": "snap-1", "PVCName": "a", "Region": "", "Az": ""}), nil, "snapshot snap-1 has no Region"},
		{kanister(t, map[string]any{"SnapshotID": "snap-1", "PVCName": "a"}, map[string]any{"SnapshotID": "snap-2", "PVCName": "a"}), nil, "number 2: there is another snapshot of PersistentVolumeClaim a before it"},
		{one(map[string]any{"SnapshotID": "snap-1", "PVCName": "a"}), []any{"a", "b"}, "argument pvcNames has 2 names, and there are 1 snapshots"},
		{kanister(t, map[string]any{"SnapshotID": "snap-1", "PVCName": "a"}, map[string]any{"SnapshotID": "snap-2", "PVCName": "b"}), []any{"c", "c"}, "argument pvcNames has c twice"},
		{one(map[string]any{"SnapshotID": "snap-1", "PVCName": "A_b"}), nil, "that is not a name that a claim can have"},
		{one(map[string]any{"SnapshotID": "snap-1", "PVCName": "disk"}), nil, "it would replace what is no EBS volume"},
	}
	for _, tt := range tests {
		wantError(t, e.restore(t.Context(), tt.manifest, tt.names...), tt.err)
	}
	if asked := e.ec2.Requests(); len(asked) > 0 {
		t.Errorf("AWS was asked: %v", asked)
	}
}

// A cancel in the moment in which AWS makes something must not leave it behind.
func TestVolumesCancelledWhileMade(t *testing.T) {
	for _, action := range []string{"CreateSnapshot", "CreateVolume"} {
		t.Run(action, func(t *testing.T) {
			e := standard(t)
			work := func(ctx context.Context) error {
				_, err := e.snapshot(ctx, nil)
				return err
			}
			if action == "CreateVolume" {
				manifest := e.taken(t)
				work = func(ctx context.Context) error { return e.restore(ctx, manifest) }
			}
			before := len(e.ec2.Snapshots())
			ctx, cancel := context.WithCancel(t.Context())
			e.ec2.Fail(awstest.Fault{Action: "ec2:" + action, Before: cancel})
			if err := work(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if n := len(e.ec2.Snapshots()); n != before {
				t.Errorf("%d snapshots, %d before", n, before)
			}
			e.untouched(t)
		})
	}
}
