package funcs_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/funcstest"
	"github.com/rescuecue/rescue/funcs/mover/agent"
	"github.com/rescuecue/rescue/funcs/rds/rdstest"
)

// rdsTest is an environment with an imitated RDS, whose instance shop has the snapshot
// s1, and a tools pod that only notes what it is asked.
type rdsTest struct {
	*rdstest.Server
	t    *testing.T
	env  *funcs.Env
	log  *funcstest.LogText
	pods func() []*corev1.Pod
	// asked are the requests to the tools; answer is what they answer.
	asked  []agent.Request
	answer string
}

func newRDSTest(t *testing.T) *rdsTest {
	t.Helper()
	env, client, log := funcstest.NewEnv()
	data := &rdstest.Memory{}
	r := &rdsTest{
		Server: rdstest.New(t, data, rdstest.Options{Looks: 1, Lag: 1}), t: t, env: env, log: log,
		pods: funcstest.Kubelet(t, client, funcstest.Running("container")),
	}
	env.AWS = r.Server.Server.Options()
	env.Labels = map[string]string{funcs.RunLabel: "r1", funcs.PhaseLabel: "p"}
	env.Exec = funcstest.Exec(r.serve)
	env.Params.Profile = &compat.Profile{
		Location:   compat.Location{Type: compat.LocationS3, Bucket: "backups", Prefix: "kept", Region: "test-1"},
		Credential: compat.Credential{Type: "keyPair", KeyPair: &compat.KeyPair{ID: awstest.TestKey.ID, Secret: awstest.TestKey.Secret}},
	}
	resource := r.AddInstance(rdstest.Instance{ID: "shop", SecurityGroups: []string{"sg-1", "sg-2"}, SubnetGroup: "private"})
	data.Set(resource, "rows")
	if err := r.AddSnapshot("s1", "shop"); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rdsTest) serve(_ context.Context, o funcs.ExecOptions) error {
	var req agent.Request
	if err := json.NewDecoder(o.Stdin).Decode(&req); err != nil {
		return err
	}
	r.asked = append(r.asked, req)
	_, err := io.WriteString(o.Stdout, r.answer+"\n")
	return err
}

func (r *rdsTest) export(more funcs.Args) funcs.Args {
	args := funcs.Args{
		"namespace": "apps", "instanceID": "shop", "snapshotID": "s1", "dbEngine": "PostgreSQL", "username": "master\n", "password": "s3cret\n",
	}
	for k, v := range more {
		args[k] = v
	}
	return args
}

