//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	runs "github.com/rescuecue/rescue/interp/run"
)

// The demo's blueprint (BackupData, KubeExec, ScaleWorkload, RestoreData, KubeTask,
// DeleteData and LocationDelete), on a real cluster with a real S3 server, through the
// program that users run.
func TestTimeLog(t *testing.T) {
	env, _ := newEnv(t)
	s3 := s3Profile(t)
	b := bench{t: t, env: env, rescue: buildRescue(t), dir: t.TempDir()}
	b.profile = b.write("profile.yaml", profileYAML(s3))
	b.deploy("../examples/timelog/app.yaml")
	b.exec("mkdir -p /var/log/time-log/sub/empty; cd /var/log/time-log; " +
		"for i in 1 2 3 4 5 6 7 8 9; do echo entry $i > sub/$i.log; done; " +
		"head -c 20000000 /dev/urandom > 'large file.bin'; ln -s sub/1.log latest; chmod 600 sub/2.log")
	before := b.fingerprint()
	// 2 folders, 11 files and links with what stat says, 10 checksums: an image that
	// lacks stat or sha256sum must not make two empty texts equal.
	if n := strings.Count(before, "\n"); n != 23 {
		t.Fatalf("%d lines say what is in the volume, expected 23:\n%s", n, before)
	}

	backup := b.run("backup")
	if got := backup.Artifacts["summary"].KeyValue["files"]; got != "10" {
		t.Errorf("the script counted %s files, expected 10", got)
	}
	artifacts := b.write("backup.json", backup.raw)
	b.exec("rm -rf /var/log/time-log/* && test -z \"$(ls /var/log/time-log)\"")
	restore := b.run("restore", "--artifacts", artifacts)
	if got := restore.phase("report").Output["listed"]; got != "10" {
		t.Errorf("the list that was kept has %v lines, expected 10", got)
	}
	b.ready()
	if after := b.fingerprint(); after != before {
		t.Errorf("the restored data differs:\nbefore:\n%s\nafter:\n%s", before, after)
	}
	b.run("delete", "--artifacts", artifacts)
	b.fails("restore", "--artifacts", artifacts)
	b.nothingLeft()
}

// bench runs the program against one application.
type bench struct {
	t       *testing.T
	env     *funcs.Env
	rescue  string
	dir     string
	profile string
}

