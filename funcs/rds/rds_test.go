package rds_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/rdstest"
)

// world is a server with a client of it.
type world struct {
	*rdstest.Server
	t      *testing.T
	data   *rdstest.Memory
	client *rds.Client
}

func newWorld(t *testing.T, o rdstest.Options) *world {
	t.Helper()
	data := &rdstest.Memory{}
	s := rdstest.New(t, data, o)
	return &world{Server: s, t: t, data: data, client: clientOf(t, s)}
}

func clientOf(t *testing.T, s *rdstest.Server) *rds.Client {
	t.Helper()
	params := &compat.Params{Secrets: map[string]compat.Secret{"aws": {Data: map[string][]byte{
		"aws_access_key_id": []byte(awstest.TestKey.ID), "aws_secret_access_key": []byte(awstest.TestKey.Secret),
	}}}}
	account, err := awsaccess.Open(t.Context(), s.Server.Options(), params, awsaccess.Wanted{Source: "secret", Secret: "aws", Region: "test-1"})
	if err != nil {
		t.Fatal(err)
	}
	return rds.New(account, slog.New(slog.DiscardHandler))
}

// slow is a server as inconvenient as RDS.
var slow = rdstest.Options{Looks: 2, Lag: 2, UndeletableWhileCreating: true}

var origin = map[string]string{"rescue.dev/run": "r1", "rescue.dev/phase": "restore"}

// shop adds the instance shop with the text "old", and its snapshot s1 with the text
// "saved".
func (w *world) shop() string {
	w.t.Helper()
	resource := w.AddInstance(rdstest.Instance{
		ID: "shop", SecurityGroups: []string{"sg-1", "sg-2"}, SubnetGroup: "private", ParameterGroup: "tuned",
		Class: "db.m6g.large", Retention: 7, Public: false, MultiAZ: true, Tags: map[string]string{"team": "a"},
	})
	w.data.Set(resource, "saved")
	if err := w.AddSnapshot("s1", "shop"); err != nil {
		w.t.Fatal(err)
	}
	w.data.Set(resource, "old")
	return resource
}

// content is the text of the instance of that name.
func (w *world) content(id string) string {
	if i, ok := w.Instance(id); ok {
		return w.data.Get(i.Resource)
	}
	if k, ok := w.Cluster(id); ok {
		return w.data.Get(k.Resource)
	}
	return "(no such database)"
}

func (w *world) restore(ctx context.Context) error {
	_, err := w.client.Restore(ctx, w.client.For(""), rds.RestoreRequest{ID: "shop", Snapshot: "s1", Origin: origin})
	return err
}

func (w *world) wantInstances(want ...string) {
	w.t.Helper()
	// What is being deleted goes as it is looked at.
	for range 20 {
		w.Pass()
	}
	if diff := cmp.Diff(want, w.Instances()); diff != "" {
		w.t.Errorf("instances (-want +got):\n%s", diff)
	}
}

func TestSnapshotOfAnInstance(t *testing.T) {
	for name, o := range map[string]rdstest.Options{"quick": {}, "slow": slow} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o)
			w.shop()
			w.Busy("shop", "backing-up", 3)
			k := w.client.For("postgres")
			db, err := w.client.CreateSnapshot(t.Context(), k, "shop-1", "shop", origin)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(db.SecurityGroups, []string{"sg-1", "sg-2"}) || db.SubnetGroup != "private" || db.AllocatedGiB != 20 {
				t.Errorf("the database is %+v", db)
			}
			if diff := cmp.Diff(origin, w.SnapshotTags("shop-1")); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if _, err := w.client.CreateSnapshot(t.Context(), k, "shop-1", "shop", origin); err != nil {
				t.Errorf("the second attempt of the same phase: %v", err)
			}
			if _, err := w.client.CreateSnapshot(t.Context(), k, "shop-1", "shop", nil); awsaccess.Code(err) != "DBSnapshotAlreadyExists" {
				t.Errorf("another phase, the same name: %v", err)
			}
			for range 2 {
				if err := w.client.DeleteSnapshot(t.Context(), k, "shop-1"); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.Snapshots(); !slices.Equal(got, []string{"s1"}) {
				t.Errorf("snapshots %v", got)
			}
		})
	}
}

func TestSnapshotThatFailsIsRemoved(t *testing.T) {
	w := newWorld(t, slow)
	w.shop()
	w.End("CreateDBSnapshot", "failed")
	_, err := w.client.CreateSnapshot(t.Context(), w.client.For(""), "shop-1", "shop", origin)
	if err == nil || !strings.Contains(err.Error(), "has become failed") {
		t.Errorf("error %v", err)
	}
	w.settleSnapshots("s1")
}

func (w *world) settleSnapshots(want ...string) {
	w.t.Helper()
	for range 20 {
		w.Pass()
	}
	if got := w.Snapshots(); !slices.Equal(got, want) {
		w.t.Errorf("snapshots %v, want %v", got, want)
	}
}

func TestSnapshotThatIsCancelledIsRemoved(t *testing.T) {
	w := newWorld(t, rdstest.Options{Looks: 5})
	w.shop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Fail(awstest.Fault{Action: "rds:DescribeDBSnapshots", Times: 1, Before: cancel})
	_, err := w.client.CreateSnapshot(ctx, w.client.For(""), "shop-1", "shop", origin)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	w.settleSnapshots("s1")
}

func TestRestoreReplacesTheInstance(t *testing.T) {
	for name, o := range map[string]rdstest.Options{"quick": {}, "slow": slow} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o)
			before := w.shop()
			if err := w.restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.content("shop"); got != "saved" {
				t.Errorf("the instance holds %q", got)
			}
			now, _ := w.Instance("shop")
			if now.Resource == before {
				t.Error("it is still the old instance")
			}
			want := rdstest.Instance{
				ID: "shop", Resource: now.Resource, Status: "available", Engine: "postgres", Version: "15.8", Class: "db.m6g.large",
				SecurityGroups: []string{"sg-1", "sg-2"}, SubnetGroup: "private", ParameterGroup: "tuned", AllocatedGiB: 20,
				MultiAZ: true, Retention: 7,
				Tags: map[string]string{"team": "a", "rescue.dev/run": "r1", "rescue.dev/phase": "restore", rds.TagSnapshot: "s1"},
			}
			if diff := cmp.Diff(want, now); diff != "" {
				t.Errorf("the instance (-want +got):\n%s", diff)
			}
			w.wantInstances("shop")
			asked := len(w.Requests())
			if err := w.restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, r := range w.Requests()[asked:] {
				if !strings.HasPrefix(r.Action, "Describe") {
					t.Errorf("the second attempt of the same phase asked for %s", r.Action)
				}
			}
		})
	}
}

func TestRestoreMakesTheInstance(t *testing.T) {
	w := newWorld(t, slow)
	w.shop()
	w.deleteInstance(t, "shop")
	if err := w.restore(t.Context()); err == nil || !strings.Contains(err.Error(), "securityGroupID") {
		t.Errorf("without security groups: %v", err)
	}
	w.wantInstances()
	r := rds.RestoreRequest{ID: "shop", Snapshot: "s1", SecurityGroups: []string{"sg-9"}, Origin: origin}
	db, err := w.client.Restore(t.Context(), w.client.For(""), r)
	if err != nil {
		t.Fatal(err)
	}
	if db.SubnetGroup != "default" || !slices.Equal(db.SecurityGroups, []string{"sg-9"}) || w.content("shop") != "saved" || db.Endpoint != "shop.test.invalid" {
		t.Errorf("the instance is %+v and holds %q", db, w.content("shop"))
	}
}
