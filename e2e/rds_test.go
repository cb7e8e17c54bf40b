//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/rds/rdstest"
	"github.com/rescuecue/rescue/funcs/store"
)

// rdsWorld is an imitated RDS over PostgreSQL servers on the cluster, with the instance
// shop.
type rdsWorld struct {
	*rdstest.Server
	t       *testing.T
	env     *funcs.Env
	log     *logBuffer
	servers *servers
}

// shopRows make the databases of the instance. What is in the log, in pod specs or in
// errors must not be.
const shopRows = `
CREATE DATABASE shop;
CREATE DATABASE "Odd name";
CREATE ROLE clerk LOGIN PASSWORD 'clerk';
\connect shop
CREATE TABLE item (id serial PRIMARY KEY, name text, raw bytea, price numeric);
INSERT INTO item (name, raw, price) SELECT 'item ' || n, decode(md5(n::text), 'hex'), n / 7.0 FROM generate_series(1, 20000) n;
INSERT INTO item (name) VALUES (E'a\\b;\n\\.\n\\connect postgres\nDROP TABLE item;--'), ('it''s "x" $$ /*'), (NULL), (''), ('äöü 漢字');
CREATE FUNCTION total() RETURNS numeric LANGUAGE plpgsql AS $f$ BEGIN RETURN (SELECT sum(price) FROM item); END; $f$;
CREATE VIEW dear AS SELECT * FROM item WHERE price > 2000;
ALTER TABLE item OWNER TO clerk;
\connect "Odd name"
CREATE TABLE t (v text);
INSERT INTO t VALUES ('kept');
`

const shopDigest = `SELECT count(*), md5(string_agg(t::text, '|' ORDER BY id)), total(), (SELECT count(*) FROM dear) FROM item t;`

func newRDS(t *testing.T, o rdstest.Options) *rdsWorld {
	t.Helper()
	env, log := newEnv(t)
	env.ToolsImage = toolsImage()
	env.Params.Profile = s3Profile(t)
	env.Params.Secrets = map[string]compat.Secret{"aws": {Data: map[string][]byte{
		"aws_access_key_id": []byte(awstest.TestKey.ID), "aws_secret_access_key": []byte(awstest.TestKey.Secret),
	}}}
	env.Labels = map[string]string{funcs.RunLabel: "r1", funcs.PhaseLabel: "p"}
	s := newServers(t, env)
	w := &rdsWorld{Server: rdstest.New(t, s, o), t: t, env: env, log: log, servers: s}
	env.AWS = w.Server.Server.Options()
	resource := w.AddInstance(rdstest.Instance{
		ID: "shop", SecurityGroups: []string{"sg-1", "sg-2"}, SubnetGroup: "private", ParameterGroup: "tuned", AllocatedGiB: 20,
	})
	if err := s.create(t.Context(), resource); err != nil {
		t.Fatal(err)
	}
	s.sql(resource, "postgres", shopRows)
	return w
}

// sql runs statements on the instance of that name.
func (w *rdsWorld) sql(id, database, statements string) string {
	w.t.Helper()
	i, ok := w.Instance(id)
	if !ok {
		w.t.Fatalf("there is no instance %s, but %v", id, w.Instances())
	}
	return w.servers.sql(i.Resource, database, statements)
}

// withAccount adds the account of the imitated RDS to the arguments of a function.
func withAccount(args funcs.Args) funcs.Args {
	all := funcs.Args{"credentialsSource": "secret", "credentialsSecret": "aws", "region": "test-1"}
	maps.Copy(all, args)
	return all
}

// phase runs a function as a phase of that name.
func (w *rdsWorld) phase(ctx context.Context, name string, f funcs.Func, args funcs.Args) (funcs.Output, error) {
	w.t.Helper()
	env := *w.env
	env.Labels = map[string]string{funcs.RunLabel: "r1", funcs.PhaseLabel: name}
	out, err := run(w.t, ctx, f, &env, withAccount(args))
	if err != nil {
		w.t.Log(err)
	}
	return out, err
}

func (w *rdsWorld) must(name string, f funcs.Func, args funcs.Args) funcs.Output {
	w.t.Helper()
	out, err := w.phase(w.t.Context(), name, f, args)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *rdsWorld) exportArgs(snapshot funcs.Output) funcs.Args {
	return funcs.Args{
		"namespace": w.env.Namespace, "instanceID": "shop", "snapshotID": snapshot["snapshotID"], "dbEngine": "PostgreSQL",
		"username": masterUser + "\n", "password": masterPassword + "\n", "securityGroupID": snapshot["securityGroupID"],
		"backupArtifactPrefix": "rds/shop", "podLabels": map[string]string{"app": "export"},
	}
}

