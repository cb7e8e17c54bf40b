//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
)

// bulk is data that takes a while to upload.
const bulk = "mkdir -p /data/bulk && cd /data/bulk && for i in 1 2 3 4 5 6 7 8; do head -c 40000000 /dev/urandom > $i; done"

// bulkBytes is its size.
const bulkBytes = 320_000_000

// once calls f when a backup has uploaded that much.
func (a *app) once(uploaded int64, f func()) {
	var first sync.Once
	a.Progress = func(p funcs.Progress) {
		if p.UploadedBytes >= uploaded {
			first.Do(f)
		}
	}
	a.t.Cleanup(func() {
		first.Do(func() { a.t.Errorf("never uploaded %d bytes", uploaded) })
	})
}

// behindProxy is an application whose S3 server can be cut off.
func behindProxy(t *testing.T) (*app, *proxy) {
	env, log := newEnv(t)
	profile := s3Profile(t)
	server, err := url.Parse(profile.Location.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	cut := newProxy(t, server.Host, thisHost(t), storeRate)
	server.Host = cut.address
	profile.Location.Endpoint = server.String()
	env.Params.Profile = profile
	a := newApp(t, env, toolsImage(), "")
	a.log = log
	return a, cut
}

// comesBack destroys the data, restores it, and compares it with what it was.
func (a *app) comesBack(want string, id any) {
	a.t.Helper()
	a.sh("rm -rf /data/*")
	a.call(funcs.RestoreData(), a.restore(funcs.Args{"backupIdentifier": id}))
	if got := a.sh(digest); got != want {
		a.t.Errorf("after the restore:\n%s\nbefore the backup:\n%s", got, want)
	}
}

// TestStoreGoesAndComes: a backup survives that the store is away for a moment.
func TestStoreGoesAndComes(t *testing.T) {
	t.Parallel()
	a, cut := behindProxy(t)
	a.sh(fill)
	a.sh(bulk)
	want := a.sh(digest)
	a.once(60<<20, func() {
		cut.stop()
		time.AfterFunc(5*time.Second, cut.start)
	})
	out := a.call(funcs.BackupData(), a.backup(nil))
	a.comesBack(want, out["backupID"])
}

// TestPodKilledDuringUpload: the phase ends at once, and the next backup, from another
// pod, uploads only what is missing.
func TestPodKilledDuringUpload(t *testing.T) {
	t.Parallel()
	a, cut := behindProxy(t)
	env := a.Env
	a.sh(bulk)
	want := a.sh(digest)
	a.once(200<<20, func() {
		cut.stop() // or the rest could be through before the pod is gone
		now := int64(0)
		err := env.Kube.CoreV1().Pods(env.Namespace).Delete(t.Context(), a.pod, metav1.DeleteOptions{GracePeriodSeconds: &now})
		if err != nil {
			t.Error(err)
		}
	})
	if _, err := run(t, t.Context(), funcs.BackupData(), env, a.backup(nil)); err == nil || !strings.Contains(err.Error(), a.pod) {
		t.Errorf("error %v, want one that names the pod %s", err, a.pod)
	} else {
		t.Log(err)
	}
	env.Progress = nil
	cut.start()
	a.pod = a.ready()
	a.Params.Deployment.Pods = []string{a.pod}
	a.Params.Deployment.PersistentVolumeClaims = map[string]map[string]string{a.pod: {a.claim: "/data"}}
	out := a.call(funcs.BackupData(), a.backup(nil))
	if again := mebibytes(t, out["phySize"]); again > bulkBytes/(1<<20)-80 {
		t.Errorf("uploaded %.0f MiB once more", again)
	}
	a.comesBack(want, out["backupID"])
}

// TestDestinationFull restores to a volume that is too small.
func TestDestinationFull(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	a.sh("head -c 40000000 /dev/urandom > /data/large")
	out := a.call(funcs.BackupData(), a.backup(nil))
	_, err := run(t, t.Context(), funcs.RestoreData(), env, a.restore(funcs.Args{
		"backupIdentifier": out["backupID"], "restorePath": "/small",
		"podOverride": map[string]any{
			"volumes": []any{map[string]any{"name": "small", "emptyDir": map[string]any{"medium": "Memory", "sizeLimit": "8Mi"}}},
			"containers": []any{map[string]any{
				"name": "container", "volumeMounts": []any{map[string]any{"name": "small", "mountPath": "/small"}},
			}},
		},
	}))
	if err == nil || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), "/small") {
		t.Errorf("error %v", err)
	} else {
		t.Log(err)
	}
	if n := podsIn(t, env); n != 1 {
		t.Errorf("%d pods, want the application's own", n)
	}
}

