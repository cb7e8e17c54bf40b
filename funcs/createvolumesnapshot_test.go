package funcs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/ebs/ebstest"
)

func TestCreateVolumeSnapshot(t *testing.T) {
	e := standard(t)
	e.ec2.Behave(ebstest.Behaviour{Steps: 3, Blind: 2, PageSize: 1})
	var infos []map[string]any
	if err := json.Unmarshal([]byte(e.taken(t)), &infos); err != nil || len(infos) != 2 {
		t.Fatalf("%v, %v", infos, err)
	}
	snapshots := e.ec2.Snapshots()
	for i, want := range []map[string]any{
		{"Type": "EBS", "Region": "eu-central-1", "PVCName": "data", "Az": "eu-central-1a", "VolumeType": "gp3", "Iops": 4000.0, "Throughput": 200.0,
			"Tags": []any{map[string]any{"Key": "team", "Value": "shop"}}},
		{"Type": "EBS", "Region": "eu-central-1", "PVCName": "log", "Az": "eu-central-1b", "VolumeType": "io2", "Iops": 500.0, "Tags": []any{}},
	} {
		s := snapshots[infos[i]["SnapshotID"].(string)]
		delete(infos[i], "SnapshotID")
		delete(infos[i], "Claim")
		if d := cmp.Diff(want, infos[i]); d != "" {
			t.Errorf("(-expected +got):\n%s", d)
		}
		if s.State != "completed" || s.Tags["rescue.dev/run"] != "r1" || s.Tags["rescue.dev/phase"] != "snapshot" || s.Tags["kubernetes.io/created-for/pvc/name"] != want["PVCName"] {
			t.Errorf("snapshot of %s: %+v", want["PVCName"], s)
		}
	}
	if s := snapshots; len(s) != 2 {
		t.Errorf("%d snapshots", len(s))
	}
	if text := e.log.String(); !strings.Contains(text, "pending, 25% done") {
		t.Errorf("no progress in the log:\n%s", text)
	}
}

func TestCreateVolumeSnapshotOfWorkload(t *testing.T) {
	claimVolume := func(name string) corev1.Volume {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}
	}
	e := standard(t)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"}}
	d.Spec.Template.Spec.Volumes = []corev1.Volume{claimVolume("log"), claimVolume("data")}
	if _, err := e.client.AppsV1().Deployments("shop").Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	e.Params.Deployment = &compat.Workload{Namespace: "shop", Name: "app"}
	if _, err := e.snapshot(t.Context(), funcs.Args{"pvcs": []any{}}); err != nil {
		t.Fatal(err)
	}
	if n := len(e.ec2.Snapshots()); n != 2 {
		t.Errorf("%d snapshots of the Deployment's claims", n)
	}
}

func TestSkipWaitAndWait(t *testing.T) {
	e := standard(t)
	e.ec2.Behave(ebstest.Behaviour{Steps: 2})
	manifest, err := e.snapshot(t.Context(), funcs.Args{"skipWait": true})
	if err != nil {
		t.Fatal(err)
	}
	for id, s := range e.ec2.Snapshots() {
		if s.State != "pending" {
			t.Errorf("snapshot %s is %s already", id, s.State)
		}
	}
	wait := func() error {
		_, err := funcs.WaitForSnapshotCompletion().Exec(t.Context(), e.phase("wait"), funcs.Args{"snapshots": manifest})
		return err
	}
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	for id, s := range e.ec2.Snapshots() {
		if s.State != "completed" {
			t.Errorf("snapshot %s is %s", id, s.State)
		}
	}
	var infos []struct{ SnapshotID string }
	if err := json.Unmarshal([]byte(manifest), &infos); err != nil {
		t.Fatal(err)
	}
	e.ec2.ChangeSnapshot(infos[0].SnapshotID, func(s *ebstest.Snapshot) { s.State, s.Message = "error", "the key is disabled" })
	wantError(t, wait(), "PersistentVolumeClaim data: snapshot "+infos[0].SnapshotID, "it failed: AWS says: the key is disabled")
	e.ec2.ChangeSnapshot(infos[0].SnapshotID, func(s *ebstest.Snapshot) { s.State = "recoverable" })
	wantError(t, wait(), "recycle bin")
	e.ec2.ChangeSnapshot(infos[0].SnapshotID, func(s *ebstest.Snapshot) { s.Region = "us-east-1" })
	wantError(t, wait(), "it is not there any more")
}

