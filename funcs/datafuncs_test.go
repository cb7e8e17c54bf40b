package funcs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// containers runs commands of containers in this process, on this machine's
// files. It knows `rescue mover` only.
type containers struct {
	mu    sync.Mutex
	calls []funcs.ExecOptions
	// broken, if set, is what every command does instead.
	broken func(funcs.ExecOptions) error
}

func (c *containers) Exec(ctx context.Context, opts funcs.ExecOptions) error {
	c.mu.Lock()
	c.calls = append(c.calls, opts)
	c.mu.Unlock()
	if c.broken != nil {
		return c.broken(opts)
	}
	if !slices.Equal(opts.Command, []string{"rescue", "mover"}) {
		return errors.New("no such command")
	}
	if status := agent.Main(ctx, nil, opts.Stdin, opts.Stdout, opts.Stderr); status != 0 {
		return &funcs.ExitError{Code: status}
	}
	return nil
}

// noLogs stands for pods that write nothing.
type noLogs struct{}

func (noLogs) Follow(context.Context, string, string, string, io.Writer) error { return nil }

// dataEnv is a cluster in which the application shop/web and its volumes exist,
// pods start at once, and the location is a new directory.
type dataEnv struct {
	*funcs.Env
	exec *containers
	log  *bytes.Buffer
	pods []*corev1.Pod // that were made
}

func newDataEnv(t *testing.T) *dataEnv {
	t.Helper()
	d := &dataEnv{exec: &containers{}, log: &bytes.Buffer{}}
	client := fake.NewClientset(claim("data-web-0"), claim("backups"))
	client.PrependReactor("create", "pods", func(action k8stesting.Action) (bool, runtime.Object, error) {
		pod := action.(k8stesting.CreateAction).GetObject().(*corev1.Pod)
		pod.UID = "1"
		pod.Status.Phase = corev1.PodRunning
		for _, c := range pod.Spec.Containers {
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
				Name: c.Name, Ready: true, Started: new(true),
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			})
		}
		d.pods = append(d.pods, pod.DeepCopy())
		return false, nil, nil
	})
	d.Env = &funcs.Env{
		Kube: client, Exec: d.exec, Logs: noLogs{},
		Log:       slog.New(slog.NewTextHandler(d.log, nil)),
		Namespace: "rescue",
		Labels:    map[string]string{"run": "r1"},
		Params: &compat.Params{
			Profile: &compat.Profile{
				Location:   compat.Location{Type: "filesystem", Endpoint: t.TempDir(), Bucket: "backups"},
				Credential: compat.Credential{Type: "keyPair", KeyPair: &compat.KeyPair{ID: "canary-id", Secret: "canary-secret"}},
			},
			StatefulSet: &compat.Workload{
				Name: "web", Namespace: "shop", Pods: []string{"web-0"},
				PersistentVolumeClaims: map[string]map[string]string{"web-0": {"data-web-0": "/var/lib/web"}},
			},
		},
	}
	return d
}

func claim(name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}}
}