func (w *rdsWorld) loadArgs(backupID any) funcs.Args {
	return funcs.Args{
		"namespace": w.env.Namespace, "instanceID": "shop", "backupID": backupID, "backupArtifactPrefix": "rds/shop",
		"dbEngine": "PostgreSQL", "username": masterUser, "password": masterPassword,
	}
}

// clean checks that only the instance shop is there, that no pod of a phase is left,
// and that the password stands nowhere.
func (w *rdsWorld) clean() {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	for range 50 { // what is being deleted goes as it is looked at
		if got := w.Instances(); len(got) == 1 {
			break
		}
		w.Pass()
	}
	if got := w.Instances(); len(got) != 1 || got[0] != "shop" {
		w.t.Errorf("instances %v, want only shop", got)
	}
	pods, err := w.env.Kube.CoreV1().Pods(w.env.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "!rds"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil {
			w.t.Errorf("pod %s is left", p.Name)
		}
	}
	if strings.Contains(w.log.String(), masterPassword) {
		w.t.Error("the log shows the password")
	}
}

// cutObject takes the second half of an object of the location away.
func (w *rdsWorld) cutObject(key string) {
	w.t.Helper()
	s, err := store.Open(w.t.Context(), w.env.Params.Profile)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	var whole bytes.Buffer
	if _, err := s.Get(w.t.Context(), key, &whole); err != nil {
		w.t.Fatal(err)
	}
	if _, err := s.Put(w.t.Context(), key, bytes.NewReader(whole.Bytes()[:whole.Len()/2])); err != nil {
		w.t.Fatal(err)
	}
}

// noObjects checks that nothing was written to the location.
func (w *rdsWorld) noObjects() {
	w.t.Helper()
	s, err := store.Open(w.t.Context(), w.env.Params.Profile)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	err = s.List(w.t.Context(), "", func(o store.Object) error {
		w.t.Errorf("object %s of %d bytes is left", o.Key, o.Size)
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
}

// watchSpecs looks at every pod that a phase makes.
func (w *rdsWorld) watchSpecs() (stop func() []corev1.Pod) {
	w.t.Helper()
	watch, err := w.env.Kube.CoreV1().Pods(w.env.Namespace).Watch(w.t.Context(), metav1.ListOptions{LabelSelector: "!rds"})
	if err != nil {
		w.t.Fatal(err)
	}
	seen, done := []corev1.Pod{}, make(chan struct{})
	go func() {
		defer close(done)
		for event := range watch.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok {
				seen = append(seen, *pod)
			}
		}
	}()
	return func() []corev1.Pod {
		watch.Stop()
		<-done
		return seen
	}
}

func TestRDSThereAndBack(t *testing.T) {
	t.Parallel()
	w := newRDS(t, rdstest.Options{Looks: 2, Lag: 2, UndeletableWhileCreating: true})
	want := w.sql("shop", "shop", shopDigest)
	snapshot := w.must("snap", funcs.CreateRDSSnapshot(), funcs.Args{"instanceID": "shop"})
	if snapshot["securityGroupID"] != "- sg-1\n- sg-2\n" || snapshot["allocatedStorage"] != "20GiB" || snapshot["dbSubnetGroup"] != "private" {
		t.Errorf("outputs %q", snapshot)
	}
	w.sql("shop", "shop", "INSERT INTO item (name) VALUES ('after the snapshot');")
	stop := w.watchSpecs()
	export := w.must("export", funcs.ExportRDSSnapshotToLocation(), w.exportArgs(snapshot))
	pods := stop()
	w.clean()
	if len(pods) == 0 || pods[0].Labels["app"] != "export" {
		t.Errorf("%d events of the pod of the export", len(pods))
	}
	for _, p := range pods {
		if text := p.String(); strings.Contains(text, masterPassword) || strings.Contains(text, w.env.Params.Profile.Credential.KeyPair.Secret) {
			t.Errorf("the pod shows a secret: %s", text)
		}
	}
	if temp := w.Requests("RestoreDBInstanceFromDBSnapshot")[0]; temp.Form.Tags("Tags.Tag")[funcs.TemporaryTag] != "true" ||
		temp.Form.Tags("Tags.Tag")[funcs.RunLabel] != "r1" || temp.Form.Get("DBSubnetGroupName") != "private" {
		t.Errorf("the temporary instance: %v", temp.Form)
	}

	destroy := "DROP VIEW dear; DROP FUNCTION total; DELETE FROM item WHERE id % 3 = 0; UPDATE item SET name = 'spoilt' WHERE id % 5 = 0;"
	w.sql("shop", "shop", destroy)
	w.sql("shop", "Odd name", "DROP TABLE t;")
	out := w.must("load", funcs.RestoreRDSSnapshot(), w.loadArgs(export["backupID"]))
	if got := w.sql("shop", "shop", shopDigest); got != want || out["endpoint"] == "" {
		t.Errorf("after the restore from the dump %q, want %q; outputs %v", got, want, out)
	}
	if got := w.sql("shop", "Odd name", "SELECT v FROM t;"); got != "kept\n" {
		t.Errorf("the other database has %q", got)
	}
	w.clean()

	w.sql("shop", "shop", destroy)
	before, _ := w.Instance("shop")
	w.must("restore", funcs.RestoreRDSSnapshot(), funcs.Args{"instanceID": "shop", "snapshotID": snapshot["snapshotID"]})
	if got := w.sql("shop", "shop", shopDigest); got != want {
		t.Errorf("after the restore from the snapshot %q, want %q", got, want)
	}
	now, _ := w.Instance("shop")
	if now.Resource == before.Resource || now.ParameterGroup != "tuned" || now.SubnetGroup != "private" {
		t.Errorf("the instance is %+v", now)
	}
	w.clean()
	w.must("drop", funcs.DeleteRDSSnapshot(), funcs.Args{"snapshotID": snapshot["snapshotID"]})
	if left := w.Snapshots(); len(left) != 0 {
		t.Errorf("snapshots %v", left)
	}
}

// dumpWaits returns when the dump of the temporary instance waits for a lock.
func (w *rdsWorld) dumpWaits(ctx context.Context) error {
	return wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, w.isDumpStuck)
}

