package rds_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/rdstest"
)

// refusals are the errors that RDS documents for the calls used, and what a user must
// find in the message.
var refusals = []struct {
	action string
	codes  []string
}{
	{"CreateDBSnapshot", []string{"DBInstanceNotFound", "SnapshotQuotaExceeded"}},
	{"RestoreDBInstanceFromDBSnapshot", []string{
		"BackupPolicyNotFoundFault", "CertificateNotFound", "DBClusterSnapshotNotFoundFault", "DBParameterGroupNotFound", "DBSecurityGroupNotFound",
		"DBSnapshotNotFound", "DBSubnetGroupDoesNotCoverEnoughAZs", "DBSubnetGroupNotFoundFault", "DomainNotFoundFault", "InstanceQuotaExceeded",
		"InsufficientDBInstanceCapacity", "InvalidDBSnapshotState", "InvalidRestoreFault", "InvalidSubnet", "InvalidVPCNetworkStateFault",
		"KMSKeyNotAccessibleFault", "NetworkTypeNotSupported", "OptionGroupNotFoundFault", "ProvisionedIopsNotAvailableInAZFault",
		"StorageQuotaExceeded", "StorageTypeNotSupported", "TenantDatabaseQuotaExceeded",
	}},
	{"ModifyDBInstance", []string{"DBInstanceNotFound", "InstanceQuotaExceeded", "InsufficientDBInstanceCapacity", "DBUpgradeDependencyFailure"}},
	{"AddTagsToResource", []string{"DBInstanceNotFound", "InvalidDBInstanceState"}},
}

// TestRefusedRestoreChangesNothing has each call of a restore refused in each way that
// is documented, and by what any call may meet.
func TestRefusedRestoreChangesNothing(t *testing.T) {
	for _, r := range refusals[1:] {
		for _, code := range append(r.codes, "AccessDenied", "ExpiredToken", "InternalFailure") {
			t.Run(r.action+" "+code, func(t *testing.T) {
				w := newWorld(t, slow)
				before := w.shop()
				w.Fail(awstest.Fault{Action: "rds:" + r.action, Code: code, Message: "no.", Status: 400})
				err := w.restore(t.Context())
				if awsaccess.Code(err) != code || !strings.Contains(err.Error(), "rds:"+r.action) {
					t.Errorf("error %v", err)
				}
				w.untouched(before)
			})
		}
	}
}

// untouched checks that shop is what it was, and nothing else is there.
func (w *world) untouched(resource string) {
	w.t.Helper()
	w.wantInstances("shop")
	now, _ := w.Instance("shop")
	if now.Resource != resource || w.content("shop") != "old" || now.Status != "available" {
		w.t.Errorf("the instance is %+v with %q", now, w.content("shop"))
	}
	if _, marked := now.Tags[rds.TagReplaced]; marked {
		w.t.Error("the old instance is still marked as replaced")
	}
}

// TestExpiredSession has the credentials expire at any request of a restore: nothing
// more can be done then, and another attempt with new ones finishes it.
func TestExpiredSession(t *testing.T) {
	all := requestsOfARestore(t)
	for n := range all {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t, rdstest.Options{Looks: 1, Lag: 1})
			w.shop()
			count := 0
			w.Fail(awstest.Fault{Action: "rds:" + all[n], Code: "ExpiredToken", Message: "expired", Status: 403, If: func(awstest.Form) bool {
				count++
				return count > occurrence(all, n)
			}})
			for _, a := range slices.Compact(slices.Sorted(slices.Values(all))) {
				if a != all[n] {
					w.Fail(awstest.Fault{Action: "rds:" + a, Code: "ExpiredToken", Message: "expired", Status: 403, If: func(awstest.Form) bool { return count > occurrence(all, n) }})
				}
			}
			if err := w.restore(t.Context()); awsaccess.Code(err) != "ExpiredToken" {
				t.Errorf("%s expired: %v", all[n], err)
			}
			w.someoneHas("old", "saved")
			w.Mend()
			w.settleRenames()
			if err := w.restore(t.Context()); err != nil {
				t.Fatalf("the next attempt after %s expired: %v", all[n], err)
			}
			if got := w.content("shop"); got != "saved" {
				t.Errorf("the instance holds %q", got)
			}
			w.wantInstances("shop")
		})
	}
}

