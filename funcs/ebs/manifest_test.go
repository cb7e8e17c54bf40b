package ebs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// The text is Kanister's own form: names without tags, and nothing more.
func TestManifestIsKanisters(t *testing.T) {
	const text = `[{"SnapshotID":"snap-1","Type":"EBS","Region":"us-west-2","PVCName":"data","Az":"us-west-2a","Tags":[{"Key":"a","Value":"b"}],"VolumeType":"gp2"}]`
	m, err := ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := m.JSON(); err != nil || back != text {
		t.Errorf("%v\n got %s\nwant %s", err, back, text)
	}
	if empty, err := Manifest(nil).JSON(); err != nil || empty != "[]" {
		t.Errorf("%s, %v", empty, err)
	}
}

func TestRegionOf(t *testing.T) {
	for zone, want := range map[string]string{
		"eu-central-1a": "eu-central-1", "us-gov-west-1b": "us-gov-west-1", "us-west-2-lax-1a": "us-west-2",
		"us-east-1-wl1-bos-wlz-1": "us-east-1", "ap-southeast-4c": "ap-southeast-4", "": "", "zone": "", "a-b": "",
	} {
		if got := regionOf(zone); got != want {
			t.Errorf("%q: %q, expected %q", zone, got, want)
		}
	}
}

func TestVolumeZone(t *testing.T) {
	pv := &corev1.PersistentVolume{}
	pv.Spec.AWSElasticBlockStore = &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "vol-1"}
	for _, set := range []struct {
		do   func()
		want string
	}{
		{func() {}, ""},
		{func() { pv.Spec.AWSElasticBlockStore.VolumeID = "aws:///vol-1" }, ""},
		{func() { pv.Spec.AWSElasticBlockStore.VolumeID = "aws://us-east-1a/vol-1" }, "us-east-1a"},
		{func() {
			pv.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "topology.ebs.csi.aws.com/zone", Operator: "In", Values: []string{"us-east-1b"}}},
			}}}}
		}, "us-east-1b"},
		{func() { pv.Labels = map[string]string{"failure-domain.beta.kubernetes.io/zone": "us-east-1c"} }, "us-east-1c"},
	} {
		set.do()
		if got := volumeZone(pv); got != set.want {
			t.Errorf("zone %q, expected %q", got, set.want)
		}
		if id, err := volumeID(pv); err != nil || id != "vol-1" {
			t.Errorf("ID %q, %v", id, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add(`[{"SnapshotID":"snap-1","Type":"EBS","Region":"us-west-2","PVCName":"data","Az":"us-west-2a","Tags":[{"Key":"a","Value":"b"}],"VolumeType":"gp2"}]`)
	f.Add(`[{"SnapshotID":"snap-1","Type":"EBS","PVCName":"d","Az":"us-west-2-lax-1a","Tags":null,"Claim":{"AccessModes":["ReadWriteOnce"],"Partition":1}}]`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseManifest(text)
		if err != nil {
			return
		}
		out, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseManifest(out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if len(m) == 0 && len(again) == 0 {
			return
		}
		for i := range m {
			if m[i].region() == "" {
				t.Errorf("no region: %s", out)
			}
			m[i].Tags, again[i].Tags = nil, nil // null and [] are one
		}
		first, _ := m.JSON()
		second, _ := again.JSON()
		if d := cmp.Diff(first, second); d != "" {
			t.Error(d)
		}
	})
}
