package local

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	quantities "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

// withEmptyDir mounts an emptyDir at /data.
func withEmptyDir(p *corev1.Pod) {
	withClaim(p)
	p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
}

func TestReadOnlyRoot(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	script := `for d in / /tmp /var/tmp /run /root /etc /usr /data/x /dev/shm; do touch $d/f 2>/dev/null && echo $d; done; true`
	for name, want := range map[string]string{"protected": "/data/x\n/dev/shm\n", "other": "/data/x\n/dev/shm\n/tmp\n"} {
		createPod(t, env, podWith(name, script, withEmptyDir, func(p *corev1.Pod) {
			p.Spec.Containers[0].VolumeMounts[0].MountPath = "/data/x"
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{ReadOnlyRootFilesystem: new(name == "protected")}
		}))
		if pod := awaitPod(t, env, "default", name, ended); pod.Status.Phase != corev1.PodSucceeded {
			t.Fatalf("%s: %+v", name, pod.Status)
		}
		var got []string
		for line := range strings.Lines(logOf(t, env, name, "")) {
			if name == "protected" || strings.Contains(want, line) {
				got = append(got, line)
			}
		}
		slices.Sort(got)
		if strings.Join(got, "") != want {
			t.Errorf("%s: could write to %q, want %q", name, got, want)
		}
	}
}

func TestReadOnlyClaim(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(claimManifest)); err != nil {
		t.Fatal(err)
	}
	createPod(t, env, podWith("p", "touch /data/x || echo refused", withClaim, func(p *corev1.Pod) {
		p.Spec.Volumes[0].PersistentVolumeClaim.ReadOnly = true
	}))
	awaitPod(t, env, "default", "p", ended)
	if log := logOf(t, env, "p", ""); !strings.Contains(log, "refused") {
		t.Errorf("log %q", log)
	}
}

// failedWith gives what a pod says that was ended from outside.
func failedWith(t *testing.T, env *funcs.Env, name string) string {
	t.Helper()
	pod := awaitPod(t, env, "default", name, ended)
	s := pod.Status
	if s.Phase != corev1.PodFailed || s.ContainerStatuses[0].State.Terminated == nil {
		t.Errorf("status %+v", s)
	}
	return s.Reason + ": " + s.Message
}

func TestEmptyDirOverItsLimit(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	limit := quantities.MustParse("1Mi")
	limited := func(p *corev1.Pod) { p.Spec.Volumes[0].EmptyDir.SizeLimit = &limit }
	createPod(t, env, podWith("over", "head -c 3000000 /dev/zero > /data/big; exec sleep infinity", withEmptyDir, limited))
	if got, want := failedWith(t, env, "over"), `Evicted: Usage of EmptyDir volume "data" exceeds the limit "1Mi".`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	createPod(t, env, podWith("below", "head -c 500000 /dev/zero > /data/small; truncate -s 1G /data/holes; sleep 1.2", withEmptyDir, limited))
	if pod := awaitPod(t, env, "default", "below", ended); pod.Status.Phase != corev1.PodSucceeded {
		t.Errorf("status %+v", pod.Status)
	}
}

func TestActiveDeadline(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	createPod(t, env, podWith("p", "exec sleep infinity", func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = new(int64(1)) }))
	if got := failedWith(t, env, "p"); !strings.HasPrefix(got, "DeadlineExceeded: ") {
		t.Errorf("got %q", got)
	}
}

// tidier ends by itself, but only after somebody has allowed it.
const tidier = "trap 'until test -e /data/go; do sleep 0.05; done; echo tidy > /data/end; exit' TERM; echo up > /data/up; while true; do sleep 0.05; done"

