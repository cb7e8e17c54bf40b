package funcs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

func copyArgs(more funcs.Args) funcs.Args {
	return merged(funcs.Args{"namespace": "shop", "volume": "data-web-0", "dataArtifactPrefix": "vol", "encryptionKey": "canary-key"}, more)
}

func TestCopyVolumeData(t *testing.T) {
	d := newDataEnv(t)
	src := sample(t)
	out := run(t, funcs.CopyVolumeData(), d, copyArgs(funcs.Args{"mountPath": src + "/"}))
	want := funcs.Output{
		"backupID": out["backupID"], "backupTag": out["backupTag"], "phySize": out["phySize"],
		"backupRoot": src, "backupArtifactLocation": "backups/vol", "fileCount": "2", "size": "2.001 KiB", "version": "v0.0.0",
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	target := t.TempDir()
	run(t, funcs.RestoreData(), d, restoreArgs(funcs.Args{
		"backupArtifactPrefix": out["backupArtifactLocation"], "backupIdentifier": out["backupID"], "restorePath": target,
		"pod": nil, "volumes": map[string]any{"data-web-0": out["backupRoot"]},
	}))
	if got, err := os.ReadFile(filepath.Join(target, src, "sub", "b.log")); err != nil || string(got) != "b" {
		t.Errorf("restored %q, %v", got, err)
	}
}

func TestCopyVolumeDataPod(t *testing.T) {
	d := newDataEnv(t)
	m := d.answering(noted)
	shared := claim("shared")
	shared.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadOnlyMany}
	if _, err := d.Kube.CoreV1().PersistentVolumeClaims("shop").Create(t.Context(), shared, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	run(t, funcs.CopyVolumeData(), d, copyArgs(nil))
	run(t, funcs.CopyVolumeData(), d, copyArgs(funcs.Args{"volume": "shared", "podAnnotations": map[string]any{"a": "b"}, "insecureTLS": true}))
	for i, want := range []struct {
		path, origin string
		readOnly     bool
	}{{"/mnt/vol_data/data-web-0", "data-web-0", false}, {"/mnt/vol_data/shared", "shared", true}} {
		pod, req := d.pods[i], m.requests[i]
		mount := pod.Spec.Containers[0].VolumeMounts[0]
		if !strings.HasPrefix(pod.Name, "copy-vol-data-") || mount.MountPath != want.path || mount.ReadOnly != want.readOnly {
			t.Errorf("pod %s mounts %s, read-only %v", pod.Name, mount.MountPath, mount.ReadOnly)
		}
		if req.Path != want.path || req.Origin != want.origin || req.Op != agent.OpBackup {
			t.Errorf("%s of %s, origin %s", req.Op, req.Path, req.Origin)
		}
	}
	if d.pods[1].Annotations["a"] != "b" || !m.requests[1].InsecureTLS {
		t.Errorf("annotations %v, insecure TLS %v", d.pods[1].Annotations, m.requests[1].InsecureTLS)
	}
}

func TestCopyVolumeDataErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		args   funcs.Args
		change func(*dataEnv)
		want   string
	}{
		"no claim":      {funcs.Args{"volume": "gone"}, nil, "volume shop/gone"},
		"relative path": {funcs.Args{"mountPath": "data"}, nil, "mountPath"},
		"root":          {funcs.Args{"mountPath": "//"}, nil, "mountPath"},
		"the location's own": {nil, func(d *dataEnv) { d.Params.Profile.Location.Claim = "data-web-0" },
			"is the location of the backups"},
		"nothing mounted": {funcs.Args{"mountPath": "/no/such/place"}, nil, "nothing at /no/such/place"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDataEnv(t)
			if tc.change != nil {
				tc.change(d)
			}
			_, err := funcs.CopyVolumeData().Exec(t.Context(), d.Env, copyArgs(tc.args))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			left, err := d.Kube.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{})
			if err != nil || len(left.Items) != 0 {
				t.Errorf("%d pods left, %v", len(left.Items), err)
			}
		})
	}
}