func TestCreateRDSSnapshotOutputs(t *testing.T) {
	r := newRDSTest(t)
	out, err := funcs.CreateRDSSnapshot().Exec(t.Context(), r.env, funcs.Args{"instanceID": "shop"})
	if err != nil {
		t.Fatal(err)
	}
	id, _ := out["snapshotID"].(string)
	want := funcs.Output{
		"snapshotID": id, "instanceID": "shop", "securityGroupID": "- sg-1\n- sg-2\n", "allocatedStorage": "20GiB", "dbSubnetGroup": "private",
	}
	if diff := cmp.Diff(want, out); diff != "" || !strings.HasPrefix(id, "shop-") || len(id) != len("shop-")+10 {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{funcs.RunLabel: "r1", funcs.PhaseLabel: "p"}, r.SnapshotTags(id)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	again, err := funcs.CreateRDSSnapshot().Exec(t.Context(), r.env, funcs.Args{"instanceID": "shop"})
	if err != nil || again["snapshotID"] != id {
		t.Errorf("the second attempt: %v, %v", again, err)
	}
	for range 2 {
		if _, err := funcs.DeleteRDSSnapshot().Exec(t.Context(), r.env, funcs.Args{"snapshotID": id}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExportRDSSnapshot(t *testing.T) {
	for name, tc := range map[string]struct {
		more      funcs.Args
		key       string
		databases []string
		groups    []string
	}{
		"as little as possible": {nil, "kept/shop/", nil, []string{"sg-1", "sg-2"}},
		"lists": {
			funcs.Args{"databases": []any{"a", "b"}, "securityGroupID": []any{"sg-9"}, "backupArtifactPrefix": "x/y"},
			"kept/x/y/", []string{"a", "b"}, []string{"sg-9"},
		},
		"lists in YAML": {
			funcs.Args{"databases": "- a\n- b\n", "securityGroupID": "[sg-9]", "backupArtifactPrefix": "x"},
			"kept/x/", []string{"a", "b"}, []string{"sg-9"},
		},
		"a word": {funcs.Args{"databases": "a", "securityGroupID": ""}, "kept/shop/", []string{"a"}, []string{"sg-1", "sg-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRDSTest(t)
			r.answer = `{"result":{"dumped":{"databases":["a"],"bytes":1}}}`
			out, err := funcs.ExportRDSSnapshotToLocation().Exec(t.Context(), r.env, r.export(tc.more))
			if err != nil {
				t.Fatal(err)
			}
			if len(r.asked) != 1 || r.asked[0].Op != agent.OpDumpPostgres {
				t.Fatalf("requests %+v", r.asked)
			}
			req := r.asked[0]
			if s := req.Postgres.Server; s.User != "master" || s.Password != "s3cret" || !strings.HasPrefix(s.Host, "shop-") || s.Port != 5432 {
				t.Errorf("the server is %+v", s)
			}
			if req.Key != tc.key+out["backupID"].(string) || !cmp.Equal(req.Postgres.Databases, tc.databases) {
				t.Errorf("key %s, databases %q", req.Key, req.Postgres.Databases)
			}
			made := r.Requests("RestoreDBInstanceFromDBSnapshot")[0].Form
			if got := made.List("VpcSecurityGroupIds.VpcSecurityGroupId"); !cmp.Equal(got, tc.groups) {
				t.Errorf("security groups %v", got)
			}
			if made.Tags("Tags.Tag")[funcs.TemporaryTag] != "true" {
				t.Errorf("the instance has the tags %v", made.Tags("Tags.Tag"))
			}
			r.quiet("s3cret")
		})
	}
}

// quiet checks that only shop is there, and that neither pods nor the log show a secret.
func (r *rdsTest) quiet(secrets ...string) {
	r.t.Helper()
	for range 10 {
		r.Pass()
	}
	if got := r.Instances(); !cmp.Equal(got, []string{"shop"}) {
		r.t.Errorf("instances %v", got)
	}
	for _, secret := range secrets {
		for _, p := range r.pods() {
			if strings.Contains(p.String(), secret) {
				r.t.Errorf("pod %s shows the secret", p.Name)
			}
		}
		if strings.Contains(r.log.String(), secret) {
			r.t.Errorf("the log shows the secret:\n%s", r.log)
		}
	}
}

// TestExportRDSSnapshotChecksFirst: a temporary instance costs money and time.
func TestExportRDSSnapshotChecksFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		more funcs.Args
		do   func(*rdsTest)
		want string
	}{
		"no password":      {more: funcs.Args{"password": "\n"}, want: "argument password is empty"},
		"no databases":     {more: funcs.Args{"databases": []any{}}, want: "databases is an empty list"},
		"no profile":       {do: func(r *rdsTest) { r.env.Params.Profile = nil }, want: "--profile"},
		"no snapshot":      {more: funcs.Args{"snapshotID": "s2"}, want: "no snapshot s2"},
		"bad list":         {more: funcs.Args{"databases": "{a: b}"}, want: "list of texts in YAML"},
		"instance is gone": {more: funcs.Args{"instanceID": "gone"}, want: "securityGroupID"},
		"path leads out":   {more: funcs.Args{"backupArtifactPrefix": "../x"}, want: ".. is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRDSTest(t)
			if tc.do != nil {
				tc.do(r)
			}
			_, err := funcs.ExportRDSSnapshotToLocation().Exec(t.Context(), r.env, r.export(tc.more))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if made := r.Requests("RestoreDBInstanceFromDBSnapshot"); len(made) > 0 {
				t.Errorf("an instance was made: %v", made)
			}
		})
	}
}

func TestExportRDSSnapshotFails(t *testing.T) {
	r := newRDSTest(t)
	r.answer = `{"error":{"code":"failed","message":"pg_dump: exit status 1"}}`
	if _, err := funcs.ExportRDSSnapshotToLocation().Exec(t.Context(), r.env, r.export(nil)); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("error %v", err)
	}
	r.quiet()
	ctx, cancel := context.WithCancel(t.Context())
	r.env.Exec = funcstest.Exec(func(ctx context.Context, _ funcs.ExecOptions) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if _, err := funcs.ExportRDSSnapshotToLocation().Exec(ctx, r.env, r.export(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	r.quiet()
}

func TestRestoreRDSFromDump(t *testing.T) {
	r := newRDSTest(t)
	r.answer = `{"result":{"loaded":{"databases":["a"],"warnings":["a: GRANT …"]}}}`
	args := funcs.Args{
		"namespace": "apps", "instanceID": "shop", "backupArtifactPrefix": "x", "backupID": "backup-1.tar.gz", "username": "u", "password": "s3cret",
		"dbEngine": "PostgreSQL", "securityGroupID": "- sg-1\n", "dbSubnetGroup": "default",
	}
	out, err := funcs.RestoreRDSSnapshot().Exec(t.Context(), r.env, args)
	if diff := cmp.Diff(funcs.Output{"endpoint": "shop.test.invalid"}, out); err != nil || diff != "" {
		t.Errorf("error %v, outputs (-want +got):\n%s", err, diff)
	}
	if req := r.asked[0]; req.Op != agent.OpLoadPostgres || req.Key != "kept/x/backup-1.tar.gz" || req.Postgres.Server.Host != "shop.test.invalid" {
		t.Errorf("request %+v", req)
	}
	if !strings.Contains(r.log.String(), "not restored: a: GRANT") {
		t.Errorf("no warning in the log:\n%s", r.log)
	}
	r.quiet("s3cret")
	args["instanceID"] = "gone"
	if _, err := funcs.RestoreRDSSnapshot().Exec(t.Context(), r.env, args); err == nil || !strings.Contains(err.Error(), "no DB instance gone") {
		t.Errorf("without the instance: %v", err)
	}
	for _, missing := range []string{"backupArtifactPrefix", "backupID", "username", "password", "namespace"} {
		some := funcs.Args{}
		for k, v := range args {
			if k != missing {
				some[k] = v
			}
		}
		if _, err := funcs.RestoreRDSSnapshot().Exec(t.Context(), r.env, some); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}

func TestRestoreRDSFromSnapshot(t *testing.T) {
	r := newRDSTest(t)
	before, _ := r.Instance("shop")
	out, err := funcs.RestoreRDSSnapshot().Exec(t.Context(), r.env, funcs.Args{"instanceID": "shop", "snapshotID": "s1"})
	if diff := cmp.Diff(funcs.Output{"endpoint": "shop.test.invalid"}, out); err != nil || diff != "" {
		t.Errorf("error %v, outputs (-want +got):\n%s", err, diff)
	}
	now, _ := r.Instance("shop")
	if now.Resource == before.Resource || now.SubnetGroup != "private" || now.Tags[funcs.RunLabel] != "r1" || now.Tags[funcs.TemporaryTag] != "" {
		t.Errorf("the instance is %+v", now)
	}
	r.quiet()
}

// TestRDSCredentials has each function refused its credentials.
func TestRDSCredentials(t *testing.T) {
	for name, f := range map[string]func(*rdsTest) error{
		"create": func(r *rdsTest) error {
			_, err := funcs.CreateRDSSnapshot().Exec(t.Context(), r.env, funcs.Args{"instanceID": "shop"})
			return err
		},
		"delete": func(r *rdsTest) error {
			_, err := funcs.DeleteRDSSnapshot().Exec(t.Context(), r.env, funcs.Args{"snapshotID": "s1"})
			return err
		},
		"export": func(r *rdsTest) error {
			_, err := funcs.ExportRDSSnapshotToLocation().Exec(t.Context(), r.env, r.export(nil))
			return err
		},
		"restore": func(r *rdsTest) error {
			_, err := funcs.RestoreRDSSnapshot().Exec(t.Context(), r.env, funcs.Args{"instanceID": "shop", "snapshotID": "s1"})
			return err
		},
	} {
		for code, spoil := range map[string]func(*rdsTest){
			"ExpiredToken":          func(r *rdsTest) { r.Expire(awstest.TestKey.ID) },
			"AccessDenied":          func(r *rdsTest) { k := awstest.TestKey; k.Deny = []string{"rds:*"}; r.AddKey(k) },
			"SignatureDoesNotMatch": func(r *rdsTest) { r.env.Params.Profile.Credential.KeyPair.Secret = "other" },
			"InvalidClientTokenId":  func(r *rdsTest) { r.env.Params.Profile.Credential.KeyPair.ID = "AKIAOTHER" },
		} {
			t.Run(name+" "+code, func(t *testing.T) {
				r := newRDSTest(t)
				spoil(r)
				if err := f(r); awsaccess.Code(err) != code {
					t.Errorf("error %v", err)
				}
				if got := r.Snapshots(); !cmp.Equal(got, []string{"s1"}) {
					t.Errorf("snapshots %v", got)
				}
			})
		}
	}
}
