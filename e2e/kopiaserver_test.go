//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kopiaserver"
	"github.com/rescuecue/rescue/funcs/kopiaserver/kopiaservertest"
	"github.com/rescuecue/rescue/funcs/mover"
)

// serverName is that of the RepositoryServer and its Service in deploy/repository-server.
const serverName = "repository-server"

// kinds are the resources of those manifests.
var kinds = map[string]schema.GroupVersionResource{
	"CustomResourceDefinition": {Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	"ServiceAccount":           corev1.SchemeGroupVersion.WithResource("serviceaccounts"),
	"Service":                  corev1.SchemeGroupVersion.WithResource("services"),
	"Secret":                   corev1.SchemeGroupVersion.WithResource("secrets"),
	"Role":                     rbacv1.SchemeGroupVersion.WithResource("roles"),
	"RoleBinding":              rbacv1.SchemeGroupVersion.WithResource("rolebindings"),
	"Deployment":               appsv1.SchemeGroupVersion.WithResource("deployments"),
	"RepositoryServer":         {Group: "cr.kanister.io", Version: "v1alpha1", Resource: "repositoryservers"},
}

// applyManifests creates the objects of a file below deploy/repository-server, with
// texts replaced, in the environment's namespace.
func applyManifests(t *testing.T, env *funcs.Env, file string, replace ...string) {
	t.Helper()
	src, err := os.ReadFile("../deploy/repository-server/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for doc := range strings.SplitSeq(strings.NewReplacer(replace...).Replace(string(src)), "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &object.Object); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		gvr, known := kinds[object.GetKind()]
		if !known {
			t.Fatalf("%s: no resource for the kind %q", file, object.GetKind())
		}
		if _, err := env.Dynamic.Resource(gvr).Namespace(namespaceFor(env, object)).Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			if object.GetKind() == "CustomResourceDefinition" && apierrors.IsAlreadyExists(err) {
				continue
			}
			t.Fatalf("%s: %s %s: %v", file, object.GetKind(), object.GetName(), err)
		}
	}
}

func namespaceFor(env *funcs.Env, object *unstructured.Unstructured) string {
	if object.GetKind() == "CustomResourceDefinition" {
		return ""
	}
	return env.Namespace
}

// newRepositoryServer runs a server from our manifests, for a repository in a bucket,
// and returns it once it is ready.
func newRepositoryServer(t *testing.T, env *funcs.Env) *compat.RepositoryServer {
	t.Helper()
	p := s3Profile(t)
	applyManifests(t, env, "crd.yaml")
	cert, key := kopiaservertest.Certificate(t, serverName)
	_, err := env.Kube.CoreV1().Secrets(env.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "repository-server-tls"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": cert, "tls.key": key},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 4*time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := env.Dynamic.Resource(kinds["RepositoryServer"]).Namespace(env.Namespace).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("the new resource is not served: %v", err)
	}
	applyManifests(t, env, "example.yaml",
		"bucket: BUCKET", "bucket: "+p.Location.Bucket, "region: REGION", "endpoint: "+p.Location.Endpoint,
		"ACCESS-KEY", p.Credential.KeyPair.ID, "SECRET-KEY", p.Credential.KeyPair.Secret)
	applyManifests(t, env, "server.yaml", "localhost/rescue-tools:dev", toolsImage())
	return readyServer(t, env)
}

// readyServer waits for the status.
func readyServer(t *testing.T, env *funcs.Env) *compat.RepositoryServer {
	t.Helper()
	var server *compat.RepositoryServer
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, 4*time.Minute, true, func(ctx context.Context) (bool, error) {
		server, last = kopiaserver.Cluster{Kube: env.Kube, Dynamic: env.Dynamic}.Params(ctx, env.Namespace, serverName)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("the server does not become ready: %v", last)
	}
	return server
}

