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
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/leftovers"
)

// gcBlueprint has one phase, which never ends by itself.
const gcBlueprint = `package slow

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "slow"
	actions: slow: {
		kind:  "Namespace"
		input: _
		phases: work: {
			func: "KubeTask"
			args: {namespace: input.namespace.name, image: %q, command: ["sleep", "86400"]}
		}
	}
}
`

// gcWorld is a namespace with a program that can be killed.
type gcWorld struct {
	t      *testing.T
	env    *funcs.Env
	rescue string
	dir    string
}

func newGCWorld(t *testing.T) *gcWorld {
	t.Helper()
	env, _ := newEnv(t)
	w := &gcWorld{t: t, env: env, rescue: buildRescue(t), dir: t.TempDir()}
	if err := os.WriteFile(w.path("slow.cue"), fmt.Appendf(nil, gcBlueprint, image()), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *gcWorld) path(name string) string { return filepath.Join(w.dir, name) }

// start starts a run, waits until its pod runs, and returns the process and the run's ID.
func (w *gcWorld) start() (*exec.Cmd, string) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), w.rescue, "run", "slow", "-b", w.path("slow.cue"), "--namespace", w.env.Namespace, "--state-dir", w.path("state"))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	known := w.runs()
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	id := ""
	err := wait.PollUntilContextTimeout(w.t.Context(), 100*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		pods, err := w.env.Kube.CoreV1().Pods(w.env.Namespace).List(ctx, metav1.ListOptions{LabelSelector: funcs.RunLabel})
		for _, pod := range pods.Items {
			if run := pod.Labels[funcs.RunLabel]; pod.Status.Phase == corev1.PodRunning && !slices.Contains(known, run) {
				id = run
			}
		}
		return id != "", err
	})
	if err != nil {
		w.t.Fatalf("the run's pod does not run: %v\n%s", err, said.String())
	}
	return cmd, id
}

// runs are those that have pods.
func (w *gcWorld) runs() []string {
	w.t.Helper()
	pods, err := w.env.Kube.CoreV1().Pods(w.env.Namespace).List(w.t.Context(), metav1.ListOptions{LabelSelector: funcs.RunLabel})
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, pod := range pods.Items {
		ids = append(ids, pod.Labels[funcs.RunLabel])
	}
	return ids
}

func (w *gcWorld) end(cmd *exec.Cmd, how os.Signal) {
	w.t.Helper()
	if err := cmd.Process.Signal(how); err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		w.t.Fatal("a run that was stopped succeeded")
	}
}

// gcItem is what the test reads of the document.
type gcItem struct{ Kind, Place, Name, Run, Phase, RunState, Outcome string }

// gc calls rescue gc for the namespace, and returns what it found.
func (w *gcWorld) gc(args ...string) []gcItem {
	w.t.Helper()
	args = append([]string{"gc", "-n", w.env.Namespace, "--state-dir", w.path("state"), "-o", "json"}, args...)
	cmd := exec.CommandContext(w.t.Context(), w.rescue, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("%v: %v\n%s%s", args, err, out, said.String())
	}
	doc := struct{ Leftovers []gcItem }{}
	if err := json.Unmarshal(out, &doc); err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	return doc.Leftovers
}

