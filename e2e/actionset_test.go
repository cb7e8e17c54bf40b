//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
)

// An ActionSet with two actions, whose Blueprint is a resource of the cluster, backs up
// two applications at the same time; what it prints is restored from, as a file and as a
// resource.
func TestActionSet(t *testing.T) {
	env, _ := newEnv(t)
	f := &notesTest{t: t, env: env, rescue: buildRescue(t), dir: t.TempDir()}
	f.installDefinitions()
	f.createResource("blueprints", strings.ReplaceAll(readFile(t, "testdata/notes.yaml"), "IMAGE", image()))
	for _, app := range []string{"north", "south"} {
		f.deploy(app)
		f.sh(app, fmt.Sprintf("printf 'a note of %s\\nwith \"quotes\"\\n' > /data/note", app))
	}

	done := f.run("-f", f.write("set.yaml", f.actionSet()), "-o", "yaml")
	set := f.status(done)
	if got := set.Actions[0].Artifacts["note"].KeyValue["greeting"]; got != "hello north, notes" {
		t.Errorf("the pod of the first action greets with %q: are podOverride and podLabels in it?", got)
	}
	if got := set.Actions[1].Artifacts["note"].KeyValue["greeting"]; got != " south, " {
		t.Errorf("the pod of the second action greets with %q: it has what the first one asked for", got)
	}

	f.loseAndRestore("--from", f.write("done.yaml", done))

	// No sub-resource: the status goes in with the object, as Kanister writes it.
	f.createResource("actionsets", done)
	f.loseAndRestore("--from", env.Namespace+"/both")
	again := f.status(f.run("--actionset", env.Namespace+"/both", "-o", "yaml"))
	if again.Actions[1].Artifacts["note"].KeyValue["text"] != set.Actions[1].Artifacts["note"].KeyValue["text"] {
		t.Errorf("the ActionSet of the cluster backed up something else: %v", again)
	}
	noPodsOfRuns(t, env)
}

// notesTest runs the program against two applications with a file each.
type notesTest struct {
	t      *testing.T
	env    *funcs.Env
	rescue string
	dir    string
}

func kanisterResource(name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cr.kanister.io", Version: "v1alpha1", Resource: name}
}

// installDefinitions leaves the definitions behind: other tests may be using them.
func (f *notesTest) installDefinitions() {
	f.t.Helper()
	for doc := range strings.SplitSeq(readFile(f.t, "testdata/kanister-crds.yaml"), "\n---\n") {
		object := f.object(doc)
		_, err := f.env.Dynamic.Resource(crds).Create(f.t.Context(), object, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			f.t.Fatal(err)
		}
	}
	for _, resource := range []string{"actionsets", "blueprints"} {
		var last error
		err := wait.PollUntilContextTimeout(f.t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
			_, last = f.env.Dynamic.Resource(kanisterResource(resource)).Namespace(f.env.Namespace).List(ctx, metav1.ListOptions{})
			return last == nil, nil
		})
		if err != nil {
			f.t.Fatalf("%s are not served: %v", resource, last)
		}
	}
}

func (f *notesTest) object(text string) *unstructured.Unstructured {
	f.t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		f.t.Fatalf("%v\n%s", err, text)
	}
	return object
}

func (f *notesTest) createResource(resource, text string) {
	f.t.Helper()
	object := f.object(text)
	_, err := f.env.Dynamic.Resource(kanisterResource(resource)).Namespace(f.env.Namespace).Create(f.t.Context(), object, metav1.CreateOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *notesTest) deploy(app string) {
	f.t.Helper()
	apply(f.t, f.env, fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: %[3]s
        command: [sh, -c, "while true; do sleep 1; done"]
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, emptyDir: {}}]
`, app, f.env.Namespace, image()))
	f.pod(app)
}

// pod waits until the application runs.
func (f *notesTest) pod(app string) string {
	f.t.Helper()
	name := ""
	err := wait.PollUntilContextTimeout(f.t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		pods, err := f.env.Kube.CoreV1().Pods(f.env.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil || len(pods.Items) != 1 || pods.Items[0].Status.Phase != corev1.PodRunning {
			return false, nil
		}
		name = pods.Items[0].Name
		return true, nil
	})
	if err != nil {
		f.t.Fatalf("%s does not start: %v", app, err)
	}
	return name
}

func (f *notesTest) sh(app, script string) string {
	f.t.Helper()
	out, err := shell(f.t.Context(), f.t, f.env, funcs.ExecOptions{
		Namespace: f.env.Namespace, Pod: f.pod(app), Container: "main", Command: []string{"sh", "-e", "-c", script},
	}, "")
	if err != nil {
		f.t.Fatalf("%s: %v", script, err)
	}
	return out
}

func (f *notesTest) actionSet() string {
	return fmt.Sprintf(`apiVersion: cr.kanister.io/v1alpha1
kind: ActionSet
metadata: {name: both, namespace: %[1]s}
spec:
  actions:
  - name: backup
    blueprint: notes
    object: {kind: Deployment, name: north, namespace: %[1]s}
    options: {name: north}
    podLabels: {team: notes}
    podOverride:
      containers:
      - name: container
        env:
        - {name: GREETING, value: hello}
        - {name: TEAM, valueFrom: {fieldRef: {fieldPath: "metadata.labels['team']"}}}
  - name: backup
    blueprint: notes
    object: {kind: deployment, name: south, namespace: %[1]s}
    options: {name: south}
`, f.env.Namespace)
}

func (f *notesTest) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// run runs the program, which must succeed, and returns what it printed.
func (f *notesTest) run(args ...string) string {
	f.t.Helper()
	var out, talk bytes.Buffer
	args = append([]string{"run", "--state-dir", f.dir, "--work-namespace", f.env.Namespace}, args...)
	cmd := exec.CommandContext(f.t.Context(), f.rescue, args...)
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		f.t.Fatalf("rescue %s: %v\n%s%s", strings.Join(args, " "), err, talk.String(), out.String())
	}
	return out.String()
}

func (f *notesTest) status(text string) *compat.ActionSetStatus {
	f.t.Helper()
	set, err := compat.ActionSetFromObject(f.object(text).Object)
	if err != nil {
		f.t.Fatalf("%v\n%s", err, text)
	}
	if set.Status == nil || set.Status.State != compat.StateComplete || len(set.Status.Actions) != 2 {
		f.t.Fatalf("expected a complete ActionSet with two actions:\n%s", text)
	}
	return set.Status
}

// loseAndRestore takes both files away and lets the program bring them back.
func (f *notesTest) loseAndRestore(from ...string) {
	f.t.Helper()
	for _, app := range []string{"north", "south"} {
		f.sh(app, "rm -f /data/*")
	}
	f.run(append([]string{"restore"}, from...)...)
	for _, app := range []string{"north", "south"} {
		if got, want := f.sh(app, "cat /data/note"), fmt.Sprintf("a note of %s\nwith \"quotes\"\n", app); got != want {
			f.t.Errorf("%s has %q after the restore, expected %q", app, got, want)
		}
		if got := strings.TrimSpace(f.sh(app, "cat /data/restored-for")); got != app {
			f.t.Errorf("%s was restored with the option name=%s", app, got)
		}
	}
}

func noPodsOfRuns(t *testing.T, env *funcs.Env) {
	t.Helper()
	pods, err := env.Kube.CoreV1().Pods(env.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: funcs.RunLabel})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil {
			t.Errorf("pod %s was left", p.Name)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}