// TestNothingThere: no function makes a repository where it was to read one.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	for name, c := range map[string]struct {
		f    funcs.Func
		args funcs.Args
	}{
		"RestoreData":     {funcs.RestoreData(), a.restore(funcs.Args{"backupTag": "t", "encryptionKey": "k"})},
		"BackupDataStats": {funcs.BackupDataStats(), a.with("web/data", funcs.Args{"backupID": "0badf00d", "encryptionKey": "k"})},
		"CheckRepository": {funcs.CheckRepository(), funcs.Args{"backupArtifactPrefix": "web/data", "encryptionKey": "k"}},
	} {
		out, err := run(t, t.Context(), c.f, env, c.args)
		// Kanister's CheckRepository gives what is wrong as outputs.
		if name == "CheckRepository" {
			if err != nil || out["repoUnavailable"] != "true" {
				t.Errorf("%s: %v, %v", name, out, err)
			}
		} else if mover.CodeOf(err) != mover.CodeNoRepository {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := stored(t, env, ""); n != 0 {
		t.Errorf("%d bytes were written", n)
	}
}

// TestCredentialsStayHidden looks for them wherever anybody could see them.
func TestCredentialsStayHidden(t *testing.T) {
	t.Parallel()
	// The store is so slow that the mover still works when its processes are looked at.
	a, _ := behindProxy(t)
	env, log := a.Env, a.log
	const key = "canary-of-the-encryption-key"
	secret := env.Params.Profile.Credential.KeyPair.Secret
	pods := watchPods(t, env)
	a.sh(bulk)
	processes := ""
	a.once(20<<20, func() { processes = a.sh("for p in /proc/[0-9]*; do cat $p/cmdline $p/environ; echo; done") })
	out := a.call(funcs.BackupData(), a.backup(funcs.Args{"encryptionKey": key}))
	restore := a.restore(funcs.Args{"backupIdentifier": out["backupID"], "encryptionKey": key})
	a.call(funcs.RestoreData(), restore)
	a.call(funcs.DeleteData(), a.with("web/data", funcs.Args{"backupID": out["backupID"], "encryptionKey": key}))
	if !strings.Contains(processes, "mover") {
		t.Fatalf("the mover is not among the processes:\n%s", processes)
	}
	seen := pods()
	if !strings.Contains(seen, "restore-data-") {
		t.Fatalf("the pod of RestoreData was not seen:\n%s", seen)
	}
	for where, text := range map[string]string{
		"processes": processes, "pods": seen, "events": events(t, env), "log": log.String(), "outputs": toJSON(t, out), "files": a.sh("cat /tmp/* 2>/dev/null || true"),
	} {
		for _, s := range []string{key, secret} {
			if strings.Contains(text, s) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(s))) {
				t.Errorf("a secret stands in the %s", where)
			}
		}
	}
}

// watchPods returns a function that ends the watch and gives all that was ever seen of
// the pods of the namespace.
func watchPods(t *testing.T, env *funcs.Env) func() string {
	t.Helper()
	w, err := env.Kube.CoreV1().Pods(env.Namespace).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	var watching sync.WaitGroup
	watching.Go(func() {
		for e := range w.ResultChan() {
			all.WriteString(toJSON(t, e.Object))
		}
	})
	return func() string {
		w.Stop()
		watching.Wait()
		return all.String()
	}
}

func events(t *testing.T, env *funcs.Env) string {
	t.Helper()
	list, err := env.Kube.CoreV1().Events(env.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("%d events: %v", len(list.Items), err)
	}
	return toJSON(t, list.Items)
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