// settleRenames lets RDS finish what it was doing.
func (w *world) settleRenames() {
	for range 10 {
		w.Pass()
	}
}

// occurrence is how many requests of the same action come before the nth.
func occurrence(all []string, n int) int {
	count := 0
	for _, a := range all[:n] {
		if a == all[n] {
			count++
		}
	}
	return count
}

// someoneHas checks that the data of the database is there under some name.
func (w *world) someoneHas(texts ...string) {
	w.t.Helper()
	for _, id := range w.Instances() {
		if slices.Contains(texts, w.content(id)) {
			return
		}
	}
	w.t.Errorf("the data are lost: instances %v", w.Instances())
}

// requestsOfARestore are the actions of one, in order.
func requestsOfARestore(t *testing.T) []string {
	t.Helper()
	w := newWorld(t, rdstest.Options{Looks: 1, Lag: 1})
	w.shop()
	if err := w.restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range w.Requests() {
		if r.Service == "rds" {
			all = append(all, r.Action)
		}
	}
	return all
}

// TestCancelAtEveryRequest cancels a restore at each of its requests. There is a
// database of the name afterwards, with the old or the restored data, and the next
// attempt finishes.
func TestCancelAtEveryRequest(t *testing.T) {
	all := requestsOfARestore(t)
	for n := range all {
		t.Run(fmt.Sprintf("%d %s", n, all[n]), func(t *testing.T) {
			w := newWorld(t, rdstest.Options{Looks: 1, Lag: 1})
			w.shop()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			count := 0
			w.Fail(awstest.Fault{Action: "rds:" + all[n], Times: 1, Before: cancel, If: func(awstest.Form) bool {
				count++
				return count > occurrence(all, n)
			}})
			err := w.restore(ctx)
			if !errors.Is(err, context.Canceled) && (err != nil || n < len(all)-1) {
				t.Errorf("error %v", err) // with the last answer, all is done
			}
			w.settleRenames()
			if got := w.content("shop"); got != "old" && got != "saved" {
				t.Errorf("instances %v, the one of the name has %q", w.Instances(), got)
			}
			if slices.Contains(w.Instances(), "shop-rescue-new") {
				t.Errorf("instances %v: what was made is left", w.Instances())
			}
			if err := w.restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.content("shop"); got != "saved" {
				t.Errorf("after the next attempt the instance has %q", got)
			}
			w.wantInstances("shop")
		})
	}
}

// TestAnswersThatGetLost has the answer of each request of a restore get lost: the SDK
// asks again what RDS has done already.
func TestAnswersThatGetLost(t *testing.T) {
	for _, action := range []string{"RestoreDBInstanceFromDBSnapshot", "ModifyDBInstance", "AddTagsToResource", "DeleteDBInstance"} {
		for times := 1; times <= 5; times += 4 {
			t.Run(fmt.Sprintf("%s %d times", action, times), func(t *testing.T) {
				w := newWorld(t, slow)
				w.shop()
				w.Fail(awstest.Fault{Action: "rds:" + action, Times: times, Lost: true})
				err := w.restore(t.Context())
				w.settleRenames()
				if got := w.content("shop"); got != "old" && got != "saved" {
					t.Fatalf("instances %v, %q; %v", w.Instances(), got, err)
				}
				w.Mend()
				if err != nil {
					err = w.restore(t.Context())
				}
				if got := w.content("shop"); err != nil || got != "saved" {
					t.Errorf("the instance has %q; %v", got, err)
				}
				w.wantInstances("shop")
			})
		}
	}
}

// TestThrottled asks a server that throttles a lot, more than the SDK bears with.
func TestThrottled(t *testing.T) {
	w := newWorld(t, slow)
	w.shop()
	w.Fail(awstest.Fault{Action: "rds:RestoreDBInstanceFromDBSnapshot", Times: 3, Code: "Throttling", Message: "Rate exceeded"})
	w.Fail(awstest.Fault{Action: "rds:ModifyDBInstance", Times: 3, Code: "ThrottlingException", Message: "Rate exceeded"})
	busy := 0
	w.Fail(awstest.Fault{Action: "rds:DescribeDBInstances", Times: 24, Code: "Throttling", Message: "Rate exceeded", If: func(awstest.Form) bool {
		busy++ // while it is waited for
		return busy > 6
	}})
	if err := w.restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.content("shop"); got != "saved" {
		t.Errorf("the instance has %q", got)
	}
	w.Throttle("rds:DescribeDBSnapshots", 100)
	if _, err := w.client.CreateSnapshot(t.Context(), w.client.For(""), "s2", "shop", origin); !awsaccess.Throttled(err) || !strings.Contains(err.Error(), "too often") {
		t.Errorf("a server that always throttles: %v", err)
	}
}

