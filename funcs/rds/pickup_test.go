package rds_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/rdstest"
)

// TestNextAttempt begins with each state that a dead process can leave behind, as
// Restore lists them.
func TestNextAttempt(t *testing.T) {
	replaced := map[string]string{rds.TagReplaced: "shop"}
	of := func(snapshot string, more map[string]string) map[string]string {
		tags := map[string]string{rds.TagSnapshot: snapshot}
		for k, v := range more {
			tags[k] = v
		}
		return tags
	}
	for name, tc := range map[string]struct {
		there map[string]map[string]string // tags by name; the content is the name
		ends  map[string]string            // states that are not available
		want  string                       // content of shop
		err   string
		left  []string // besides shop
	}{
		"died in step 1": {there: map[string]map[string]string{"shop": nil, "shop-rescue-new": of("s1", nil)}, want: "shop-rescue-new"},
		"died in step 1, the new failed": {
			there: map[string]map[string]string{"shop": nil, "shop-rescue-new": of("s1", nil)}, ends: map[string]string{"shop-rescue-new": "failed"},
			want: "shop", err: "is failed",
		},
		"died in step 1 of another": {
			there: map[string]map[string]string{"shop": nil, "shop-rescue-new": of("s0", nil)},
			want:  "shop", err: `restore of snapshot "s0"`, left: []string{"shop-rescue-new"},
		},
		"died between the renamings": {there: map[string]map[string]string{"shop-rescue-old": replaced, "shop-rescue-new": of("s1", nil)}, want: "shop-rescue-new"},
		"died between the renamings, the new failed": {
			there: map[string]map[string]string{"shop-rescue-old": replaced, "shop-rescue-new": of("s1", nil)}, ends: map[string]string{"shop-rescue-new": "incompatible-restore"},
			want: "shop-rescue-old", err: "is incompatible-restore",
		},
		"died between the renamings, the new is gone": {there: map[string]map[string]string{"shop-rescue-old": replaced}, want: "saved"},
		"died before step 4":                          {there: map[string]map[string]string{"shop": of("s1", origin), "shop-rescue-old": replaced}, want: "shop"},
		"another phase died before step 4":            {there: map[string]map[string]string{"shop": of("s1", nil), "shop-rescue-old": replaced}, want: "saved"},
		"died after step 4":                           {there: map[string]map[string]string{"shop": of("s1", origin)}, want: "shop"},
		"made and failed": {
			there: map[string]map[string]string{"shop": of("s1", origin)}, ends: map[string]string{"shop": "failed"}, want: "saved",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, slow)
			w.data.Set(w.AddInstance(rdstest.Instance{ID: "source"}), "saved")
			if err := w.AddSnapshot("s1", "source"); err != nil {
				t.Fatal(err)
			}
			for id, tags := range tc.there {
				w.data.Set(w.AddInstance(rdstest.Instance{ID: id, Tags: tags}), id)
			}
			for id, status := range tc.ends {
				w.SetStatus(id, status)
			}
			err := w.restore(t.Context())
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			if got := w.content("shop"); got != tc.want {
				t.Errorf("shop holds %q, want %q", got, tc.want)
			}
			all := append([]string{"shop", "source"}, tc.left...)
			slices.Sort(all)
			w.wantInstances(all...)
		})
	}
}

// TestRenamingRefused has the second renaming refused; the way back is open.
func TestRenamingRefused(t *testing.T) {
	for code, fault := range map[string]awstest.Fault{
		"AccessDenied":    {Times: 1, Status: 403},
		"InternalFailure": {Times: 4, Status: 500}, // as often as the SDK asks
	} {
		w := newWorld(t, slow)
		before := w.shop()
		fault.Action, fault.Code = "rds:ModifyDBInstance", code
		fault.If = func(f awstest.Form) bool { return f.Get("DBInstanceIdentifier") == "shop-rescue-new" }
		w.Fail(fault)
		if err := w.restore(t.Context()); awsaccess.Code(err) != code {
			t.Errorf("error %v", err)
		}
		w.untouched(before)
	}
}
