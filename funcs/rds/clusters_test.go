package rds_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/rdstest"
)

// aurora adds the cluster shop with two instances, and its snapshot s1.
func (w *world) aurora() string {
	w.t.Helper()
	resource := w.AddCluster(rdstest.Cluster{
		ID: "shop", SecurityGroups: []string{"sg-1"}, SubnetGroup: "private", ParameterGroup: "tuned", Tags: map[string]string{"team": "a"},
		MinCapacity: 0.5, MaxCapacity: 8,
	})
	w.AddInstance(rdstest.Instance{ID: "shop-writer", Cluster: "shop", Class: "db.r6g.large", Engine: "aurora-postgresql", Version: "15.4", Tier: 1})
	w.AddInstance(rdstest.Instance{ID: "shop-reader", Cluster: "shop", Class: "db.serverless", Engine: "aurora-postgresql", Version: "15.4", Tier: 2, ParameterGroup: "reading"})
	w.data.Set(resource, "saved")
	if err := w.AddSnapshot("s1", "shop"); err != nil {
		w.t.Fatal(err)
	}
	w.data.Set(resource, "old")
	return resource
}

func (w *world) restoreCluster() error {
	_, err := w.client.Restore(w.t.Context(), w.client.For("aurora-postgresql"), rds.RestoreRequest{ID: "shop", Snapshot: "s1", Origin: origin})
	return err
}

func TestSnapshotOfACluster(t *testing.T) {
	w := newWorld(t, slow)
	w.aurora()
	k := w.client.For("aurora-postgresql")
	db, err := w.client.CreateSnapshot(t.Context(), k, "shop-1", "shop", origin)
	if err != nil {
		t.Fatal(err)
	}
	if db.AllocatedGiB != 0 || db.SubnetGroup != "private" || !slices.Equal(db.SecurityGroups, []string{"sg-1"}) {
		t.Errorf("the cluster is %+v", db)
	}
	for range 2 {
		if err := w.client.DeleteSnapshot(t.Context(), k, "shop-1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Snapshots(); !slices.Equal(got, []string{"cluster:s1"}) {
		t.Errorf("snapshots %v", got)
	}
	if _, err := w.client.CreateSnapshot(t.Context(), w.client.For(""), "shop-1", "shop", origin); err == nil || !strings.Contains(err.Error(), `dbEngine "aurora-postgresql"`) {
		t.Errorf("a cluster taken for an instance: %v", err)
	}
}

func TestRestoreReplacesTheCluster(t *testing.T) {
	for name, o := range map[string]rdstest.Options{"quick": {}, "slow": slow, "pages": {Looks: 1, PageSize: 1}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o)
			before := w.aurora()
			if err := w.restoreCluster(); err != nil {
				t.Fatal(err)
			}
			now, _ := w.Cluster("shop")
			want := rdstest.Cluster{
				ID: "shop", Resource: now.Resource, Status: "available", Engine: "aurora-postgresql", Version: "15.4",
				SecurityGroups: []string{"sg-1"}, SubnetGroup: "private", ParameterGroup: "tuned", MinCapacity: 0.5, MaxCapacity: 8,
				Tags: map[string]string{"team": "a", "rescue.dev/run": "r1", "rescue.dev/phase": "restore", rds.TagSnapshot: "s1"},
			}
			if diff := cmp.Diff(want, now); diff != "" || now.Resource == before || w.content("shop") != "saved" {
				t.Errorf("the cluster holds %q (-want +got):\n%s", w.content("shop"), diff)
			}
			w.wantInstances("shop-reader", "shop-writer")
			if got := w.Clusters(); !slices.Equal(got, []string{"shop"}) {
				t.Errorf("clusters %v", got)
			}
			reader, _ := w.Instance("shop-reader")
			if reader.Cluster != "shop" || reader.Class != "db.serverless" || reader.Tier != 2 || reader.ParameterGroup != "reading" {
				t.Errorf("the reader is %+v", reader)
			}
			if err := w.restoreCluster(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRestoreMakesTheCluster(t *testing.T) {
	w := newWorld(t, slow)
	w.AddCluster(rdstest.Cluster{ID: "other"})
	other, _ := w.Cluster("other")
	w.data.Set(other.Resource, "saved")
	if err := w.AddSnapshot("s1", "other"); err != nil {
		t.Fatal(err)
	}
	r := rds.RestoreRequest{ID: "shop", Snapshot: "s1", SecurityGroups: []string{"sg-9"}, Origin: origin}
	db, err := w.client.Restore(t.Context(), w.client.For("aurora-postgresql"), r)
	if err != nil {
		t.Fatal(err)
	}
	i, _ := w.Instance("shop-instance-1")
	if w.content("shop") != "saved" || i.Cluster != "shop" || i.Class != "db.r5.large" || db.Endpoint != "shop.test.invalid" {
		t.Errorf("the cluster is %+v, its instance %+v", db, i)
	}
}

// TestRefusedRestoreLeavesTheCluster has each call of a restore refused.
func TestRefusedRestoreLeavesTheCluster(t *testing.T) {
	for _, action := range []string{"RestoreDBClusterFromSnapshot", "CreateDBInstance", "ModifyDBCluster", "AddTagsToResource"} {
		for _, code := range []string{"AccessDenied", "DBClusterQuotaExceededFault", "InsufficientStorageClusterCapacity", "InstanceQuotaExceeded", "KMSKeyNotAccessibleFault", "InternalFailure"} {
			t.Run(action+" "+code, func(t *testing.T) {
				w := newWorld(t, slow)
				before := w.aurora()
				w.Fail(awstest.Fault{Action: "rds:" + action, Code: code, Message: "no."})
				if err := w.restoreCluster(); awsaccess.Code(err) != code {
					t.Errorf("error %v", err)
				}
				w.oldCluster(before)
			})
		}
	}
}

func (w *world) oldCluster(resource string) {
	w.t.Helper()
	w.wantInstances("shop-reader", "shop-writer")
	now, _ := w.Cluster("shop")
	if got := w.Clusters(); !slices.Equal(got, []string{"shop"}) || now.Resource != resource || w.content("shop") != "old" {
		w.t.Errorf("clusters %v; shop is %+v with %q", got, now, w.content("shop"))
	}
}

// TestClusterWhoseEndFails: Kanister takes an error of the deletion for success.
func TestClusterWhoseEndFails(t *testing.T) {
	w := newWorld(t, slow)
	w.aurora()
	w.Fail(awstest.Fault{Action: "rds:DeleteDBCluster", Times: 1, Code: "AccessDenied", Status: 403})
	err := w.restoreCluster()
	if awsaccess.Code(err) != "AccessDenied" || !strings.Contains(err.Error(), "left as shop-rescue-old") || w.content("shop") != "saved" {
		t.Errorf("the cluster has %q; error %v", w.content("shop"), err)
	}
	if err := w.restoreCluster(); err != nil {
		t.Fatal(err)
	}
	w.wantInstances("shop-reader", "shop-writer")
	if got := w.Clusters(); !slices.Equal(got, []string{"shop"}) {
		t.Errorf("clusters %v", got)
	}
}