// What AWS documents that can go wrong: the error says it, and nothing is left.
func TestCreateVolumeSnapshotFails(t *testing.T) {
	fault := func(action, code, message string) func(*ebsTest) {
		return func(e *ebsTest) { e.ec2.Fail(awstest.Fault{Action: "ec2:" + action, Code: code, Message: message}) }
	}
	deny := func(actions ...string) func(*ebsTest) {
		return func(e *ebsTest) { e.use(awstest.Key{ID: "AKIADENIED", Secret: "d", Deny: actions}) }
	}
	tests := []struct {
		name  string
		given func(*ebsTest)
		parts []string
	}{
		{"throttled for ever", func(e *ebsTest) { e.ec2.Throttle("ec2:CreateSnapshot", 0) },
			[]string{"take a snapshot of volume vol-", "(ec2:CreateSnapshot in eu-central-1): AWS said RequestLimitExceeded", "4 attempts have not been enough"}},
		{"volumes may not be read", deny("ec2:DescribeVolumes"), []string{"look at volume vol-", "UnauthorizedOperation", "allow ec2:DescribeVolumes to the profile's Secret"}},
		{"snapshots may not be taken", deny("ec2:CreateSnapshot"), []string{"UnauthorizedOperation", "allow ec2:CreateSnapshot"}},
		{"tags may not be set", deny("ec2:CreateTags"), []string{"UnauthorizedOperation", "ec2:CreateTags"}},
		{"snapshots may not be listed", deny("ec2:DescribeSnapshots"), []string{"look for snapshots of volume", "allow ec2:DescribeSnapshots"}},
		{"session is over", func(e *ebsTest) {
			e.use(awstest.Key{ID: "ASIAOLD", Secret: "o", Token: "t", Expires: time.Now().Add(-time.Minute)})
		}, []string{"RequestExpired", "the credentials have expired, renew them"}},
		{"wrong secret", func(e *ebsTest) {
			e.use(awstest.Key{ID: "AKIAX", Secret: "right"})
			e.Params.Profile.Credential.Secret.Data["aws_secret_access_key"] = []byte("wrong")
		}, []string{"AuthFailure", "AWS does not accept the credentials"}},
		{"quota", func(e *ebsTest) { e.ec2.Behave(ebstest.Behaviour{MostSnapshots: 1}) }, []string{"SnapshotLimitExceeded", "a quota of the account is used up"}},
		{"too many at a time", fault("CreateSnapshot", "ConcurrentSnapshotLimitExceeded", "Maximum allowed."), []string{"ConcurrentSnapshotLimitExceeded"}},
		{"pending quota", fault("CreateSnapshot", "PendingSnapshotLimitExceeded", "Too many."), []string{"PendingSnapshotLimitExceeded", "quota"}},
		{"snapshot fails", func(e *ebsTest) { e.ec2.Behave(ebstest.Behaviour{FailSnapshots: "no access to the key"}) }, []string{"it failed: AWS says: no access to the key"}},
		{"AWS is broken", func(e *ebsTest) {
			e.ec2.Fail(awstest.Fault{Action: "ec2:DescribeVolumes", Code: "InternalError", Message: "An internal error has occurred.", Status: 500})
		}, []string{"InternalError", "the fault is AWS's"}},
		{"volume is gone", fault("DescribeVolumes", "InvalidVolume.NotFound", "The volume does not exist."), []string{"InvalidVolume.NotFound", "is it of this account and this region?"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := standard(t)
			e.ec2.Behave(ebstest.Behaviour{Blind: 4})
			tt.given(e)
			_, err := e.snapshot(t.Context(), nil)
			wantError(t, err, append(tt.parts, "PersistentVolumeClaim shop/")...)
			if left := e.ec2.Snapshots(); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if strings.Contains(err.Error(), "context canceled") {
				t.Errorf("one that was only stopped is in the error: %v", err)
			}
		})
	}
}