// TestWrongStates has the instance in states from which nothing comes by itself.
func TestWrongStates(t *testing.T) {
	for _, status := range []string{"stopped", "storage-full", "inaccessible-encryption-credentials", "failed", "incompatible-parameters"} {
		t.Run(status, func(t *testing.T) {
			w := newWorld(t, slow)
			w.shop()
			w.SetStatus("shop", status)
			_, err := w.client.CreateSnapshot(t.Context(), w.client.For(""), "s2", "shop", origin)
			if err == nil || !strings.Contains(err.Error(), status) {
				t.Errorf("snapshot: %v", err)
			}
			if err := w.restore(t.Context()); err == nil || !strings.Contains(err.Error(), status) {
				t.Errorf("restore: %v", err)
			}
			w.wantInstances("shop")
			if got := w.content("shop"); got != "old" {
				t.Errorf("the instance has %q", got)
			}
		})
	}
}

// TestRestoresThatEndBadly has the new instance never become available.
func TestRestoresThatEndBadly(t *testing.T) {
	for _, status := range []string{"failed", "incompatible-restore", "incompatible-network", "incompatible-parameters", "restore-error", "storage-full"} {
		t.Run(status, func(t *testing.T) {
			w := newWorld(t, slow)
			before := w.shop()
			w.End("RestoreDBInstanceFromDBSnapshot", status)
			if err := w.restore(t.Context()); err == nil || !strings.Contains(err.Error(), status) {
				t.Errorf("error %v", err)
			}
			w.untouched(before)
		})
	}
}

func TestQuotas(t *testing.T) {
	w := newWorld(t, rdstest.Options{Looks: 1, MaxInstances: 1, MaxSnapshots: 1})
	before := w.shop()
	if err := w.restore(t.Context()); awsaccess.Code(err) != "InstanceQuotaExceeded" || !strings.Contains(err.Error(), "Service Quotas") {
		t.Errorf("restore: %v", err)
	}
	w.untouched(before)
	if _, err := w.client.CreateSnapshot(t.Context(), w.client.For(""), "s2", "shop", origin); awsaccess.Code(err) != "SnapshotQuotaExceeded" {
		t.Errorf("snapshot: %v", err)
	}
}

func TestProtectedInstanceStays(t *testing.T) {
	w := newWorld(t, slow)
	resource := w.AddInstance(rdstest.Instance{ID: "shop", Protected: true})
	w.data.Set(resource, "saved")
	if err := w.AddSnapshot("s1", "shop"); err != nil {
		t.Fatal(err)
	}
	w.data.Set(resource, "old")
	if err := w.restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wantInstances("shop", "shop-rescue-old")
	if w.content("shop") != "saved" || w.content("shop-rescue-old") != "old" {
		t.Errorf("the instances hold %q and %q", w.content("shop"), w.content("shop-rescue-old"))
	}
	err := func() error {
		_, err := w.client.Restore(t.Context(), w.client.For(""), rds.RestoreRequest{ID: "shop", Snapshot: "s1", Origin: map[string]string{"rescue.dev/run": "r2"}})
		return err
	}()
	if err == nil || !strings.Contains(err.Error(), "shop-rescue-old is left over") {
		t.Errorf("the next restore: %v", err)
	}
}

// TestStrangersAreNotTouched has the names that a restore uses taken by others.
func TestStrangersAreNotTouched(t *testing.T) {
	for _, name := range []string{"shop-rescue-new", "shop-rescue-old"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, slow)
			w.shop()
			w.data.Set(w.AddInstance(rdstest.Instance{ID: name}), "a stranger's")
			if err := w.restore(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v", err)
			}
			w.wantInstances("shop", name)
			if w.content(name) != "a stranger's" || w.content("shop") != "old" {
				t.Error("an instance was changed")
			}
		})
	}
}
