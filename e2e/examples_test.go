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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/store"
	runs "github.com/rescuecue/rescue/interp/run"
)

// An example is a blueprint of examples/ and its application, in a namespace of the
// test.
type example struct {
	t        *testing.T
	env      *funcs.Env
	rescue   string
	dir      string // of the test's own files
	profile  string
	location *compat.Profile
	// account runs the actions. It may do what rescue rbac says that they need, and no more.
	account *restricted

	blueprint string
	kind      string // statefulset or deployment
	name      string // of the workload
	options   []string
	// sharesRepository: all backups are in one repository, which outlives each of them.
	sharesRepository bool
}

// server is how the tests run an application's server: not from its own image, which no
// cluster without a registry has, but from one that Debian's packages make.
type server struct {
	image string
	// command replaces the image's own, if it is set.
	command []string
}

// newExample deploys examples/NAME/workload.yaml and waits until it is ready.
func newExample(t *testing.T, name string, s server) *example {
	t.Helper()
	env, _ := newEnv(t)
	e := &example{
		t: t, env: env, location: s3Profile(t), rescue: buildRescue(t), dir: t.TempDir(),
		blueprint: "../examples/" + name, kind: "statefulset", name: name,
		options: []string{"tools=" + toolsImage()},
	}
	e.profile = filepath.Join(e.dir, "profile.yaml")
	if err := os.WriteFile(e.profile, []byte(profileYAML(e.location)), 0o600); err != nil {
		t.Fatal(err)
	}
	e.deploy("../examples/"+name+"/workload.yaml", s)
	e.restrict()
	return e
}

// restrict makes the account of the example, with just the roles that rescue rbac prints
// for its blueprint, without the optional permissions.
func (e *example) restrict() {
	e.t.Helper()
	kind := map[string]string{"statefulset": "StatefulSet", "deployment": "Deployment"}[e.kind]
	e.account = restrict(e.t, e.env, e.rescue, e.blueprint, "--kind", kind, "--optional", "none")
	e.account.await(e.t)
}

func (e *example) deploy(path string, s server) {
	e.t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		e.t.Fatal(err)
	}
	manifest := strings.ReplaceAll(string(src), "namespace: demo", "namespace: "+e.env.Namespace)
	for _, doc := range strings.Split(manifest, "\n---\n") {
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(doc), nil, nil)
		if err != nil {
			e.t.Fatalf("%s: %v", path, err)
		}
		if err := e.create(object, s); err != nil {
			e.t.Fatalf("%s: %v", path, err)
		}
	}
	e.ready()
}