func (b *bench) write(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// deploy creates the application in the test's namespace.
func (b *bench) deploy(path string) {
	b.t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	manifest := strings.ReplaceAll(string(src), "namespace: demo", "namespace: "+b.env.Namespace)
	apply(b.t, b.env, manifest)
	b.ready()
}

func (b *bench) ready() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	for {
		pods, err := b.env.Kube.CoreV1().Pods(b.env.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=time-logger"})
		if err != nil {
			b.t.Fatalf("the application does not start: %v", err)
		}
		if len(pods.Items) == 1 && pods.Items[0].Status.Phase == corev1.PodRunning && pods.Items[0].DeletionTimestamp == nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (b *bench) pod() string {
	b.t.Helper()
	pods, err := b.env.Kube.CoreV1().Pods(b.env.Namespace).List(b.t.Context(), metav1.ListOptions{LabelSelector: "app=time-logger"})
	if err != nil || len(pods.Items) == 0 {
		b.t.Fatalf("no pod of the application: %v", err)
	}
	return pods.Items[0].Name
}

// exec runs a shell command in the application's container.
func (b *bench) exec(script string) string {
	b.t.Helper()
	out, err := shell(b.t.Context(), b.t, b.env, funcs.ExecOptions{
		Namespace: b.env.Namespace, Pod: b.pod(), Container: "app", Command: []string{"sh", "-e", "-c", script},
	}, "")
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return out
}

// fingerprint is a line for everything in the volume.
func (b *bench) fingerprint() string {
	return b.exec("cd /var/log/time-log; find . -mindepth 1 | sort | while read -r f; do " +
		"stat -c '%A %u %g %Y %N' \"$f\"; done; " +
		"find . -type f | sort | while read -r f; do sha256sum \"$f\"; done")
}

// outcome is what `rescue run -o json` printed.
type outcome struct {
	runs.Result
	raw string
}

func (o outcome) phase(name string) *runs.PhaseResult {
	for _, p := range o.Phases {
		if p.Name == name {
			return p
		}
	}
	return &runs.PhaseResult{}
}

func (b *bench) command(action string, more ...string) *exec.Cmd {
	args := append([]string{"run", action, "-b", "../examples/timelog/blueprint.yaml", "-o", "json",
		"--deployment", b.env.Namespace + "/time-logger", "--profile", b.profile,
		"--work-namespace", b.env.Namespace, "--state-dir", b.dir}, more...)
	return exec.CommandContext(b.t.Context(), b.rescue, args...)
}

// run runs an action, which must succeed.
func (b *bench) run(action string, more ...string) outcome {
	b.t.Helper()
	var out, talk bytes.Buffer
	cmd := b.command(action, more...)
	cmd.Stdout, cmd.Stderr = &out, &talk
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%s: %v\n%s%s", action, err, talk.String(), out.String())
	}
	b.t.Logf("%s took %s", action, time.Since(start).Round(time.Millisecond))
	o := outcome{raw: out.String()}
	if err := json.Unmarshal(out.Bytes(), &o.Result); err != nil {
		b.t.Fatalf("%s printed no JSON: %v\n%s", action, err, out.String())
	}
	if o.State != runs.Complete {
		b.t.Fatalf("%s: %s", action, o.State)
	}
	return o
}

// fails runs an action that must end with exit code 1 and say why.
func (b *bench) fails(action string, more ...string) {
	b.t.Helper()
	var talk bytes.Buffer
	cmd := b.command(action, more...)
	cmd.Stderr = &talk
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); err == nil || code != 1 {
		b.t.Errorf("%s: exit code %d, expected 1\n%s", action, code, talk.String())
	}
	b.t.Logf("%s failed as it should:\n%s", action, talk.String())
}

// nothingLeft looks for pods that runs have made.
func (b *bench) nothingLeft() {
	b.t.Helper()
	pods, err := b.env.Kube.CoreV1().Pods(b.env.Namespace).List(b.t.Context(), metav1.ListOptions{LabelSelector: runs.Label})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil {
			b.t.Errorf("pod %s was left", p.Name)
		}
	}
}

// profileYAML writes a profile and its Secret as a user would.
func profileYAML(p *compat.Profile) string {
	return fmt.Sprintf(`apiVersion: cr.kanister.io/v1alpha1
kind: Profile
metadata: {name: e2e, namespace: default}
location: {type: s3Compliant, bucket: %q, endpoint: %q}
credential:
  type: keyPair
  keyPair:
    idField: id
    secretField: secret
    secret: {name: e2e-keys, namespace: default}
---
apiVersion: v1
kind: Secret
metadata: {name: e2e-keys, namespace: default}
stringData: {id: %q, secret: %q}
`, p.Location.Bucket, p.Location.Endpoint, p.Credential.KeyPair.ID, p.Credential.KeyPair.Secret)
}

// apply creates the objects of a manifest that has claims and Deployments.
func apply(t *testing.T, env *funcs.Env, manifest string) {
	t.Helper()
	for _, doc := range strings.Split(manifest, "\n---\n") {
		var head struct{ Kind string }
		if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
			t.Fatal(err)
		}
		var err error
		switch head.Kind {
		case "PersistentVolumeClaim":
			var claim corev1.PersistentVolumeClaim
			if err = yaml.UnmarshalStrict([]byte(doc), &claim); err == nil {
				_, err = env.Kube.CoreV1().PersistentVolumeClaims(claim.Namespace).Create(t.Context(), &claim, metav1.CreateOptions{})
			}
		case "Deployment":
			var d appsv1.Deployment
			if err = yaml.UnmarshalStrict([]byte(doc), &d); err == nil {
				_, err = env.Kube.AppsV1().Deployments(d.Namespace).Create(t.Context(), &d, metav1.CreateOptions{})
			}
		default:
			err = fmt.Errorf("kind %q is not expected here", head.Kind)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