func TestKopiaServer(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	env.Params.RepositoryServer = newRepositoryServer(t, env)
	a := newApp(t, env, toolsImage(), "")
	a.sh(fill)
	want := a.sh(digest)
	backup := funcs.Args{"namespace": a.Namespace, "pod": a.pod, "container": a.container, "includePath": "/data", "snapshotTags": "app:web,team:shop"}
	out := a.call(funcs.BackupDataUsingKopiaServer(), backup)
	t.Logf("outputs %v", out)
	if len(out) != 3 || out["backupID"] == "" || !strings.HasSuffix(out["size"].(string), " MB") {
		t.Errorf("outputs %v", out)
	}
	again := a.call(funcs.BackupDataUsingKopiaServer(), backup)
	if again["backupID"] == out["backupID"] || !strings.HasSuffix(again["phySize"].(string), "B") || strings.HasSuffix(again["phySize"].(string), "MB") {
		t.Errorf("the second backup has the outputs %v", again)
	}

	a.sh("cd /data && rm -rf ./* && echo changed > numbers")
	restore := funcs.Args{"namespace": a.Namespace, "image": toolsImage(), "restorePath": "/data", "backupIdentifier": out["backupID"], "pod": a.pod}
	a.call(funcs.RestoreDataUsingKopiaServer(), restore)
	if got := a.sh(digest); got != want {
		t.Errorf("after the restore:\n%s\nbefore the backup:\n%s", got, want)
	}
	a.sh("rm -rf /data/odd")
	delete(restore, "pod")
	restore["volumes"], restore["repositoryServerUserHostname"] = map[string]any{a.claim: "/data"}, "shop"
	a.call(funcs.RestoreDataUsingKopiaServer(), restore)
	if got := a.sh(digest); got != want {
		t.Errorf("after the restore by volumes:\n%s\nbefore the backup:\n%s", got, want)
	}

	remove := funcs.Args{"namespace": a.Namespace, "image": toolsImage(), "backupID": out["backupID"], "podLabels": map[string]any{"a": "b"}}
	a.call(funcs.DeleteDataUsingKopiaServer(), remove)
	for _, f := range []struct {
		funcs.Func
		args funcs.Args
	}{{funcs.RestoreDataUsingKopiaServer(), restore}, {funcs.DeleteDataUsingKopiaServer(), remove}} {
		if _, err := run(t, t.Context(), f.Func, env, f.args); mover.CodeOf(err) != mover.CodeNotFound {
			t.Errorf("%s of what is deleted: %v", f.Name(), err)
		}
	}
	if strings.Contains(log.String(), "SHOP-PASSWORD") {
		t.Error("the password is in the log")
	}
	if n := podsIn(t, env); n != 2 {
		t.Errorf("%d pods, want the application's and the server's", n)
	}
}

// TestKopiaServerUsers: what may log in follows the Secret, while the server runs, and
// a server that is gone for a moment is waited for.
func TestKopiaServerUsers(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.RepositoryServer = newRepositoryServer(t, env)
	a := newApp(t, env, toolsImage(), "")
	a.sh("echo hello > /data/file")
	backup := funcs.Args{"namespace": a.Namespace, "pod": a.pod, "container": a.container, "includePath": "/data"}
	first := a.call(funcs.BackupDataUsingKopiaServer(), backup)

	secrets := env.Kube.CoreV1().Secrets(env.Namespace)
	secret, err := secrets.Get(t.Context(), "repository-server-users", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret.Data = map[string][]byte{"shop": []byte("changed"), "bar": []byte("bar-password")}
	if _, err := secrets.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	// The old password ends to work when the server has seen the change.
	old := env.Params.RepositoryServer
	err = wait.PollUntilContextTimeout(t.Context(), time.Second, 4*time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := run(t, ctx, funcs.BackupDataUsingKopiaServer(), env, backup)
		return mover.CodeOf(err) == mover.CodeDenied, nil
	})
	if err != nil {
		t.Errorf("the old password still lets in: %v", err)
	}
	if old.Username != "backup" {
		t.Errorf("the server is %+v", old)
	}
	env.Params.RepositoryServer = readyServer(t, env)
	if _, err := run(t, t.Context(), funcs.BackupDataUsingKopiaServer(), env, backup); err == nil || !strings.Contains(err.Error(), "name one of bar, shop") {
		t.Errorf("two hosts: %v", err)
	}
	backup["repositoryServerUserHostname"] = "bar"
	a.call(funcs.BackupDataUsingKopiaServer(), backup)

	// A new pod of the server.
	if err := env.Kube.CoreV1().Pods(env.Namespace).Delete(t.Context(), old.ServerInfo.PodName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	backup["repositoryServerUserHostname"] = "shop"
	second := a.call(funcs.BackupDataUsingKopiaServer(), backup)
	if second["backupID"] == first["backupID"] {
		t.Errorf("after the restart: %v", second)
	}
	// The status may tell of the old pod for a moment.
	var now *compat.RepositoryServer
	err = eventually(t, "the status tells of the new pod", func(context.Context) (bool, error) {
		now = readyServer(t, env)
		return now.ServerInfo.PodName != old.ServerInfo.PodName, nil
	})
	if err != nil || now.ServerInfo.ServiceName != serverName {
		t.Errorf("%v: %+v", err, now.ServerInfo)
	}
}

// TestKandoKopiaServer does in pods what Kanister's example for MySQL does with a
// repository server: a stream there and back.
func TestKandoKopiaServer(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.RepositoryServer = newRepositoryServer(t, env)
	server := render(t, env, "{{ toJson .RepositoryServer }}")
	there, err := task(t, env, streamThere, "--repository-server", server)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := fmt.Sprint(there["snapshot"])
	t.Logf("snapshot %s", snapshot)
	if !strings.Contains(snapshot, `"logicalSize":300000000`) {
		t.Errorf("snapshot %s", snapshot)
	}
	back, err := task(t, env, streamBack, "--repository-server", server, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	checkStream(t, there, back)
	remove := `kando location delete --repository-server "$1" --path dumps/big --kopia-snapshot "$2"`
	if _, err := task(t, env, remove, server, snapshot); err != nil {
		t.Error(err)
	}
	if _, err := task(t, env, streamBack, "--repository-server", server, snapshot); err == nil {
		t.Error("what was deleted is still there")
	} else {
		t.Log(err)
	}
}
