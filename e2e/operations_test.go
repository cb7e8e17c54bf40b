//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/funcs"
	runs "github.com/rescuecue/rescue/interp/run"
)

// An installation of deploy/cron in a namespace of the test, which also has the
// application.
type installation struct {
	t    *testing.T
	env  *funcs.Env
	cron *batchv1.CronJob
}

const timeLog = "../examples/timelog/timelog.cue"

// TestCronJob: the manifests of the operations guide, with the roles that rescue rbac
// prints and no others, back an application up in the cluster; a Job restores it by the
// journal that the first has left on the claim.
func TestCronJob(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	profile := profileYAML(s3Profile(t))
	b := bench{t: t, env: env, rescue: buildRescue(t), dir: t.TempDir()}
	b.deploy("../examples/timelog/app.yaml")
	b.exec("cd /var/log/time-log; for i in 1 2 3; do echo entry $i > $i.log; done; head -c 3000000 /dev/urandom > large")
	before := b.exec("cd /var/log/time-log; sha256sum large *.log")
	in := install(t, env, b.rescue, profile)

	backup := in.run("backup", nil)
	if backup.State != runs.Complete {
		t.Fatalf("the backup is %s: %q", backup.State, backup.Errors)
	}
	b.exec("rm -rf /var/log/time-log/*")
	restore := in.run("restore", []string{"run", "restore", "--blueprint=/etc/rescue/blueprint/timelog.cue",
		"--from=" + backup.Run, "--profile=/etc/rescue/profile/profile.yaml", "--output=json"})
	if restore.State != runs.Complete {
		t.Fatalf("the restore is %s: %q", restore.State, restore.Errors)
	}
	b.ready()
	if after := b.exec("cd /var/log/time-log; sha256sum large *.log"); after != before {
		t.Errorf("the restored data differs:\nbefore:\n%s\nafter:\n%s", before, after)
	}
	b.nothingLeft()
}

// install applies the manifests, and makes what the guide makes by hand.
func install(t *testing.T, env *funcs.Env, rescue, profile string) *installation {
	t.Helper()
	in := &installation{t: t, env: env}
	src, err := os.ReadFile("../deploy/cron/backup.yaml")
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("namespace: backup", "namespace: "+env.Namespace, "=shop/", "="+env.Namespace+"/", "localhost/rescue-tools:dev", toolsImage())
	for doc := range strings.SplitSeq(here.Replace(string(src)), "\n---\n") {
		in.create([]byte(doc))
	}
	blueprint, err := os.ReadFile(timeLog)
	if err != nil {
		t.Fatal(err)
	}
	ctx, core := t.Context(), env.Kube.CoreV1()
	_, err = core.ConfigMaps(env.Namespace).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "time-log-blueprint"}, Data: map[string]string{"timelog.cue": string(blueprint)},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = core.Secrets(env.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "rescue-profile"}, StringData: map[string]string{"profile.yaml": profile},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	in.allow(rescue)
	return in
}

// create makes an object of the manifests. The CronJob itself is suspended: the test says
// when there is a Job of it.
func (in *installation) create(doc []byte) {
	in.t.Helper()
	var kind metav1.TypeMeta
	err := yaml.Unmarshal(doc, &kind)
	ctx, namespace := in.t.Context(), in.env.Namespace
	switch {
	case err != nil:
	case kind.Kind == "ServiceAccount":
		err = createFrom(doc, func(o *corev1.ServiceAccount) error {
			_, err := in.env.Kube.CoreV1().ServiceAccounts(namespace).Create(ctx, o, metav1.CreateOptions{})
			return err
		})
	case kind.Kind == "PersistentVolumeClaim":
		err = createFrom(doc, func(o *corev1.PersistentVolumeClaim) error {
			_, err := in.env.Kube.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, o, metav1.CreateOptions{})
			return err
		})
	case kind.Kind == "CronJob":
		err = createFrom(doc, func(o *batchv1.CronJob) error {
			suspended := true
			o.Spec.Suspend = &suspended
			in.cron, err = in.env.Kube.BatchV1().CronJobs(namespace).Create(ctx, o, metav1.CreateOptions{})
			return err
		})
	default:
		err = fmt.Errorf("kind %q is not expected here", kind.Kind)
	}
	if err != nil {
		in.t.Fatalf("%v\n%s", err, doc)
	}
}

// allow gives the account the roles that the guide says.
func (in *installation) allow(rescue string) {
	in.t.Helper()
	namespace := in.env.Namespace
	cmd := exec.CommandContext(in.t.Context(), rescue, "rbac", timeLog, "--action", "backup", "--action", "restore",
		"--namespace", namespace, "--service-account", namespace+"/rescue", "--name", namespace)
	out, err := cmd.Output()
	if err != nil {
		in.t.Fatal(err)
	}
	r := &restricted{t: in.t, env: in.env, dir: in.t.TempDir()}
	r.apply(out)
	r.writeConfig(accountConfig(in.t, in.env, "rescue"))
	r.await(in.t)
}

// progressLine is a line of standard error. The log of a container has both its outputs, and
// the order of their lines is not that in which they were written.
var progressLine = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d .*\n`)

// run makes a Job of the CronJob, with other arguments if there are any, and reads the
// document that its run prints.
func (in *installation) run(name string, args []string) runs.Result {
	in.t.Helper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: *in.cron.Spec.JobTemplate.Spec.DeepCopy()}
	if args != nil {
		job.Spec.Template.Spec.Containers[0].Args = args
	}
	if _, err := in.env.Kube.BatchV1().Jobs(in.env.Namespace).Create(in.t.Context(), job, metav1.CreateOptions{}); err != nil {
		in.t.Fatal(err)
	}
	text := in.ended(name)
	in.t.Logf("%s:\n%s", name, text)
	var result runs.Result
	if err := json.Unmarshal([]byte(progressLine.ReplaceAllString(text, "")), &result); err != nil {
		in.t.Fatalf("%s printed no document: %v", name, err)
	}
	return result
}

// ended waits for the end of a Job, and returns the log of its pod.
func (in *installation) ended(name string) string {
	in.t.Helper()
	jobs := in.env.Kube.BatchV1().Jobs(in.env.Namespace)
	err := wait.PollUntilContextTimeout(in.t.Context(), 200*time.Millisecond, 4*time.Minute, true, func(ctx context.Context) (bool, error) {
		job, err := jobs.Get(ctx, name, metav1.GetOptions{})
		return err == nil && job.Status.Succeeded+job.Status.Failed > 0, err
	})
	if err != nil {
		in.t.Fatalf("job %s does not end: %v", name, err)
	}
	pods := in.env.Kube.CoreV1().Pods(in.env.Namespace)
	list, err := pods.List(in.t.Context(), metav1.ListOptions{LabelSelector: "job-name=" + name})
	if err != nil || len(list.Items) != 1 {
		in.t.Fatalf("job %s has %d pods, %v", name, len(list.Items), err)
	}
	log, err := pods.GetLogs(list.Items[0].Name, &corev1.PodLogOptions{}).Stream(in.t.Context())
	if err != nil {
		in.t.Fatal(err)
	}
	defer log.Close()
	text, err := io.ReadAll(log)
	if err != nil {
		in.t.Fatal(err)
	}
	return string(text)
}