func TestCreateVolumeSnapshotOfWrongVolumes(t *testing.T) {
	tests := []struct {
		name   string
		source corev1.PersistentVolumeSource
		err    string
	}{
		{"google", corev1.PersistentVolumeSource{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{PDName: "d"}}, "not an Amazon EBS volume but one of Google's persistent disks"},
		{"csi", corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "disk.csi.azure.com"}}, "one of the CSI driver disk.csi.azure.com: this function knows EBS alone; CreateCSISnapshot takes snapshots of all CSI volumes"},
		{"directory", corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/x"}}, "a directory of a node"},
		{"bad ID", csiVolume("fs-123"), `has the EBS volume ID "fs-123"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEBSTest(t)
			e.boundClaim(t, "data", tt.source, "eu-central-1a")
			_, err := e.snapshot(t.Context(), funcs.Args{"pvcs": []any{"data"}})
			wantError(t, err, "PersistentVolumeClaim shop/data", tt.err)
			if asked := e.ec2.Requests(); len(asked) > 0 {
				t.Errorf("AWS was asked: %v", asked)
			}
		})
	}
}

func TestCreateVolumeSnapshotUnbound(t *testing.T) {
	e := standard(t)
	pvc, _ := e.claim(t, "data")
	pvc.Status.Phase = corev1.ClaimPending
	if _, err := e.client.CoreV1().PersistentVolumeClaims("shop").UpdateStatus(t.Context(), pvc, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := e.snapshot(t.Context(), funcs.Args{"pvcs": []any{"data"}})
	wantError(t, err, "PersistentVolumeClaim shop/data: it is not bound and has no volume to take a snapshot of")
}

func TestCreateVolumeSnapshotArguments(t *testing.T) {
	e := standard(t)
	_, err := e.snapshot(t.Context(), funcs.Args{"namespace": ""})
	wantError(t, err, "argument namespace is empty")
	_, err = e.snapshot(t.Context(), funcs.Args{"pvcs": []any{}})
	wantError(t, err, "the action must be on a Deployment or StatefulSet: name the claims")
	_, err = e.snapshot(t.Context(), funcs.Args{"pvcs": []any{"data", ""}})
	wantError(t, err, "argument pvcs: a name is empty")
	_, err = e.snapshot(t.Context(), funcs.Args{"pvcs": []any{"none"}})
	wantError(t, err, "PersistentVolumeClaim shop/none", "not found")
	e.Params.DeploymentConfig = &compat.Workload{Namespace: "shop", Name: "app"}
	_, err = e.snapshot(t.Context(), funcs.Args{"pvcs": []any{}})
	wantError(t, err, "is no Deployment or StatefulSet")
	if n := len(e.ec2.Snapshots()); n > 0 {
		t.Errorf("%d snapshots", n)
	}
}

// AWS may carry out what it does not answer: the snapshot is found, and not taken twice.
func TestCreateVolumeSnapshotOnce(t *testing.T) {
	e := standard(t)
	e.ec2.Fail(awstest.Fault{Action: "ec2:CreateSnapshot", Times: 2, Lost: true})
	e.ec2.Fail(awstest.Fault{Action: "ec2:CreateSnapshot", Times: 1, Code: "SnapshotCreationPerVolumeRateExceeded"})
	e.taken(t)
	if n := len(e.ec2.Snapshots()); n != 2 {
		t.Errorf("%d snapshots of two volumes", n)
	}
}

// A second attempt of the phase, after rescue was killed, takes up what the first began.
func TestCreateVolumeSnapshotAgain(t *testing.T) {
	e := standard(t)
	e.ec2.Behave(ebstest.Behaviour{Steps: 2})
	first, err := e.snapshot(t.Context(), funcs.Args{"skipWait": true})
	if err != nil {
		t.Fatal(err)
	}
	if second := e.taken(t); second != first {
		t.Errorf("%s\n%s", first, second)
	}
	// What failed is removed, and taken again.
	for id := range e.ec2.Snapshots() {
		e.ec2.ChangeSnapshot(id, func(s *ebstest.Snapshot) { s.State = "error" })
	}
	if third := e.taken(t); third == first {
		t.Error("the failed snapshots were used")
	}
	if n := len(e.ec2.Snapshots()); n != 2 {
		t.Errorf("%d snapshots", n)
	}
	// Another phase, and a phase outside of a run, take their own.
	e.Labels = map[string]string{}
	if _, err := funcs.CreateVolumeSnapshot().Exec(t.Context(), e.Env, funcs.Args{"namespace": "shop", "pvcs": []any{"data"}}); err != nil {
		t.Fatal(err)
	}
	if n := len(e.ec2.Snapshots()); n != 3 {
		t.Errorf("%d snapshots", n)
	}
}

func TestCreateVolumeSnapshotCancel(t *testing.T) {
	e := standard(t)
	e.ec2.Behave(ebstest.Behaviour{Steps: 1 << 30})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := make(chan struct{}, 1000)
	e.ec2.Fail(awstest.Fault{Action: "ec2:DescribeSnapshots", If: func(f awstest.Form) bool { return f.Has("SnapshotId.1") }, Before: func() {
		looks <- struct{}{}
	}})
	go func() {
		for range 10 { // both have been looked at by then
			<-looks
		}
		cancel()
	}()
	_, err := e.snapshot(ctx, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	wantError(t, err, ": it was pending, ")
	if left := e.ec2.Snapshots(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestDeleteVolumeSnapshot(t *testing.T) {
	e := standard(t)
	manifest := e.taken(t)
	remove := func() error {
		_, err := funcs.DeleteVolumeSnapshot().Exec(t.Context(), e.phase("delete"), funcs.Args{"namespace": "shop", "snapshots": manifest})
		return err
	}
	var infos []struct{ SnapshotID string }
	if err := json.Unmarshal([]byte(manifest), &infos); err != nil {
		t.Fatal(err)
	}
	e.ec2.ChangeSnapshot(infos[0].SnapshotID, func(s *ebstest.Snapshot) { s.Image = true })
	wantError(t, remove(), "delete snapshot "+infos[0].SnapshotID, "InvalidSnapshot.InUse", "ami-")
	if left := e.ec2.Snapshots(); len(left) != 1 {
		t.Errorf("the other one was not deleted: %v", left)
	}
	e.ec2.ChangeSnapshot(infos[0].SnapshotID, func(s *ebstest.Snapshot) { s.Image = false })
	e.ec2.Throttle("ec2:DeleteSnapshot", 2)
	if err := remove(); err != nil { // and the other one is gone already
		t.Fatal(err)
	}
	if left := e.ec2.Snapshots(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
