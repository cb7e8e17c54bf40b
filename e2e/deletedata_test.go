//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/store"
)

func (a *app) with(prefix string, more funcs.Args) funcs.Args {
	args := funcs.Args{"namespace": a.Namespace, "backupArtifactPrefix": prefix}
	for k, v := range more {
		args[k] = v
	}
	return args
}

// bytesFreed reads the output spaceFreed.
func bytesFreed(t *testing.T, out funcs.Output) int64 {
	t.Helper()
	var n int64
	if _, err := fmt.Sscanf(out["spaceFreed"].(string), "%d B", &n); err != nil {
		t.Fatalf("spaceFreed %q: %v", out["spaceFreed"], err)
	}
	return n
}

// stored is the size of what the bucket has below a path.
func stored(t *testing.T, env *funcs.Env, prefix string) int64 {
	t.Helper()
	s, err := store.Open(t.Context(), env.Params.Profile)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var sum int64
	if err := s.List(t.Context(), prefix, func(o store.Object) error { sum += o.Size; return nil }); err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestDeleteDataBesideNeighbours reclaims the space of repositories around which there
// are others, also below: kopia takes these for a part of the one above.
func TestDeleteDataBesideNeighbours(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	a.sh(fill)
	want := a.sh(digest)
	neighbours := []string{"a", "a/b", "a/bc", "a/payments", "a/search/x"}
	ids := map[string]any{}
	for _, path := range neighbours {
		ids[path] = a.call(funcs.BackupData(), a.backup(funcs.Args{"backupArtifactPrefix": path, "encryptionKey": path}))["backupID"]
	}
	before := stored(t, env, "a/b/")
	for _, path := range []string{"a/b", "a"} {
		key := funcs.Args{"encryptionKey": path, "backupArtifactPrefix": path}
		a.sh("head -c 5000000 /dev/urandom > /data/more")
		extra := a.call(funcs.BackupData(), a.backup(key))
		out := a.call(funcs.DeleteData(), a.with(path, funcs.Args{"backupTag": extra["backupTag"], "encryptionKey": path}))
		if out["spaceFreed"] != "0 B" {
			t.Errorf("%s: freed %v without being asked", path, out)
		}
		// By its ID, it is gone already. That is no error, and the space is freed.
		freed := bytesFreed(t, a.call(funcs.DeleteData(), a.with(path, funcs.Args{"backupID": extra["backupID"], "encryptionKey": path, "reclaimSpace": true})))
		if freed < 5_000_000 || freed > 5_500_000 {
			t.Errorf("%s: freed %d bytes, want 5 MB", path, freed)
		}
		a.sh("rm /data/more")
	}
	if after := stored(t, env, "a/b/"); after > before+200_000 {
		t.Errorf("a/b takes %d bytes, and took %d before", after, before)
	}
	if !strings.Contains(log.String(), "no such snapshot to delete") {
		t.Error("nothing is said of a snapshot that was gone")
	}
	for _, path := range neighbours {
		a.sh("rm -rf /data/* /data/.k*")
		a.call(funcs.RestoreData(), a.restore(funcs.Args{"backupArtifactPrefix": path, "encryptionKey": path, "backupIdentifier": ids[path]}))
		if got := a.sh(digest); got != want {
			t.Errorf("restored from %s:\n%s\nwant:\n%s", path, got, want)
		}
	}
	if n := podsIn(t, env); n != 1 {
		t.Errorf("%d pods, want the application's own", n)
	}
}

// TestLocationDeleteBesideNeighbours deletes a whole repository.
func TestLocationDeleteBesideNeighbours(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	a.sh(fill)
	want := a.sh(digest)
	key := funcs.Args{"encryptionKey": "k"}
	for _, path := range []string{"a/b", "a/bc", "a/b.d/e"} {
		key["backupArtifactPrefix"] = path
		key["id "+path] = a.call(funcs.BackupData(), a.backup(funcs.Args{"encryptionKey": "k", "backupArtifactPrefix": path}))["backupID"]
	}
	a.call(funcs.LocationDelete(), funcs.Args{"artifact": env.Params.Profile.Location.Bucket + "/a/b"})
	if left := stored(t, env, "a/b/"); left != 0 {
		t.Errorf("%d bytes are left below a/b", left)
	}
	check := func(path string) funcs.Output {
		return a.call(funcs.CheckRepository(), funcs.Args{"backupArtifactPrefix": path, "encryptionKey": "k", "image": toolsImage()})
	}
	if out := check("a/b"); out["repoUnavailable"] != "true" {
		t.Errorf("after the repository was deleted: %v", out)
	}
	for _, path := range []string{"a/bc", "a/b.d/e"} {
		a.sh("rm -rf /data/* /data/.k*")
		a.call(funcs.RestoreData(), a.restore(funcs.Args{"backupArtifactPrefix": path, "encryptionKey": "k", "backupIdentifier": key["id "+path]}))
		if got := a.sh(digest); got != want {
			t.Errorf("restored from %s:\n%s\nwant:\n%s", path, got, want)
		}
	}
	if _, err := run(t, t.Context(), funcs.LocationDelete(), env, funcs.Args{"artifact": "s3://another-bucket/a"}); err == nil {
		t.Error("another bucket: no error")
	}
}

func TestDeleteDataFails(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	a.sh("echo x > /data/x")
	id := a.call(funcs.BackupData(), a.backup(funcs.Args{"encryptionKey": "k"}))["backupID"]
	for name, tc := range map[string]struct {
		args funcs.Args
		code mover.Code
	}{
		"wrong key":     {a.with("web/data", funcs.Args{"backupID": id, "encryptionKey": "guess"}), mover.CodeWrongKey},
		"no repository": {a.with("web", funcs.Args{"backupID": id, "encryptionKey": "k"}), mover.CodeNoRepository},
		"no key":        {a.with("web/data", funcs.Args{"backupID": id}), mover.CodeWrongKey},
		"unknown tag":   {a.with("web/data", funcs.Args{"backupTag": "none", "encryptionKey": "k"}), mover.CodeNotFound},
		"one of two": {a.with("web/none web/data", funcs.Args{"backupID": fmt.Sprintf("%s %s", id, id), "encryptionKey": "k"}),
			mover.CodeNoRepository},
	} {
		_, err := run(t, t.Context(), funcs.DeleteData(), env, tc.args)
		if mover.CodeOf(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
		if told := strings.Contains(fmt.Sprint(err), fmt.Sprintf("deleted all the same: snapshot %s in %s/web/data", id, env.Params.Profile.Location.Bucket)); told != (name == "one of two") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := podsIn(t, env); n != 1 {
		t.Errorf("%d pods, want the application's own", n)
	}
}

// volumeApp is an application with a second volume.
func newVolumeApp(t *testing.T, env *funcs.Env) *app {
	t.Helper()
	a := newApp(t, env, toolsImage(), "")
	newClaim(t, env, "other")
	return a
}

// in runs a script in a pod that mounts a volume at /data, and returns what it prints.
func (a *app) in(claim, script string) string {
	a.t.Helper()
	spec := kube.SingleContainer(image(), sh("sleep 1000000"), "")
	if err := kube.MountClaims(a.t.Context(), a.Kube, a.Namespace, &spec, map[string]kube.Mount{claim: {Path: "/data"}}); err != nil {
		a.t.Fatal(err)
	}
	pod, err := kube.PodTemplate{Prefix: "look-", Namespace: a.Namespace, Spec: spec}.Build()
	if err != nil {
		a.t.Fatal(err)
	}
	runner := &kube.Runner{Client: a.Kube, Logs: a.Logs, Log: a.Log}
	var printed string
	err = runner.With(a.t.Context(), kube.Job{Pod: pod, Containers: []string{kube.MainContainer}}, func(_ context.Context, pod *corev1.Pod) error {
		look := *a
		look.pod, look.container = pod.Name, kube.MainContainer
		printed = look.sh(script)
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return printed
}

// TestCopyVolumeDataAndBack copies a volume at rest into another one.
func TestCopyVolumeDataAndBack(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newVolumeApp(t, env)
	a.sh(fill)
	want := a.sh(digest)
	a.call(funcs.ScaleWorkload(), funcs.Args{"namespace": env.Namespace, "name": "web", "kind": "deployment", "replicas": 0})

	bucket := env.Params.Profile.Location.Bucket
	out := a.call(funcs.CopyVolumeData(), funcs.Args{"namespace": env.Namespace, "volume": "data", "dataArtifactPrefix": "volumes/data"})
	for key, want := range map[string]any{"backupRoot": "/mnt/vol_data/data", "backupArtifactLocation": bucket + "/volumes/data", "fileCount": "9", "version": "v0.0.0"} {
		if out[key] != want {
			t.Errorf("output %s is %v, want %v", key, out[key], want)
		}
	}
	back := a.with(out["backupArtifactLocation"].(string), funcs.Args{
		"image": toolsImage(), "backupTag": out["backupTag"], "volumes": map[string]any{"other": out["backupRoot"]},
	})
	a.call(funcs.RestoreData(), back)
	if got := a.in("other", digest); got != want {
		t.Errorf("in the other volume:\n%s\nwant:\n%s", got, want)
	}
	// Into another directory of a volume.
	delete(back, "backupTag")
	a.in("other", "cd /data && rm -rf ./* .k* && mkdir here")
	back["backupIdentifier"], back["backupPath"], back["restorePath"] = out["backupID"], out["backupRoot"], "/mnt/here"
	back["volumes"] = map[string]any{"other": "/mnt"}
	a.call(funcs.RestoreData(), back)
	if got := a.in("other", strings.ReplaceAll(digest, "/data", "/data/here")); got != want {
		t.Errorf("in a directory of the other volume:\n%s\nwant:\n%s", got, want)
	}
	if _, err := run(t, t.Context(), funcs.CopyVolumeData(), env, funcs.Args{
		"namespace": env.Namespace, "volume": "data", "dataArtifactPrefix": "volumes/data", "encryptionKey": "guess",
	}); mover.CodeOf(err) != mover.CodeWrongKey {
		t.Errorf("wrong key: %v", err)
	}
	if n := podsIn(t, env); n != 0 {
		t.Errorf("%d pods are left", n)
	}
}

// TestBackupDataStats compares with what is known of the data.
func TestBackupDataStats(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	a.sh(`cd /data && head -c 3145728 /dev/urandom > one && mkdir -p d/e && cp one d/two && cp one d/e/three && head -c 1048576 /dev/urandom > d/four && : > empty && ln -s one link`)
	id := a.call(funcs.BackupData(), a.backup(nil))["backupID"]
	for mode, want := range map[string]struct{ count, size string }{
		"restore-size":      {"5", "10.000 MiB"},
		"files-by-contents": {"3", "4.000 MiB"},
		"blobs-per-file":    {"2", "4.000 MiB"},
	} {
		out := a.call(funcs.BackupDataStats(), a.with("web/data", funcs.Args{"backupID": id, "statsMode": mode}))
		if out["mode"] != mode || out["fileCount"] != want.count || out["size"] != want.size || out["version"] != "v0.0.0" {
			t.Errorf("%s: %v, want %v", mode, out, want)
		}
	}
	raw := a.call(funcs.BackupDataStats(), a.with("web/data", funcs.Args{"backupID": id, "statsMode": "raw-data"}))
	if size := mebibytes(t, raw["size"]); size < 4 || size > 4.05 {
		t.Errorf("raw data: %v, want 4 MiB and a little", raw)
	}
	_, err := run(t, t.Context(), funcs.BackupDataStats(), env, a.with("web/data", funcs.Args{"backupID": "0badf00d"}))
	if mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("unknown snapshot: %v", err)
	}
}

// TestCheckRepository sees its three states, and what is none of them.
func TestCheckRepository(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	a.sh("echo x > /data/x")
	a.call(funcs.BackupData(), a.backup(nil))
	for name, tc := range map[string]struct {
		args               funcs.Args
		incorrect, missing string
	}{
		"its own key":   {funcs.Args{"backupArtifactPrefix": "web/data"}, "false", "false"},
		"another key":   {funcs.Args{"backupArtifactPrefix": "web/data", "encryptionKey": "guess"}, "true", "false"},
		"no repository": {funcs.Args{"backupArtifactPrefix": "web", "encryptionKey": "guess"}, "false", "true"},
	} {
		out := a.call(funcs.CheckRepository(), tc.args)
		if out["passwordIncorrect"] != tc.incorrect || out["repoUnavailable"] != tc.missing || out["version"] != "v0.0.0" || len(out) != 3 {
			t.Errorf("%s: %v", name, out)
		}
	}
	for name, change := range map[string]func(*compat.Profile){
		"wrong secret key": func(p *compat.Profile) {
			p.Credential.KeyPair = &compat.KeyPair{ID: p.Credential.KeyPair.ID, Secret: "wrong"}
		},
		"no store": func(p *compat.Profile) { p.Location.Endpoint = "http://127.0.0.1:9" },
	} {
		profile := *env.Params.Profile
		change(&profile)
		other := *env
		params := *env.Params
		other.Params, params.Profile = &params, &profile
		_, err := run(t, t.Context(), funcs.CheckRepository(), &other, funcs.Args{"backupArtifactPrefix": "web/data"})
		if code := mover.CodeOf(err); code != mover.CodeDenied && code != mover.CodeUnreachable {
			t.Errorf("%s: %v", name, err)
		}
	}
	pods, err := env.Kube.CoreV1().Pods(env.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 1 {
		t.Errorf("%d pods, %v; want the application's own", len(pods.Items), err)
	}
}

// TestDataInAClaim has the location in a volume, which only pods can see.
func TestDataInAClaim(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = &compat.Profile{Location: compat.Location{
		Type: compat.LocationFilesystem, Endpoint: "/backups", Bucket: "rescue", Claim: "backups",
	}}
	a := newApp(t, env, toolsImage(), "backups")
	a.sh(fill)
	want := a.sh(digest)
	kept := a.call(funcs.BackupData(), a.backup(nil))
	a.sh("head -c 5000000 /dev/urandom > /data/more")
	gone := a.call(funcs.BackupData(), a.backup(nil))
	a.call(funcs.BackupData(), a.backup(funcs.Args{"backupArtifactPrefix": "web/data/payments"}))
	freed := bytesFreed(t, a.call(funcs.DeleteData(), a.with("web/data", funcs.Args{"backupID": gone["backupID"], "reclaimSpace": true})))
	if freed < 5_000_000 || freed > 5_500_000 {
		t.Errorf("freed %d bytes, want 5 MB", freed)
	}
	a.sh("rm -rf /data/* /data/.k*")
	a.call(funcs.RestoreData(), a.restore(funcs.Args{"backupIdentifier": kept["backupID"]}))
	if got := a.sh(digest); got != want {
		t.Errorf("after the restore:\n%s\nwant:\n%s", got, want)
	}
	a.call(funcs.LocationDelete(), funcs.Args{"artifact": "web/data"})
	if left := a.sh("find /backups -type f"); left != "" {
		t.Errorf("left in the location:\n%s", left)
	}
	check := a.call(funcs.CheckRepository(), funcs.Args{"backupArtifactPrefix": "web/data", "encryptionKey": "k"})
	if check["repoUnavailable"] != "true" {
		t.Errorf("after the repository was deleted: %v", check)
	}
}