func TestBackupDataStats(t *testing.T) {
	d := newDataEnv(t)
	src := sample(t) // 2048 times a, and b
	if err := os.WriteFile(filepath.Join(src, "same.log"), []byte("b"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := run(t, funcs.BackupData(), d, backupArgs(src, nil))["backupID"]
	stats := func(more funcs.Args) funcs.Output {
		return run(t, funcs.BackupDataStats(), d, deleteArgs(merged(funcs.Args{"backupID": id}, more)))
	}
	for _, tc := range []struct {
		args              funcs.Args
		mode, count, size string
	}{
		{nil, "restore-size", "3", "2.002 KiB"},
		{funcs.Args{"statsMode": "blobs-per-file"}, "blobs-per-file", "2", "2.001 KiB"},
		{funcs.Args{"mode": "files-by-contents", "statsMode": "restore-size"}, "files-by-contents", "2", "2.001 KiB"},
	} {
		want := funcs.Output{"mode": tc.mode, "fileCount": tc.count, "size": tc.size, "version": "v0.0.0"}
		if diff := cmp.Diff(want, stats(tc.args)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tc.args, diff)
		}
	}
	// Two files and two directories; what they are packed into is kopia's matter.
	if raw := stats(funcs.Args{"statsMode": "raw-data"}); raw["fileCount"] != "4" || !strings.HasSuffix(raw["size"].(string), " B") && !strings.HasSuffix(raw["size"].(string), " KiB") {
		t.Errorf("raw data: %v", raw)
	}
	if name := d.pods[0].Name; !strings.HasPrefix(name, "backup-data-stats-") {
		t.Errorf("pod %s", name)
	}
	_, err := funcs.BackupDataStats().Exec(t.Context(), d.Env, deleteArgs(funcs.Args{"backupID": "0badf00d"}))
	if mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("unknown snapshot: %v", err)
	}
}

func TestCheckRepository(t *testing.T) {
	d := newDataEnv(t)
	src := sample(t)
	run(t, funcs.BackupData(), d, backupArgs(src, nil))
	run(t, funcs.BackupData(), d, backupArgs(src, funcs.Args{"backupArtifactPrefix": "own", "encryptionKey": nil}))
	for name, tc := range map[string]struct {
		args               funcs.Args
		incorrect, missing string
	}{
		"wrong key":          {funcs.Args{"backupArtifactPrefix": "time-log", "encryptionKey": "x"}, "true", "false"},
		"no key":             {funcs.Args{"backupArtifactPrefix": "time-log"}, "true", "false"},
		"no repository":      {funcs.Args{"backupArtifactPrefix": "none", "encryptionKey": "x"}, "false", "true"},
		"neither":            {funcs.Args{"backupArtifactPrefix": "none"}, "false", "true"},
		"generated key":      {funcs.Args{"backupArtifactPrefix": "backups/own"}, "false", "false"},
		"below a repository": {funcs.Args{"backupArtifactPrefix": "own/p", "encryptionKey": "x"}, "false", "true"},
	} {
		want := funcs.Output{"passwordIncorrect": tc.incorrect, "repoUnavailable": tc.missing, "version": "v0.0.0"}
		if diff := cmp.Diff(want, run(t, funcs.CheckRepository(), d, tc.args)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if pod := d.pods[0]; !strings.HasPrefix(pod.Name, "check-repository-") || pod.Namespace != "rescue" {
		t.Errorf("pod %s/%s", pod.Namespace, pod.Name)
	}
	// What says nothing about the repository is an error.
	d.Params.Profile.Location.Endpoint = "/no/such/mount"
	_, err := funcs.CheckRepository().Exec(t.Context(), d.Env, funcs.Args{"backupArtifactPrefix": "own", "encryptionKey": "x"})
	if mover.CodeOf(err) != mover.CodeUnreachable {
		t.Errorf("location that is not there: %v", err)
	}
}