// sample makes a directory to back up.
func sample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	for name, text := range map[string]string{"a.log": strings.Repeat("a", 2048), "sub/b.log": "b"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func backupArgs(path string, more funcs.Args) funcs.Args {
	return merged(funcs.Args{
		"namespace": "shop", "pod": "web-0", "container": "tools", "includePath": path,
		"backupArtifactPrefix": "time-log", "encryptionKey": "canary-key",
	}, more)
}

func restoreArgs(more funcs.Args) funcs.Args {
	return merged(funcs.Args{
		"namespace": "shop", "image": "tools:1", "backupArtifactPrefix": "backups/time-log",
		"pod": "web-0", "encryptionKey": "canary-key",
	}, more)
}

// merged adds arguments; nil removes one.
func merged(args, more funcs.Args) funcs.Args {
	for k, v := range more {
		args[k] = v
		if v == nil {
			delete(args, k)
		}
	}
	return args
}

func run(t *testing.T, f funcs.Func, d *dataEnv, args funcs.Args) funcs.Output {
	t.Helper()
	out, err := f.Exec(context.Background(), d.Env, args)
	if err != nil {
		t.Fatalf("%s: %v", f.Name(), err)
	}
	return out
}

func TestBackupDataAndRestoreData(t *testing.T) {
	d := newDataEnv(t)
	src := sample(t)
	out := run(t, funcs.BackupData(), d, backupArgs(src, nil))
	id, tag := out["backupID"].(string), out["backupTag"].(string)
	if len(id) != 32 || len(tag) != 10 {
		t.Errorf("id %q and tag %q have the wrong length", id, tag)
	}
	if phy := out["phySize"].(string); phy == "" || phy == "0 B" {
		t.Errorf("phySize %q", phy)
	}
	want := funcs.Output{
		"backupID": id, "backupTag": tag, "phySize": out["phySize"],
		"fileCount": "2", "size": "2.001 KiB", "version": "v0.0.0",
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if at := d.exec.calls[0]; at.Namespace != "shop" || at.Pod != "web-0" || at.Container != "tools" {
		t.Errorf("ran in %s/%s, container %s", at.Namespace, at.Pod, at.Container)
	}
	for name, args := range map[string]funcs.Args{
		"by id":   {"backupIdentifier": id},
		"by tag":  {"backupTag": tag},
		"by part": {"backupTag": tag, "backupPath": src},
	} {
		target := t.TempDir()
		args["restorePath"] = target
		if out := run(t, funcs.RestoreData(), d, restoreArgs(args)); len(out) != 0 {
			t.Errorf("%s: outputs %v, want none", name, out)
		}
		if name != "by part" {
			target = filepath.Join(target, src)
		}
		if got, err := os.ReadFile(filepath.Join(target, "sub", "b.log")); err != nil || string(got) != "b" {
			t.Errorf("%s: restored %q, %v", name, got, err)
		}
	}
	left, err := d.Kube.CoreV1().Pods("shop").List(context.Background(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("%d pods left, %v", len(left.Items), err)
	}
}

func TestRestoreDataPod(t *testing.T) {
	d := newDataEnv(t)
	id := run(t, funcs.BackupData(), d, backupArgs(sample(t), nil))["backupID"]
	d.Params.Profile.Location.Claim = "backups"
	endpoint := d.Params.Profile.Location.Endpoint
	run(t, funcs.RestoreData(), d, restoreArgs(funcs.Args{
		"backupIdentifier": id, "restorePath": t.TempDir(),
		"podLabels": map[string]any{"team": "x"}, "podOverride": map[string]any{"priorityClassName": "high"},
	}))
	pod := d.pods[0]
	if !strings.HasPrefix(pod.Name, "restore-data-") || pod.Namespace != "shop" {
		t.Errorf("pod %s/%s", pod.Namespace, pod.Name)
	}
	if pod.Labels["team"] != "x" || pod.Labels["run"] != "r1" || pod.Spec.PriorityClassName != "high" {
		t.Errorf("labels %v, priority class %q", pod.Labels, pod.Spec.PriorityClassName)
	}
	main := pod.Spec.Containers[0]
	if want := agent.IdleCommand(); main.Image != "tools:1" || !slices.Equal(main.Command, want) {
		t.Errorf("image %s runs %q", main.Image, main.Command)
	}
	claims := map[string]string{}
	for _, v := range pod.Spec.Volumes {
		claims[v.Name] = v.PersistentVolumeClaim.ClaimName
	}
	mounts := map[string]string{}
	for _, m := range main.VolumeMounts {
		mounts[claims[m.Name]] = m.MountPath
	}
	if diff := cmp.Diff(map[string]string{"data-web-0": "/var/lib/web", "backups": endpoint}, mounts); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
}

func TestDataFunctionsLeakNoSecrets(t *testing.T) {
	d := newDataEnv(t)
	id := run(t, funcs.BackupData(), d, backupArgs(sample(t), nil))["backupID"]
	run(t, funcs.RestoreData(), d, restoreArgs(funcs.Args{"backupIdentifier": id, "restorePath": t.TempDir()}))
	specs, err := json.Marshal(d.pods)
	if err != nil {
		t.Fatal(err)
	}
	commands := ""
	for _, c := range d.exec.calls {
		commands += strings.Join(c.Command, " ")
	}
	for what, text := range map[string]string{"pod specs": string(specs), "log": d.log.String(), "commands": commands} {
		if strings.Contains(text, "canary") {
			t.Errorf("%s hold a secret: %s", what, text)
		}
	}
}

func TestGeneratedEncryptionKey(t *testing.T) {
	ctx := context.Background()
	d := newDataEnv(t)
	src := sample(t)
	noKey := funcs.Args{"encryptionKey": nil}
	id := run(t, funcs.BackupData(), d, backupArgs(src, noKey))["backupID"]
	secrets := d.Kube.CoreV1().Secrets("rescue")
	all, err := secrets.List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=encryption-key"})
	if err != nil || len(all.Items) != 1 {
		t.Fatalf("%d secrets with keys, %v; want one", len(all.Items), err)
	}
	secret := all.Items[0]
	if secret.Annotations["rescue.dev/repository"] != "backups/time-log" || len(secret.Data["encryptionKey"]) != 64 || secret.Immutable == nil || !*secret.Immutable {
		t.Errorf("secret %s: annotations %v, key of %d bytes, immutable %v", secret.Name, secret.Annotations, len(secret.Data["encryptionKey"]), secret.Immutable)
	}
	if _, marked := secret.Labels["run"]; marked {
		t.Error("the secret has the label of the run: it would be removed with the run")
	}
	if !strings.Contains(d.log.String(), secret.Name) || strings.Contains(d.log.String(), string(secret.Data["encryptionKey"])) {
		t.Errorf("the log must name the secret and not hold the key:\n%s", d.log)
	}
	run(t, funcs.BackupData(), d, backupArgs(src, noKey))
	back := restoreArgs(funcs.Args{"encryptionKey": nil, "backupIdentifier": id, "restorePath": t.TempDir()})
	run(t, funcs.RestoreData(), d, back)

	otherKey := backupArgs(src, funcs.Args{"encryptionKey": nil, "backupArtifactPrefix": "other"})
	run(t, funcs.BackupData(), d, backupArgs(src, funcs.Args{"backupArtifactPrefix": "other"}))
	stray := secret.DeepCopy()
	stray.Name = "rescue-key-backups-other-6d39b319"
	stray.ResourceVersion = ""
	if _, err := secrets.Create(ctx, stray, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := funcs.BackupData().Exec(ctx, d.Env, otherKey); mover.CodeOf(err) != mover.CodeWrongKey || !strings.Contains(err.Error(), stray.Name) {
		t.Errorf("with a key in the secret that does not fit: %v", err)
	}
	if err := secrets.Delete(ctx, stray.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}

	if err := secrets.Delete(ctx, secret.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, call := range []struct {
		f    funcs.Func
		args funcs.Args
	}{{funcs.RestoreData(), back}, {funcs.BackupData(), backupArgs(src, noKey)}} {
		_, err := call.f.Exec(ctx, d.Env, call.args)
		if mover.CodeOf(err) != mover.CodeWrongKey || !strings.Contains(err.Error(), "rescue/"+secret.Name) {
			t.Errorf("%s without the secret: %v", call.f.Name(), err)
		}
	}
	if all, err := secrets.List(ctx, metav1.ListOptions{}); err != nil || len(all.Items) != 0 {
		t.Errorf("a new key was made for an old repository: %d secrets, %v", len(all.Items), err)
	}
}

func TestDataFunctionErrors(t *testing.T) {
	d := newDataEnv(t)
	src := sample(t)
	id := run(t, funcs.BackupData(), d, backupArgs(src, nil))["backupID"]
	noProgram := func(funcs.ExecOptions) error {
		return errors.New(`exec: "rescue": executable file not found in $PATH`)
	}
	for _, tc := range []struct {
		name   string
		f      funcs.Func
		args   funcs.Args
		change func(*dataEnv)
		want   string
	}{
		{"no profile", funcs.BackupData(), backupArgs(src, nil), func(d *dataEnv) { d.Params.Profile = nil }, "--profile"},
		{"nothing to back up", funcs.BackupData(), backupArgs("/no/such/path", nil), nil, "nothing at /no/such/path"},
		{"other key", funcs.BackupData(), backupArgs(src, funcs.Args{"encryptionKey": "x"}), nil, "key does not fit"},
		{"no program in the sidecar", funcs.BackupData(), backupArgs(src, nil), func(d *dataEnv) { d.exec.broken = noProgram }, "Rescue's tools image"},
		{"no program in the image", funcs.RestoreData(), restoreArgs(funcs.Args{"backupIdentifier": id}), func(d *dataEnv) { d.exec.broken = noProgram }, "image tools:1 cannot move data"},
		{"unknown argument", funcs.BackupData(), backupArgs(src, funcs.Args{"includePaths": "x"}), nil, "includePaths"},
		{"unknown snapshot", funcs.RestoreData(), restoreArgs(funcs.Args{"backupIdentifier": "0badf00d"}), nil, "no snapshot 0badf00d"},
		{"unknown tag", funcs.RestoreData(), restoreArgs(funcs.Args{"backupTag": "nope"}), nil, "the tag nope"},
		{"neither id nor tag", funcs.RestoreData(), restoreArgs(nil), nil, "one of backupTag and backupIdentifier"},
		{"id and tag", funcs.RestoreData(), restoreArgs(funcs.Args{"backupTag": "t", "backupIdentifier": "i"}), nil, "one of backupTag and backupIdentifier"},
		{"empty pod", funcs.RestoreData(), restoreArgs(funcs.Args{"backupTag": "t", "pod": ""}), nil, "one of pod and volumes"},
		{"pod and volumes", funcs.RestoreData(), restoreArgs(funcs.Args{"backupTag": "t", "volumes": map[string]any{"data-web-0": "/x"}}), nil, "one of pod and volumes"},
		{"unknown pod", funcs.RestoreData(), restoreArgs(funcs.Args{"backupTag": "t", "pod": "web-7"}), nil, "its pods were web-0"},
		{"pod of nothing", funcs.RestoreData(), restoreArgs(funcs.Args{"backupTag": "t"}), func(d *dataEnv) { d.Params.StatefulSet = nil }, "give volumes instead"},
		{"unknown volume", funcs.RestoreData(), restoreArgs(funcs.Args{"backupTag": "t", "pod": nil, "volumes": map[string]any{"gone": "/x"}}), nil, "shop/gone"},
		{"restore over the location", funcs.RestoreData(), restoreArgs(funcs.Args{"backupTag": "t"}), func(d *dataEnv) { d.Params.Profile.Location.Claim = "data-web-0" }, "location of the backups"},
		{"location not mounted", funcs.BackupData(), backupArgs(src, nil), func(d *dataEnv) { d.Params.Profile.Location.Endpoint = "/no/such/mount" }, "does not exist here: mount it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newDataEnv(t)
			e.Params.Profile.Location = d.Params.Profile.Location
			if tc.change != nil {
				tc.change(e)
			}
			_, err := tc.f.Exec(context.Background(), e.Env, tc.args)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestProgressOfDataFunctions(t *testing.T) {
	d := newDataEnv(t)
	d.exec.broken = func(o funcs.ExecOptions) error {
		_, err := io.WriteString(o.Stdout, `{"progress":{"hashed":1,"cached":2,"uploaded":3,"restored":4,"estimated":5}}
{"result":{"backup":{"snapshotID":"i"}}}
`)
		return err
	}
	var got []funcs.Progress
	d.Progress = func(p funcs.Progress) { got = append(got, p) }
	run(t, funcs.BackupData(), d, backupArgs("/x", nil))
	want := []funcs.Progress{{HashedBytes: 1, CachedBytes: 2, UploadedBytes: 3, RestoredBytes: 4, EstimatedBytes: 5}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

// TestDataFunctionsNamespace: without a namespace, all happens in Rescue's own.
func TestDataFunctionsNamespace(t *testing.T) {
	for name, tc := range map[string]struct {
		f         funcs.Func
		namespace any // argument; nil for none
		want      string
	}{
		"backup":                   {funcs.BackupData(), "shop", "shop"},
		"backup, no namespace":     {funcs.BackupData(), nil, "rescue"},
		"backup, empty namespace":  {funcs.BackupData(), "", "rescue"},
		"restore":                  {funcs.RestoreData(), "shop", "shop"},
		"restore, no namespace":    {funcs.RestoreData(), nil, "rescue"},
		"restore, empty namespace": {funcs.RestoreData(), "", "rescue"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDataEnv(t)
			var req agent.Request
			d.exec.broken = func(o funcs.ExecOptions) error {
				_, err := io.WriteString(o.Stdout, `{"result":{"backup":{"snapshotID":"i"},"restore":{"snapshotID":"i"}}}`+"\n")
				return errors.Join(err, json.NewDecoder(o.Stdin).Decode(&req))
			}
			own := claim("data-web-0")
			own.Namespace = "rescue"
			if _, err := d.Kube.CoreV1().PersistentVolumeClaims("rescue").Create(t.Context(), own, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			args := backupArgs("/x", funcs.Args{"namespace": tc.namespace})
			if tc.f.Name() == "RestoreData" {
				args = restoreArgs(funcs.Args{"namespace": tc.namespace, "backupIdentifier": "i"})
			}
			run(t, tc.f, d, args)
			if at := d.exec.calls[0].Namespace; at != tc.want || req.Namespace != tc.want {
				t.Errorf("ran in namespace %q, the data is of %q, want %q", at, req.Namespace, tc.want)
			}
			for _, pod := range d.pods {
				if pod.Namespace != tc.want {
					t.Errorf("pod in namespace %q, want %q", pod.Namespace, tc.want)
				}
			}
		})
	}
}

// TestRestoreDataWrites: a volume that can be shared for reading is restored to all
// the same.
func TestRestoreDataWrites(t *testing.T) {
	d := newDataEnv(t)
	shared := claim("shared")
	shared.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadOnlyMany}
	if _, err := d.Kube.CoreV1().PersistentVolumeClaims("shop").Create(t.Context(), shared, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	id := run(t, funcs.BackupData(), d, backupArgs(sample(t), nil))["backupID"]
	run(t, funcs.RestoreData(), d, restoreArgs(funcs.Args{
		"backupIdentifier": id, "restorePath": t.TempDir(), "pod": nil, "volumes": map[string]any{"shared": "/data"},
	}))
	spec := d.pods[0].Spec
	if spec.Volumes[0].PersistentVolumeClaim.ReadOnly || spec.Containers[0].VolumeMounts[0].ReadOnly {
		t.Errorf("mounted read-only: %+v", spec.Volumes[0].PersistentVolumeClaim)
	}
}

// TestDataFunctionsEmptyResult: a mover of another release leaves out what it did.
func TestDataFunctionsEmptyResult(t *testing.T) {
	for _, tc := range []struct {
		f    funcs.Func
		args funcs.Args
	}{
		{funcs.BackupData(), backupArgs("/x", nil)},
		{funcs.RestoreData(), restoreArgs(funcs.Args{"backupIdentifier": "i"})},
		{funcs.BackupDataStats(), deleteArgs(funcs.Args{"backupID": "i"})},
		{funcs.DeleteData(), deleteArgs(funcs.Args{"backupID": "i", "reclaimSpace": true})},
	} {
		t.Run(tc.f.Name(), func(t *testing.T) {
			d := newDataEnv(t)
			d.exec.broken = func(o funcs.ExecOptions) error {
				_, err := io.WriteString(o.Stdout, `{"result":{}}`+"\n")
				return err
			}
			_, err := tc.f.Exec(t.Context(), d.Env, tc.args)
			if err == nil || mover.CodeOf(err) != mover.CodeFailed || !strings.Contains(err.Error(), "without saying what it did") {
				t.Errorf("error %v", err)
			}
		})
	}
}
