package rds_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/rdstest"
)

var temporary = rds.TemporaryRequest{ID: "shop-tmp", Of: "shop", Snapshot: "s1", Tags: map[string]string{"rescue.dev/temporary": "true", "rescue.dev/run": "r1"}}

func TestTemporaryInstance(t *testing.T) {
	for name, o := range map[string]rdstest.Options{"quick": {}, "slow": slow} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o)
			before := w.shop()
			groups, err := w.client.WithTemporary(t.Context(), temporary, func(_ context.Context, db *rds.Database) error {
				i, _ := w.Instance("shop-tmp")
				if w.content("shop-tmp") != "saved" || db.Endpoint != "shop-tmp.test.invalid" || db.Port != 5432 ||
					i.Tags["rescue.dev/temporary"] != "true" || i.SubnetGroup != "private" || i.MultiAZ || i.Retention != 0 {
					t.Errorf("the copy is %+v, %+v", db, i)
				}
				return nil
			})
			if err != nil || !slices.Equal(groups, []string{"sg-1", "sg-2"}) {
				t.Errorf("groups %v, error %v", groups, err)
			}
			w.untouched(before)
		})
	}
}

// TestTemporaryInstanceAlwaysGoes breaks off at each request, and in use.
func TestTemporaryInstanceAlwaysGoes(t *testing.T) {
	failed := errors.New("the dump failed")
	for name, tc := range map[string]struct {
		fault  awstest.Fault
		end    string
		use    error
		cancel bool
		want   func(error) bool
	}{
		"use fails":        {use: failed, want: func(err error) bool { return errors.Is(err, failed) }},
		"cancelled in use": {cancel: true, want: func(err error) bool { return errors.Is(err, context.Canceled) }},
		"it fails":         {end: "failed", want: func(err error) bool { return strings.Contains(err.Error(), "failed") }},
		"answer lost":      {fault: awstest.Fault{Action: "rds:RestoreDBInstanceFromDBSnapshot", Times: 9, Lost: true}, want: func(err error) bool { return true }},
		"no more looks": {fault: awstest.Fault{Action: "rds:DescribeDBInstances", Times: 1, Code: "AccessDenied", If: func(f awstest.Form) bool { return f.Get("DBInstanceIdentifier") == "shop-tmp" }},
			want: func(err error) bool { return awsaccess.Code(err) == "AccessDenied" }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, slow)
			before := w.shop()
			if tc.fault.Action != "" {
				w.Fail(tc.fault)
			}
			if tc.end != "" {
				w.End("RestoreDBInstanceFromDBSnapshot", tc.end)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := w.client.WithTemporary(ctx, temporary, func(ctx context.Context, _ *rds.Database) error {
				if tc.cancel {
					cancel()
					return ctx.Err()
				}
				return tc.use
			})
			if name != "answer lost" && (err == nil || !tc.want(err)) {
				t.Errorf("error %v", err)
			}
			w.untouched(before)
		})
	}
}

// TestTemporaryInstanceIsCancelledEarly cancels while RDS makes the instance, which it
// does not delete before it is done.
func TestTemporaryInstanceIsCancelledEarly(t *testing.T) {
	w := newWorld(t, rdstest.Options{Looks: 5, Lag: 2, UndeletableWhileCreating: true})
	before := w.shop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Fail(awstest.Fault{Action: "rds:RestoreDBInstanceFromDBSnapshot", Times: 1, Before: cancel})
	_, err := w.client.WithTemporary(ctx, temporary, func(context.Context, *rds.Database) error {
		t.Error("it was used")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	w.untouched(before)
}

// TestTemporaryInstanceIsTakenOver has an earlier attempt of the phase have died.
func TestTemporaryInstanceIsTakenOver(t *testing.T) {
	w := newWorld(t, slow)
	before := w.shop()
	w.data.Set(w.AddInstance(rdstest.Instance{ID: "shop-tmp", Tags: temporary.Tags}), "left")
	used := ""
	if _, err := w.client.WithTemporary(t.Context(), temporary, func(context.Context, *rds.Database) error {
		used = w.content("shop-tmp")
		return nil
	}); err != nil || used != "left" {
		t.Errorf("used %q, error %v", used, err)
	}
	w.untouched(before)
	w.data.Set(w.AddInstance(rdstest.Instance{ID: "shop-tmp"}), "a stranger's")
	if _, err := w.client.WithTemporary(t.Context(), temporary, nil); err == nil || !strings.Contains(err.Error(), "not made by this phase") {
		t.Errorf("a stranger's instance: %v", err)
	}
	w.wantInstances("shop", "shop-tmp")
}