// isDumpStuck tells whether the dump of the temporary instance waits for a lock now.
func (w *rdsWorld) isDumpStuck(ctx context.Context) (bool, error) {
	for _, id := range w.Instances() {
		i, ok := w.Instance(id)
		if !ok || id == "shop" || i.Status != "available" {
			continue
		}
		var out bytes.Buffer
		query := strings.NewReader("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock';")
		err := w.servers.exec(ctx, podOf(i.Resource), query, &out, "exec psql -h /tmp -U "+masterUser+" -d postgres -q -A -t")
		return strings.TrimSpace(out.String()) == "1", err
	}
	return false, nil
}

// stuckSnapshot is one whose dump waits for ever for a lock, which lives in the files.
func (w *rdsWorld) stuckSnapshot() funcs.Output {
	w.t.Helper()
	w.sql("shop", "postgres", "CREATE DATABASE zoo;")
	w.sql("shop", "zoo", "CREATE TABLE t (i int); BEGIN; LOCK TABLE t; PREPARE TRANSACTION 'stuck';")
	snapshot := w.must("stuck", funcs.CreateRDSSnapshot(), funcs.Args{"instanceID": "shop"})
	w.sql("shop", "zoo", "ROLLBACK PREPARED 'stuck';")
	return snapshot
}

// TestRDSExportBreaksOff has the dump fail half-way, and the action cancelled during
// the dump: neither leaves an instance, a pod, or an object.
func TestRDSExportBreaksOff(t *testing.T) {
	t.Parallel()
	w := newRDS(t, rdstest.Options{Looks: 1})
	stuck := w.stuckSnapshot()
	// One database can be dumped, the next one cannot.
	w.sql("shop", "zoo", "CREATE ROLE weak LOGIN PASSWORD 'weak'; GRANT pg_read_all_data TO weak;")
	snapshot := w.must("snap", funcs.CreateRDSSnapshot(), funcs.Args{"instanceID": "shop"})
	args := w.exportArgs(snapshot)
	args["username"], args["password"], args["databases"] = "weak", "weak", "- shop\n- zoo\n"

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waits := make(chan error, 1)
	go func() {
		waits <- w.dumpWaits(ctx)
		cancel()
	}()
	if _, err := w.phase(ctx, "cancelled", funcs.ExportRDSSnapshotToLocation(), w.exportArgs(stuck)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled export: %v", err)
	}
	cancel()
	if err := <-waits; err != nil {
		t.Errorf("the dump did not get as far as the lock: %v", err)
	}
	w.clean()

	w.sql("shop", "zoo", "REVOKE pg_read_all_data FROM weak;")
	w.sql("shop", "shop", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO weak;")
	weak := w.must("snap3", funcs.CreateRDSSnapshot(), funcs.Args{"instanceID": "shop"})
	args["snapshotID"] = weak["snapshotID"]
	_, err := w.phase(t.Context(), "broken", funcs.ExportRDSSnapshotToLocation(), args)
	if err == nil || !strings.Contains(err.Error(), "dump database zoo") || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("dump of what may not be read: %v", err)
	}
	w.clean()
	w.noObjects()
	if _, err := w.phase(t.Context(), "load", funcs.RestoreRDSSnapshot(), w.loadArgs("backup-none.tar.gz")); err == nil || !strings.Contains(err.Error(), "no such object") {
		t.Errorf("restore of what was not written: %v", err)
	}
}