// bystanders are objects that gc must leave alone. All but the first have the label of
// the run.
func (w *gcWorld) bystanders(run string) {
	w.t.Helper()
	label := map[string]string{funcs.RunLabel: run}
	key := map[string]string{funcs.RunLabel: run, "app.kubernetes.io/component": "encryption-key"}
	for _, s := range []*corev1.Secret{
		{ObjectMeta: metav1.ObjectMeta{Name: "someone"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "result", Labels: label, Annotations: label}},
		{ObjectMeta: metav1.ObjectMeta{Name: "key", Labels: key}},
	} {
		if _, err := w.env.Kube.CoreV1().Secrets(w.env.Namespace).Create(w.t.Context(), s, metav1.CreateOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// litter adds what a run may leave besides its pod.
func (w *gcWorld) litter(run string) {
	w.t.Helper()
	meta := metav1.ObjectMeta{Name: "litter", Labels: map[string]string{funcs.RunLabel: run, funcs.PhaseLabel: "work"}}
	_, err := w.env.Kube.CoreV1().Secrets(w.env.Namespace).Create(w.t.Context(), &corev1.Secret{ObjectMeta: meta}, metav1.CreateOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.env.Kube.CoreV1().ConfigMaps(w.env.Namespace).Create(w.t.Context(), &corev1.ConfigMap{ObjectMeta: meta}, metav1.CreateOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestCollectKilledRun: what a killed run has left is shown and removed, and nothing
// else: not what a living run has, nor what has other marks.
func TestCollectKilledRun(t *testing.T) {
	w := newGCWorld(t)
	alive, aliveID := w.start()
	dead, deadID := w.start()
	w.end(dead, os.Kill)
	w.bystanders(deadID)
	w.litter(deadID)

	want := []string{"ConfigMap", "Pod", "Secret"}
	for _, outcome := range []string{"found", "removed"} {
		var args []string
		if outcome == "removed" {
			args = append(args, "--yes")
		}
		var kinds []string
		for _, item := range w.gc(args...) {
			if item.Run != deadID || item.Phase != "work" || item.RunState != "killed" || item.Outcome != outcome {
				t.Errorf("%+v", item)
			}
			kinds = append(kinds, item.Kind)
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("%s %v, want %v", outcome, kinds, want)
		}
	}
	if got := w.runs(); !slices.Equal(got, []string{aliveID}) {
		t.Errorf("pods of the runs %v, want %s", got, aliveID)
	}
	w.wantSecrets("someone", "result", "key")
	if left := w.gc("--yes"); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
	w.end(alive, os.Interrupt)
	if got := podsIn(t, w.env); got != 0 {
		t.Errorf("%d pods are left", got)
	}
}

func (w *gcWorld) wantSecrets(names ...string) {
	w.t.Helper()
	for _, name := range names {
		if _, err := w.env.Kube.CoreV1().Secrets(w.env.Namespace).Get(w.t.Context(), name, metav1.GetOptions{}); err != nil {
			w.t.Errorf("secret %s: %v", name, err)
		}
	}
}

// TestCollectUnknownRun: what belongs to a run that this machine does not know is only
// removed when the run is named.
func TestCollectUnknownRun(t *testing.T) {
	w := newGCWorld(t)
	w.litter("20200101-000000-other")
	for _, args := range [][]string{{"--yes"}, {"--yes", "--older-than", "1h"}, {"--yes", "--run", "20200101-000000-third"}} {
		for _, item := range w.gc(args...) {
			if item.RunState != "unknown" || item.Outcome != "found" {
				t.Errorf("%v: %+v", args, item)
			}
		}
		w.wantSecrets("litter")
	}
	if got := w.gc("--yes", "--run", "20200101-000000-other"); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	_, err := w.env.Kube.CoreV1().Secrets(w.env.Namespace).Get(t.Context(), "litter", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("secret litter: %v", err)
	}
}

// TestCollectWhereForbidden: a kind that may not be listed is told, and the others are
// found.
func TestCollectWhereForbidden(t *testing.T) {
	env, _ := newEnv(t)
	w := &gcWorld{t: t, env: env}
	w.litter("20200101-000000-other")
	config := newAccount(t, w.env, []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}}})
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	found, unseen := leftovers.Cluster{Dynamic: client, Namespaces: []string{w.env.Namespace}}.Find(t.Context())
	if len(found) != 1 || found[0].Kind != "ConfigMap" {
		t.Errorf("found %v", found)
	}
	var where []string
	for _, u := range unseen {
		if !apierrors.IsForbidden(u.Err) {
			t.Errorf("%s: %v", u.Where, u.Err)
		}
		where = append(where, u.Where)
	}
	if len(where) != 4 || !slices.Contains(where, "secrets of namespace "+w.env.Namespace) {
		t.Errorf("unseen: %q", where)
	}
}
