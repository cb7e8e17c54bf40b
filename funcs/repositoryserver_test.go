package funcs_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// kopiaServer is a server with a user for each host.
func kopiaServer(hosts ...string) *compat.RepositoryServer {
	access := map[string][]byte{}
	for _, h := range hosts {
		access[h] = []byte(h + "-secret")
	}
	return &compat.RepositoryServer{
		Name: "backups", Namespace: "vault", Username: "backup", Address: "https://backups:51515",
		Credentials: compat.RepositoryServerCredentials{
			ServerTLS:        compat.Secret{Data: map[string][]byte{"tls.crt": []byte("CERT")}},
			ServerUserAccess: compat.Secret{Data: access},
		},
	}
}

// moverIn answers requests to the data mover, and returns those that came.
func moverIn(t *testing.T, env *funcs.Env, answer func(agent.Request) (agent.Result, error)) func() []agent.Request {
	t.Helper()
	var seen []agent.Request
	env.Exec = funcstest.Exec(func(_ context.Context, o funcs.ExecOptions) error {
		if strings.Join(o.Command, " ") != "rescue mover" {
			t.Errorf("command %q", o.Command)
		}
		line, err := bufio.NewReader(o.Stdin).ReadBytes('\n')
		var req agent.Request
		if err := errors.Join(err, json.Unmarshal(line, &req)); err != nil {
			t.Error(err)
		}
		seen = append(seen, req)
		last := map[string]any{}
		if res, err := answer(req); err != nil {
			last["error"] = map[string]any{"code": mover.CodeOf(err), "message": err.Error()}
		} else {
			last["result"] = res
		}
		return json.NewEncoder(o.Stdout).Encode(last)
	})
	return func() []agent.Request { return seen }
}

// checkLogin checks that a request goes through the server, as a host.
func checkLogin(t *testing.T, req agent.Request, host string) {
	t.Helper()
	login := req.Profile.Credential.KopiaServerSecret
	if req.Profile.Location.Type != compat.LocationKopia || req.Profile.Location.Endpoint != "https://backups:51515" || req.Password != "" || req.Repository != "" {
		t.Errorf("the request goes to %+v, %s", req.Profile.Location, req.Repository)
	}
	if login == nil || login.Hostname != host || login.Username != "backup" || login.Password != host+"-secret" || login.Cert != "CERT" {
		t.Errorf("the login is %+v, expected that of %s", login, host)
	}
}

