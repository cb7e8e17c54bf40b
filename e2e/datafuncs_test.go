//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
)

// toolsImage has rescue and a shell.
func toolsImage() string {
	return cmp.Or(os.Getenv("RESCUE_E2E_TOOLS_IMAGE"), "localhost/rescue-tools:dev")
}

// fill makes files that are easily lost or changed, all from fixed seeds.
const fill = `
set -e
cd /data
seq 1 200000 > numbers
head -c 3000000 /dev/urandom > random
mkdir -p empty/deeper odd
for n in ' space ' 'new
line' "$(printf 'not\377utf8')" "$(printf 'not\376utf8')" x.kopia-entry .kopiaignore; do echo "$n" > "odd/$n"; done
echo '*' > odd/.kopiaignore
ln -sf numbers link
ln -sf /nowhere dangling
: > nothing
chmod 4711 numbers; chmod 0 nothing; chown 1234:4321 random; chmod 1777 empty
touch -d '1999-12-31 23:59:59' random
touch -d '2001-01-01 00:00:00' empty/deeper
`

// digest prints all that a restore must bring back: names, kinds, permissions,
// owners, times, link targets and contents; the same with each image's utilities.
const digest = `
cd /data
find . | LC_ALL=C sort | while IFS= read -r f; do
	if [ -e "$f" ] || [ -L "$f" ]; then echo "$f $(stat -c '%f %u:%g %Y %h' "$f") $(readlink "$f")"; fi
done
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sh -c 'for f; do md5sum < "$f"; done' sh
`

// app is a Deployment with a volume and a sidecar of the tools image.
type app struct {
	*funcs.Env
	t         *testing.T
	pod       string
	claim     string
	exportTo  string // claim of a filesystem location, mounted at /backups
	container string
	log       *logBuffer // of behindProxy
}

// newApp starts it and waits until its pod is ready.
func newApp(t *testing.T, env *funcs.Env, image, exportTo string) *app {
	t.Helper()
	a := &app{Env: env, t: t, claim: "data", exportTo: exportTo, container: "tools"}
	env.ToolsImage = toolsImage()
	newClaim(t, env, a.claim)
	volumes := map[string]string{a.claim: "/data"}
	if exportTo != "" {
		newClaim(t, env, exportTo)
		volumes[exportTo] = "/backups"
	}
	spec := corev1.PodSpec{TerminationGracePeriodSeconds: new(int64)}
	tools := corev1.Container{Name: "tools", Image: image, Command: sh("sleep 1000000"), ImagePullPolicy: corev1.PullIfNotPresent}
	for claim, path := range volumes {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}})
		tools.VolumeMounts = append(tools.VolumeMounts, corev1.VolumeMount{Name: claim, MountPath: path})
	}
	spec.Containers = []corev1.Container{tools}
	labels := map[string]string{"app": "web"}
	_, err := env.Kube.AppsV1().Deployments(env.Namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a.pod = a.ready()
	env.Params.Deployment = &compat.Workload{
		Name: "web", Namespace: env.Namespace, Pods: []string{a.pod},
		PersistentVolumeClaims: map[string]map[string]string{a.pod: {a.claim: "/data"}},
	}
	return a
}