// TestRDSExportPodGone: the pod that dumps is deleted while it waits for a lock of the
// database. Neither an instance, a pod, nor an object is left.
func TestRDSExportPodGone(t *testing.T) {
	t.Parallel()
	w := newRDS(t, rdstest.Options{Looks: 1})
	args := withAccount(w.exportArgs(w.stuckSnapshot()))
	failsWithoutPod(t, w.env, funcs.ExportRDSSnapshotToLocation(), args, func(pod *corev1.Pod) bool {
		if pod.Labels["app"] != "export" {
			return false
		}
		stuck, err := w.isDumpStuck(t.Context())
		return err == nil && stuck // the server may just not answer yet
	})
	w.clean()
	w.noObjects()
}

// TestRDSRestoreKeepsTheOldDatabase breaks later steps of a restore.
func TestRDSRestoreKeepsTheOldDatabase(t *testing.T) {
	t.Parallel()
	w := newRDS(t, rdstest.Options{Looks: 1, Lag: 1})
	saved := w.sql("shop", "shop", shopDigest)
	snapshot := w.must("snap", funcs.CreateRDSSnapshot(), funcs.Args{"instanceID": "shop"})
	export := w.must("export", funcs.ExportRDSSnapshotToLocation(), w.exportArgs(snapshot))
	w.sql("shop", "shop", "DELETE FROM item WHERE id < 100;")
	want := w.sql("shop", "shop", shopDigest)
	still := func(what string) {
		t.Helper()
		if got := w.sql("shop", "shop", shopDigest); got != want {
			t.Errorf("%s: the database has %q, want %q", what, got, want)
		}
		w.clean()
	}
	restore := funcs.Args{"instanceID": "shop", "snapshotID": snapshot["snapshotID"]}
	for name, fault := range map[string]awstest.Fault{
		"the first renaming":  {Action: "rds:ModifyDBInstance", Times: 1, Code: "AccessDenied", Status: 403},
		"the second renaming": {Action: "rds:ModifyDBInstance", Times: 1, Code: "AccessDenied", Status: 403, If: func(f awstest.Form) bool { return f.Get("NewDBInstanceIdentifier") == "shop" }},
	} {
		w.Fail(fault)
		if _, err := w.phase(t.Context(), strings.ReplaceAll(name, " ", "-"), funcs.RestoreRDSSnapshot(), restore); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("%s: %v", name, err)
		}
		w.Mend()
		still(name)
	}
	w.End("RestoreDBInstanceFromDBSnapshot", "incompatible-restore")
	if _, err := w.phase(t.Context(), "restored-badly", funcs.RestoreRDSSnapshot(), restore); err == nil {
		t.Error("a restore that fails")
	}
	still("a restore that fails")

	// The dump cannot be loaded: the location lost its end.
	w.cutObject("rds/shop/" + export["backupID"].(string))
	if _, err := w.phase(t.Context(), "load", funcs.RestoreRDSSnapshot(), w.loadArgs(export["backupID"])); err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("a damaged dump: %v", err)
	}
	still("a damaged dump")

	// An attempt that died between the renamings is finished by the next one.
	w.Fail(awstest.Fault{Action: "rds:ModifyDBInstance", Times: 100, Code: "AccessDenied", Status: 403, If: func(f awstest.Form) bool { return f.Get("NewDBInstanceIdentifier") == "shop" }})
	if _, err := w.phase(t.Context(), "again", funcs.RestoreRDSSnapshot(), restore); err == nil || !strings.Contains(err.Error(), "shop-rescue-old") {
		t.Errorf("no way back: %v", err)
	}
	if got := w.sql("shop-rescue-old", "shop", shopDigest); got != want {
		t.Errorf("the old database has %q, want %q", got, want)
	}
	w.Mend()
	w.must("again", funcs.RestoreRDSSnapshot(), restore)
	if got := w.sql("shop", "shop", shopDigest); got != saved {
		t.Errorf("after the second attempt %q, want %q", got, saved)
	}
	w.clean()
}