// TestGracePeriod: a program that takes its time to end gets it.
func TestGracePeriod(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(claimManifest)); err != nil {
		t.Fatal(err)
	}
	createPod(t, env, podWith("slow", tidier, withClaim, func(p *corev1.Pod) {
		p.Spec.TerminationGracePeriodSeconds = new(int64(3600))
	}))
	createPod(t, env, podWith("look", "exec sleep infinity", withClaim))
	for _, name := range []string{"slow", "look"} {
		awaitPod(t, env, "default", name, running)
	}
	execOutput(t, env, "look", "sh", "-c", "until test -e /data/up; do sleep 0.05; done")
	pods := env.Kube.CoreV1().Pods("default")
	if err := pods.Delete(deadline(t), "slow", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// Two seconds were once the limit for all.
	execOutput(t, env, "look", "sh", "-c", "sleep 3; touch /data/go; until test -e /data/end; do sleep 0.05; done")
	settle(t, env)
}

// TestGracePeriodIsCut: who deletes again with less time does not wait.
func TestGracePeriodIsCut(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	createPod(t, env, podWith("p", tidier, withEmptyDir, func(p *corev1.Pod) {
		p.Spec.TerminationGracePeriodSeconds = new(int64(3600))
	}))
	awaitPod(t, env, "default", "p", running)
	execOutput(t, env, "p", "sh", "-c", "until test -e /data/up; do sleep 0.05; done")
	pods := env.Kube.CoreV1().Pods("default")
	for _, seconds := range []int64{3600, 7200, 0} {
		if err := pods.Delete(deadline(t), "p", metav1.DeleteOptions{GracePeriodSeconds: &seconds}); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, env)
}

// TestCloseCutsGracePeriods when its context ends.
func TestCloseCutsGracePeriods(t *testing.T) {
	c, err := Open(t.TempDir(), Options{Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	env := &funcs.Env{}
	c.Env(env)
	createPod(t, env, podWith("p", tidier, withEmptyDir, func(p *corev1.Pod) {
		p.Spec.TerminationGracePeriodSeconds = new(int64(3600))
	}))
	awaitPod(t, env, "default", "p", running)
	execOutput(t, env, "p", "sh", "-c", "until test -e /data/up; do sleep 0.05; done")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// TestStdin: a container with stdin waits for input that never comes, another one has
// an empty input.
func TestStdin(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	createPod(t, env, podWith("waits", "exec cat", func(p *corev1.Pod) { p.Spec.Containers[0].Stdin = true }))
	createPod(t, env, podWith("goes-on", "exec cat"))
	awaitPod(t, env, "default", "goes-on", ended)
	if pod := awaitPod(t, env, "default", "waits", running); pod.Status.Phase != corev1.PodRunning {
		t.Errorf("phase %s", pod.Status.Phase)
	}
	const script = `while sleep 0.05; do for p in /proc/[0-9]*; do
		read -r name < $p/comm && test "$name" = cat && readlink $p/fd/0 && exit 0; done; done`
	if got := execOutput(t, env, "waits", "sh", "-c", script); !strings.HasPrefix(got, "pipe:") {
		t.Errorf("the program reads from %q", got)
	}
}

// lockedBuffer is a log for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestWarnings: what a pod goes without is in the log, once.
func TestWarnings(t *testing.T) {
	log := &lockedBuffer{}
	c, err := Open(t.TempDir(), Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeCluster(t, c) })
	env := &funcs.Env{}
	c.Env(env)
	for _, name := range []string{"one", "two"} {
		createPod(t, env, podWith(name, "true", withEmptyDir, func(p *corev1.Pod) {
			p.Spec.Volumes[0].EmptyDir.Medium = corev1.StorageMediumMemory
			p.Spec.ServiceAccountName = "absent"
			main := &p.Spec.Containers[0]
			main.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: quantities.MustParse("20Mi")}
			main.LivenessProbe = &corev1.Probe{}
			main.TTY = true
		}))
		awaitPod(t, env, "default", name, ended)
	}
	for _, want := range []string{
		"volumes[data].emptyDir.medium: ", "serviceAccountName: there is no service account", "containers[main].resources.limits.memory: memory is not limited here: what needs more than 20Mi",
		"containers[main].livenessProbe: ", "containers[main].tty: ",
	} {
		if n := strings.Count(strings.ReplaceAll(log.String(), `\"`, `"`), want); n != 1 {
			t.Errorf("%d times %q in the log:\n%s", n, want, log)
		}
	}
}