func newClaim(t testing.TB, env *funcs.Env, name string) {
	t.Helper()
	_, err := env.Kube.CoreV1().PersistentVolumeClaims(env.Namespace).Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// ready returns the name of the pod once it is.
func (a *app) ready() string {
	a.t.Helper()
	var name string
	err := wait.PollUntilContextTimeout(a.t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		list, err := a.Kube.CoreV1().Pods(a.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil || len(list.Items) != 1 {
			return false, err
		}
		name = list.Items[0].Name
		for _, c := range list.Items[0].Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		a.t.Fatalf("the application does not start: %v", err)
	}
	return name
}

// sh runs a script in the sidecar and returns what it prints.
func (a *app) sh(script string) string {
	a.t.Helper()
	out, err := shell(a.t.Context(), a.t, a.Env, funcs.ExecOptions{
		Namespace: a.Namespace, Pod: a.pod, Container: a.container, Command: sh(script),
	}, "")
	if err != nil {
		a.t.Fatalf("%s: %v", script, err)
	}
	return out
}

// call runs a function that must not fail.
func (a *app) call(f funcs.Func, args funcs.Args) funcs.Output {
	a.t.Helper()
	out, err := run(a.t, a.t.Context(), f, a.Env, args)
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

func (a *app) backup(more funcs.Args) funcs.Args {
	args := funcs.Args{
		"namespace": a.Namespace, "pod": a.pod, "container": a.container,
		"includePath": "/data", "backupArtifactPrefix": "web/data",
	}
	for k, v := range more {
		args[k] = v
	}
	return args
}

func (a *app) restore(more funcs.Args) funcs.Args {
	args := funcs.Args{
		"namespace": a.Namespace, "image": toolsImage(),
		"backupArtifactPrefix": "web/data", "pod": a.pod,
	}
	for k, v := range more {
		args[k] = v
	}
	return args
}

// roundTrip backs up, destroys, restores and compares.
func (a *app) roundTrip() {
	a.t.Helper()
	a.sh(fill)
	want := a.sh(digest)
	if lines := strings.Count(want, "\n"); lines < 20 {
		a.t.Fatalf("the sample has only %d lines:\n%s", lines, want)
	}
	out := a.call(funcs.BackupData(), a.backup(nil))
	if out["fileCount"] != "9" || !strings.HasSuffix(out["size"].(string), "MiB") {
		a.t.Errorf("outputs %v", out)
	}
	a.sh("cd /data && rm -rf ./* && echo changed > numbers")
	a.call(funcs.RestoreData(), a.restore(funcs.Args{"backupIdentifier": out["backupID"]}))
	if got := a.sh(digest); got != want {
		a.t.Errorf("after the restore:\n%s\nbefore the backup:\n%s", got, want)
	}
	second := a.call(funcs.BackupData(), a.backup(nil))
	if strings.HasSuffix(second["phySize"].(string), "MiB") {
		a.t.Errorf("the second backup uploaded %s", second["phySize"])
	}
	a.sh("rm -rf /data/odd /data/link")
	a.call(funcs.RestoreData(), a.restore(funcs.Args{"backupTag": second["backupTag"]}))
	if got := a.sh(digest); got != want {
		a.t.Errorf("after the second restore:\n%s\nbefore the backup:\n%s", got, want)
	}
	if n := podsIn(a.t, a.Env); n != 1 {
		a.t.Errorf("%d pods, want the application's own", n)
	}
}

func TestDataToS3AndBack(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	a.roundTrip()

	_, err := run(t, t.Context(), funcs.BackupData(), env, a.backup(funcs.Args{"encryptionKey": "another"}))
	if mover.CodeOf(err) != mover.CodeWrongKey {
		t.Errorf("wrong key: %v", err)
	}
	_, err = run(t, t.Context(), funcs.RestoreData(), env, a.restore(funcs.Args{"backupIdentifier": "0badf00d"}))
	if mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("unknown snapshot: %v", err)
	}
	env.Params.Profile.Credential.KeyPair.Secret = "wrong"
	_, err = run(t, t.Context(), funcs.BackupData(), env, a.backup(nil))
	if mover.CodeOf(err) != mover.CodeDenied {
		t.Errorf("wrong secret key: %v", err)
	}
	env.Params.Profile.Location.Endpoint = "http://127.0.0.1:9"
	_, err = run(t, t.Context(), funcs.BackupData(), env, a.backup(nil))
	if mover.CodeOf(err) != mover.CodeUnreachable {
		t.Errorf("no store: %v", err)
	}
}

func TestDataToAVolumeAndBack(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = &compat.Profile{Location: compat.Location{
		Type: compat.LocationFilesystem, Endpoint: "/backups", Bucket: "rescue", Claim: "backups",
	}}
	newApp(t, env, toolsImage(), "backups").roundTrip()
}

func TestDataNeedsTheTools(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, image(), "")
	_, err := run(t, t.Context(), funcs.BackupData(), env, a.backup(nil))
	if mover.CodeOf(err) != mover.CodeNoProgram {
		t.Errorf("sidecar without the tools: %v", err)
	}
	t.Log(err)
	_, err = run(t, t.Context(), funcs.RestoreData(), env, a.restore(funcs.Args{
		"image": image(), "backupTag": "t", "encryptionKey": "k",
	}))
	if mover.CodeOf(err) != mover.CodeNoProgram {
		t.Errorf("image without the tools: %v", err)
	}
	t.Log(err)
	if n := podsIn(t, env); n != 1 {
		t.Errorf("%d pods, want the application's own", n)
	}
}

// mebibytes reads an output such as "1.234 MiB" or "1.234 GiB".
func mebibytes(t *testing.T, size any) float64 {
	t.Helper()
	var n float64
	var unit string
	if _, err := fmt.Sscanf(size.(string), "%f %s", &n, &unit); err != nil {
		t.Fatalf("size %q: %v", size, err)
	}
	if unit == "GiB" {
		n *= 1024
	}
	return n
}

// TestCancelledBackupStops looks at the processes of the sidecar: Kubernetes does
// not end a command whose caller is gone.
func TestCancelledBackupStops(t *testing.T) {
	t.Parallel()
	// The store is so slow that the upload cannot be over before it is cancelled.
	a, _ := behindProxy(t)
	env := a.Env
	a.sh("cd /data && for i in 1 2 3 4 5 6; do head -c 100000000 /dev/urandom > $i; done")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	env.Progress = func(p funcs.Progress) {
		if p.UploadedBytes > 200<<20 {
			cancel()
		}
	}
	if _, err := run(t, ctx, funcs.BackupData(), env, a.backup(nil)); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want a cancelled backup", err)
	}
	err := wait.PollUntilContextTimeout(t.Context(), time.Second, time.Minute, true, func(context.Context) (bool, error) {
		return !strings.Contains(a.sh("ps -o args"), "rescue mover"), nil
	})
	if err != nil {
		t.Errorf("the mover still runs:\n%s", a.sh("ps -o args"))
	}
	env.Progress = nil
	out := a.call(funcs.BackupData(), a.backup(nil))
	if all, again := mebibytes(t, out["size"]), mebibytes(t, out["phySize"]); all-again < 150 {
		t.Errorf("uploaded %.0f of %.0f MiB after a cancelled backup had uploaded 200", again, all)
	}
}