func TestBackupDataUsingKopiaServer(t *testing.T) {
	env, _, log := funcstest.NewEnv()
	env.Params.RepositoryServer = kopiaServer("one", "two")
	seen := moverIn(t, env, func(agent.Request) (agent.Result, error) {
		return agent.Result{Backup: &mover.BackupResult{SnapshotID: "k1", Path: "/data", RootSize: 1_234_567, PhysicalSize: 512}}, nil
	})
	out, err := funcs.BackupDataUsingKopiaServer().Exec(t.Context(), env, funcs.Args{
		"namespace": "shop", "pod": "web-0", "container": "tools", "includePath": "/data",
		"snapshotTags": "app:web, team:a:b", "repositoryServerUserHostname": "two",
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(funcs.Output{"backupID": "k1", "size": "1.2 MB", "phySize": "512 B"}, out); d != "" {
		t.Errorf("outputs (-expected +got):\n%s", d)
	}
	req := seen()[0]
	checkLogin(t, req, "two")
	if req.Op != agent.OpBackup || req.Path != "/data" || req.Tag != "" || !cmp.Equal(req.Tags, map[string]string{"app": "web", "team": "a:b"}) {
		t.Errorf("request %+v", req)
	}
	if strings.Contains(log.String(), "two-secret") {
		t.Errorf("the password is in the log: %s", log)
	}
}

func TestRestoreDataUsingKopiaServer(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data"}}
	env, client, _ := funcstest.NewEnv(claim)
	env.Params.RepositoryServer = kopiaServer("one")
	pods := funcstest.Kubelet(t, client, funcstest.Running("container"))
	seen := moverIn(t, env, func(req agent.Request) (agent.Result, error) {
		return agent.Result{
			Snapshots: []mover.Snapshot{{ID: "k1", Path: "/var/lib/app"}},
			Restore:   &mover.RestoreResult{SnapshotID: "k1", Path: "/mnt"},
		}, nil
	})
	_, err := funcs.RestoreDataUsingKopiaServer().Exec(t.Context(), env, funcs.Args{
		"namespace": "shop", "image": "tools:1", "backupIdentifier": "k1", "restorePath": "/mnt",
		"volumes": map[string]any{"data": "/mnt"}, "podLabels": map[string]any{"a": "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen()) != 2 || seen()[0].Op != agent.OpStats || seen()[1].Op != agent.OpRestore {
		t.Fatalf("requests %+v", seen())
	}
	req := seen()[1]
	checkLogin(t, req, "one")
	if req.Target != "/mnt" || req.SubPath != "/var/lib/app" || req.Snapshot.ID != "k1" {
		t.Errorf("the content does not go straight into the restore path: %+v", req)
	}
	pod := pods()[0]
	if pod.Labels["a"] != "b" || pod.Spec.Containers[0].Image != "tools:1" || len(pod.Spec.Volumes) != 1 || pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName != "data" {
		t.Errorf("the pod is %+v", pod.Spec)
	}
	if text, err := json.Marshal(pod); err != nil || strings.Contains(string(text), "one-secret") {
		t.Errorf("the password is in the pod: %s, %v", text, err)
	}
}

func TestDeleteDataUsingKopiaServer(t *testing.T) {
	env, client, _ := funcstest.NewEnv()
	env.Params.RepositoryServer = kopiaServer("one")
	funcstest.Kubelet(t, client, funcstest.Running("container"))
	var fail error
	seen := moverIn(t, env, func(agent.Request) (agent.Result, error) { return agent.Result{}, fail })
	args := funcs.Args{"namespace": "shop", "image": "tools:1", "backupID": "k1"}
	if _, err := funcs.DeleteDataUsingKopiaServer().Exec(t.Context(), env, args); err != nil {
		t.Fatal(err)
	}
	checkLogin(t, seen()[0], "one")
	if seen()[0].Op != agent.OpDelete || seen()[0].Snapshot.ID != "k1" {
		t.Errorf("request %+v", seen()[0])
	}
	fail = &mover.Error{Code: mover.CodeNotFound, Text: "no such snapshot"}
	if _, err := funcs.DeleteDataUsingKopiaServer().Exec(t.Context(), env, args); mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("error %v", err)
	}
	left, err := client.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) > 0 {
		t.Errorf("%d pods are left, %v", len(left.Items), err)
	}
}

func TestKopiaServerFunctionsRefuse(t *testing.T) {
	backup := funcs.Args{"namespace": "shop", "pod": "web-0", "container": "tools", "includePath": "/data"}
	with := func(args funcs.Args, name string, value any) funcs.Args {
		more := funcs.Args{name: value}
		for k, v := range args {
			more[k] = v
		}
		return more
	}
	restore := funcs.Args{"namespace": "shop", "image": "i", "backupIdentifier": "k1", "restorePath": "/"}
	for name, tt := range map[string]struct {
		f      funcs.Func
		server *compat.RepositoryServer
		args   funcs.Args
		want   string
	}{
		"no server":      {funcs.BackupDataUsingKopiaServer(), nil, backup, "name it with --repository-server"},
		"several hosts":  {funcs.BackupDataUsingKopiaServer(), kopiaServer("one", "two"), backup, "name one of one, two (the argument repositoryServerUserHostname names it)"},
		"unknown host":   {funcs.BackupDataUsingKopiaServer(), kopiaServer("one"), with(backup, "repositoryServerUserHostname", "x"), `no host name "x"; it has one`},
		"tag":            {funcs.BackupDataUsingKopiaServer(), kopiaServer("one"), with(backup, "snapshotTags", "a:b,c"), `found "c"`},
		"tag twice":      {funcs.BackupDataUsingKopiaServer(), kopiaServer("one"), with(backup, "snapshotTags", "a:b,a:c"), "a is given twice"},
		"no volume":      {funcs.RestoreDataUsingKopiaServer(), kopiaServer("one"), restore, "give one of pod and volumes"},
		"no such volume": {funcs.RestoreDataUsingKopiaServer(), kopiaServer("one"), with(restore, "volumes", map[string]any{"none": "/"}), "none"},
		"pod of nobody":  {funcs.RestoreDataUsingKopiaServer(), kopiaServer("one"), with(restore, "pod", "web-0"), "give volumes instead"},
		"delete":         {funcs.DeleteDataUsingKopiaServer(), nil, funcs.Args{"namespace": "n", "image": "i", "backupID": "b"}, "started without one"},
	} {
		env, _, _ := funcstest.NewEnv()
		env.Params.RepositoryServer = tt.server
		_, err := tt.f.Exec(t.Context(), env, tt.args)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, expected %q", name, err, tt.want)
		}
	}
}