func (e *example) create(object runtime.Object, s server) (err error) {
	ctx, kube := e.t.Context(), e.env.Kube
	switch o := object.(type) {
	case *corev1.Secret:
		_, err = kube.CoreV1().Secrets(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
	case *corev1.Service:
		_, err = kube.CoreV1().Services(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
	case *corev1.PersistentVolumeClaim:
		_, err = kube.CoreV1().PersistentVolumeClaims(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
	case *appsv1.Deployment:
		_, err = kube.AppsV1().Deployments(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
	case *appsv1.StatefulSet:
		c := &o.Spec.Template.Spec.Containers[0]
		c.Image = s.image
		if s.command != nil {
			c.Command = s.command
		}
		e.name = o.Name
		_, err = kube.AppsV1().StatefulSets(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
	default:
		err = fmt.Errorf("%T is not expected here", o)
	}
	return err
}

// ready waits until all pods of the workload are.
func (e *example) ready() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 4*time.Minute)
	defer cancel()
	for {
		pods, err := e.env.Kube.CoreV1().Pods(e.env.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			e.t.Fatalf("%s does not get ready: %v\n%s", e.name, err, e.podLog())
		}
		if e.allReady(ctx, pods.Items) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (e *example) allReady(ctx context.Context, pods []corev1.Pod) bool {
	want := 1
	if e.kind == "statefulset" {
		set, err := e.env.Kube.AppsV1().StatefulSets(e.env.Namespace).Get(ctx, e.name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		want = int(*set.Spec.Replicas)
	}
	ready := 0
	for _, pod := range pods {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil {
				ready++
			}
		}
	}
	return ready == want && len(pods) == want
}

// podLog is what the first container of each pod wrote at last, for messages.
func (e *example) podLog() string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	pods, err := e.env.Kube.CoreV1().Pods(e.env.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, pod := range pods.Items {
		lines := int64(40)
		logs, err := e.env.Kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: &lines}).DoRaw(ctx)
		fmt.Fprintf(&b, "%s: %s %v\n%s\n", pod.Name, pod.Status.Phase, err, logs)
	}
	return b.String()
}

// exec runs a shell script in a pod of the StatefulSet.
func (e *example) exec(pod int, script string) string {
	e.t.Helper()
	out, err := shell(e.t.Context(), e.t, e.env, funcs.ExecOptions{
		Namespace: e.env.Namespace, Pod: fmt.Sprintf("%s-%d", e.name, pod), Command: []string{"sh", "-e", "-c", script},
	}, "")
	if err != nil {
		e.t.Fatalf("%s: %v", script, err)
	}
	return out
}

// address of the Service, for clusters without a name server.
func (e *example) address() string {
	e.t.Helper()
	service, err := e.env.Kube.CoreV1().Services(e.env.Namespace).Get(e.t.Context(), e.name, metav1.GetOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	return service.Spec.ClusterIP
}

// podAddress is that of the first pod.
func (e *example) podAddress() string {
	e.t.Helper()
	pod, err := e.env.Kube.CoreV1().Pods(e.env.Namespace).Get(e.t.Context(), e.name+"-0", metav1.GetOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	return pod.Status.PodIP
}

func (e *example) command(action string, more ...string) *exec.Cmd {
	args := []string{"run", action, "-b", e.blueprint, "-o", "json",
		"--" + e.kind, e.env.Namespace + "/" + e.name, "--profile", e.profile,
		"--work-namespace", e.env.Namespace, "--state-dir", e.dir, "--kubeconfig", e.account.kubeconfig()}
	for _, o := range e.options {
		args = append(args, "--option", o)
	}
	return exec.CommandContext(e.t.Context(), e.rescue, append(args, more...)...)
}

// run runs an action, which must succeed, and returns the file with its result. Nothing
// that it does may be refused.
func (e *example) run(action string, more ...string) string {
	e.t.Helper()
	var out, talk bytes.Buffer
	cmd := e.command(action, more...)
	cmd.Stdout, cmd.Stderr = &out, &talk
	start := time.Now()
	if err := cmd.Run(); err != nil {
		e.t.Fatalf("%s: %v\n%s%s", action, err, talk.String(), out.String())
	}
	e.t.Logf("%s took %s", action, time.Since(start).Round(time.Millisecond))
	if strings.Contains(talk.String(), "forbidden") {
		e.t.Errorf("%s was refused something:\n%s", action, talk.String())
	}
	var o outcome
	if err := json.Unmarshal(out.Bytes(), &o.Result); err != nil {
		e.t.Fatalf("%s printed no JSON: %v\n%s", action, err, out.String())
	}
	if o.State != runs.Complete {
		e.t.Fatalf("%s: %s", action, o.State)
	}
	file := filepath.Join(e.dir, action+".json")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		e.t.Fatal(err)
	}
	return file
}

// fails runs an action that must end with exit code 1, and not for want of a permission.
func (e *example) fails(action string, more ...string) string {
	e.t.Helper()
	var talk bytes.Buffer
	cmd := e.command(action, more...)
	cmd.Stderr = &talk
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); err == nil || code != 1 {
		e.t.Errorf("%s: exit code %d, expected 1\n%s", action, code, talk.String())
	}
	if strings.Contains(talk.String(), "forbidden") {
		e.t.Errorf("%s was refused something:\n%s", action, talk.String())
	}
	return talk.String()
}

// objects counts what is in the location.
func (e *example) objects() int {
	e.t.Helper()
	s, err := store.Open(e.t.Context(), e.location)
	if err != nil {
		e.t.Fatal(err)
	}
	n := 0
	if err := s.List(e.t.Context(), "", func(store.Object) error { n++; return nil }); err != nil {
		e.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		e.t.Fatal(err)
	}
	return n
}

// survives backs the application up, destroys its data, restores it and compares, and
// then deletes the backup. fingerprint has all that is to come back, in at least so many
// lines.
func (e *example) survives(lines int, fingerprint func() string, destroy func()) {
	e.t.Helper()
	before := fingerprint()
	// A script that fails to say anything must not make two empty texts equal.
	if n := strings.Count(before, "\n"); n < lines {
		e.t.Fatalf("%d lines say what there is, expected %d at least:\n%s", n, lines, before)
	}
	artifacts := e.run("backup")
	destroy()
	if fingerprint() == before {
		e.t.Fatal("destroying changed nothing")
	}
	e.run("restore", "--artifacts", artifacts)
	e.ready()
	if after := fingerprint(); after != before {
		e.t.Errorf("the restored data differs:\nbefore:\n%s\nafter:\n%s", head(before), head(after))
	}
	e.run("delete", "--artifacts", artifacts)
	if n := e.objects(); n != 0 && !e.sharesRepository {
		e.t.Errorf("%d objects are left in the location", n)
	}
	e.fails("restore", "--artifacts", artifacts)
	e.nothingLeft()
}

func head(text string) string { return text[:min(len(text), 8000)] }

// nothingLeft looks for what runs have made for their own time.
func (e *example) nothingLeft() {
	e.t.Helper()
	ours := metav1.ListOptions{LabelSelector: runs.Label}
	pods, err := e.env.Kube.CoreV1().Pods(e.env.Namespace).List(e.t.Context(), ours)
	if err != nil {
		e.t.Fatal(err)
	}
	secrets, err := e.env.Kube.CoreV1().Secrets(e.env.Namespace).List(e.t.Context(), ours)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil {
			e.t.Errorf("pod %s was left", p.Name)
		}
	}
	for _, s := range secrets.Items {
		e.t.Errorf("Secret %s was left", s.Name)
	}
}
