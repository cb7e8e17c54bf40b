package local

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// openCluster opens a cluster on dir for the length of the test.
func openCluster(t *testing.T, dir string) (*Cluster, *funcs.Env) {
	t.Helper()
	c, err := Open(dir, Options{Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeCluster(t, c) })
	env := &funcs.Env{}
	c.Env(env)
	return c, env
}

func closeCluster(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// deadline bounds a test that would otherwise wait for ever, on a machine that may be slow
// and busy.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// podWith gives a pod with one container that runs a shell script.
func podWith(name, script string, edits ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "main", Image: "any", Command: []string{"sh", "-c", script}}},
		},
	}
	for _, edit := range edits {
		edit(pod)
	}
	return pod
}

func createPod(t *testing.T, env *funcs.Env, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	made, err := env.Kube.CoreV1().Pods(pod.Namespace).Create(deadline(t), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// awaitPod waits until the pod is as wanted.
func awaitPod(t *testing.T, env *funcs.Env, namespace, name string, wanted func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	w, err := env.Kube.CoreV1().Pods(namespace).Watch(deadline(t), metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String(),
	})
	if err != nil {
		t.Fatal(err)
	}
	last := &corev1.Pod{}
	_, err = watchtools.UntilWithoutRetry(deadline(t), w, func(e watch.Event) (bool, error) {
		if pod, ok := e.Object.(*corev1.Pod); ok {
			last = pod
		}
		if is := e.Type != watch.Deleted && wanted(last); is || !finished(last) {
			return is, nil
		}
		return false, errors.New("the pod has ended")
	})
	if err != nil {
		t.Fatalf("%v; the pod's last status: %+v", err, last.Status)
	}
	return last
}

func ended(pod *corev1.Pod) bool { return finished(pod) }

func running(pod *corev1.Pod) bool { return conditionTrue(&pod.Status, corev1.PodReady) }

func logOf(t *testing.T, env *funcs.Env, pod, container string) string {
	t.Helper()
	var out bytes.Buffer
	if err := env.Logs.Follow(deadline(t), "default", pod, container, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPodRunsToItsEnd(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	tests := []struct {
		name, script string
		command      []string
		phase        corev1.PodPhase
		code         int32
		reason, log  string
		message      string
	}{
		{name: "success", script: "echo out; echo err >&2", phase: corev1.PodSucceeded, reason: "Completed", log: "out\nerr\n"},
		{name: "failure", script: "echo bad; exit 7", phase: corev1.PodFailed, code: 7, reason: "Error", log: "bad\n"},
		{name: "signal", script: "kill -9 $$$$", phase: corev1.PodFailed, code: 137, reason: "Error"},
		{name: "no-program", command: []string{"no-such-program"}, phase: corev1.PodFailed, code: 128, reason: "StartError",
			message: `exec: "no-such-program": executable file not found in $PATH`},
		{name: "no-newline", script: "printf end", phase: corev1.PodSucceeded, reason: "Completed", log: "end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			createPod(t, env, podWith(tt.name, tt.script, func(p *corev1.Pod) {
				if tt.command != nil {
					p.Spec.Containers[0].Command = tt.command
				}
			}))
			pod := awaitPod(t, env, "default", tt.name, ended)
			end := pod.Status.ContainerStatuses[0].State.Terminated
			if pod.Status.Phase != tt.phase || end.ExitCode != tt.code || end.Reason != tt.reason {
				t.Errorf("phase %s, status %d, reason %s", pod.Status.Phase, end.ExitCode, end.Reason)
			}
			if !strings.Contains(end.Message, tt.message) {
				t.Errorf("message %q", end.Message)
			}
			if log := logOf(t, env, tt.name, ""); sortedLines(log) != sortedLines(tt.log) {
				t.Errorf("log %q", log)
			}
		})
	}
}

func TestVolumesOutliveTheCluster(t *testing.T) {
	dir := t.TempDir()
	c, env := openCluster(t, dir)
	if err := c.Apply([]byte(claimManifest)); err != nil {
		t.Fatal(err)
	}
	createPod(t, env, podWith("writer", "echo kept > /data/f; echo thrown > /away", withClaim))
	awaitPod(t, env, "default", "writer", ended)
	closeCluster(t, c)

	_, env = openCluster(t, dir)
	createPod(t, env, podWith("reader", "cat /data/f; ls /away", withClaim))
	pod := awaitPod(t, env, "default", "reader", ended)
	if log := logOf(t, env, "reader", "main"); !strings.Contains(log, "kept\n") || pod.Status.Phase != corev1.PodFailed {
		t.Errorf("phase %s, log %q", pod.Status.Phase, log)
	}
	if log := logOf(t, env, "writer", "main"); log != "" {
		t.Errorf("log of the finished pod %q", log)
	}
	got, err := os.ReadFile(filepath.Join(dir, "volumes", "default", "data", "f"))
	if err != nil || string(got) != "kept\n" {
		t.Errorf("volume %q, %v", got, err)
	}
}

const claimManifest = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
`

// settle returns when the controllers have seen, and worked off, all that was done
// before: they take changes in order, in batches, and bind a claim in one of them.
func settle(t *testing.T, env *funcs.Env) {
	t.Helper()
	claims := env.Kube.CoreV1().PersistentVolumeClaims("default")
	for range 2 { // the first one may be in the same batch
		c, err := claims.Create(deadline(t), &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{GenerateName: "settle-"}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		bound := func(c *corev1.PersistentVolumeClaim) (bool, error) { return c.Status.Phase == corev1.ClaimBound, nil }
		if _, err := kube.Follow(deadline(t), claims, c, bound); err != nil {
			t.Fatal(err)
		}
	}
}

func withClaim(p *corev1.Pod) {
	p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
	}}}
	p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
}
