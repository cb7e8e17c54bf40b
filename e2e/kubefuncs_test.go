//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
	"github.com/rescuecue/rescue/funcs/kube"
)

func sh(script string) []string { return []string{"sh", "-c", script} }

// output is a script that hands over one output.
func output(key, value string) string {
	return fmt.Sprintf(`echo '###Phase-output###: {"key":%q,"value":%q}'`, key, value)
}

func run(t *testing.T, ctx context.Context, f funcs.Func, env *funcs.Env, args funcs.Args) (funcs.Output, error) {
	t.Helper()
	start := time.Now()
	out, err := f.Exec(funcstest.Calling(ctx, f, env, args), env, args)
	t.Logf("%s took %.2f s", f.Name(), time.Since(start).Seconds())
	return out, err
}

func TestKubeTask(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	out, err := run(t, t.Context(), funcs.KubeTask(), env, funcs.Args{
		"image":   image(),
		"command": sh("echo hello; " + output("where", "here") + "; echo bye"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 || out["where"] != "here" {
		t.Errorf("outputs %v", out)
	}
	if s := log.String(); !strings.Contains(s, "msg=hello") || !strings.Contains(s, "msg=bye") || strings.Contains(s, "here") {
		t.Errorf("log:\n%s", s)
	}
	if n := podsIn(t, env); n != 0 {
		t.Errorf("%d pods are left", n)
	}
}

func TestKubeTaskFails(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	out, err := run(t, t.Context(), funcs.KubeTask(), env, funcs.Args{
		"image":   image(),
		"command": sh(output("where", "here") + "; echo 'no such table' >&2; exit 7"),
	})
	var failed *kube.PodError
	if !errors.As(err, &failed) || failed.ExitCode != 7 || out != nil {
		t.Fatalf("outputs %v, error %v", out, err)
	}
	if s := err.Error(); !strings.Contains(s, "no such table") || strings.Contains(s, "here") {
		t.Errorf("error: %v", err)
	}
	if n := podsIn(t, env); n != 0 {
		t.Errorf("%d pods are left", n)
	}
}

// TestKubeTaskCannotStart: each of these would wait for 15 minutes in Kanister.
func TestKubeTaskCannotStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   funcs.Args
		reason string
	}{
		"image": {
			args:   funcs.Args{"image": "localhost/no-such-image:1"},
			reason: "ImagePull",
		},
		"image name": {
			args:   funcs.Args{"image": "Not An Image"},
			reason: "InvalidImageName",
		},
		"secret": {
			args: funcs.Args{"image": image(), "podOverride": map[string]any{"containers": []any{map[string]any{
				"name":    "container",
				"envFrom": []any{map[string]any{"secretRef": map[string]any{"name": "absent"}}},
			}}}},
			reason: "CreateContainerConfigError",
		},
		"node": {
			args: funcs.Args{"image": image(), "podOverride": map[string]any{
				"nodeSelector": map[string]any{"disk": "none-of-this-kind"},
			}},
			reason: "Unschedulable",
		},
		"program": {
			args:   funcs.Args{"image": image(), "command": []string{"/no/such/program"}},
			reason: "StartError",
		},
		"init container": {
			args: funcs.Args{"image": image(), "podOverride": map[string]any{"initContainers": []any{map[string]any{
				"name": "prepare", "image": image(), "command": sh("echo no space left; exit 3"),
			}}}},
			reason: "no space left",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := newEnv(t)
			env.Patience = kube.Patience{Unschedulable: 3 * time.Second}
			if c.args["command"] == nil {
				c.args["command"] = []string{"true"}
			}
			_, err := run(t, t.Context(), funcs.KubeTask(), env, c.args)
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("error: %v", err)
			}
			t.Log(err)
			if n := podsIn(t, env); n != 0 {
				t.Errorf("%d pods are left", n)
			}
		})
	}
}

func TestKubeTaskOutOfMemory(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	_, err := run(t, t.Context(), funcs.KubeTask(), env, funcs.Args{
		"image":   image(),
		"command": []string{"tail", "/dev/zero"},
		"podOverride": map[string]any{"containers": []any{map[string]any{
			"name":      "container",
			"resources": map[string]any{"limits": map[string]any{"memory": "20Mi"}},
		}}},
	})
	if err == nil || !strings.Contains(err.Error(), "OOMKilled") {
		t.Errorf("error: %v", err)
	}
	t.Log(err)
}

func TestKubeTaskPodDeleted(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	pods := env.Kube.CoreV1().Pods(env.Namespace)
	go func() {
		if waitForLog(t, log, "msg=started") {
			list, err := pods.List(t.Context(), metav1.ListOptions{})
			if err == nil && len(list.Items) == 1 {
				err = pods.Delete(t.Context(), list.Items[0].Name, metav1.DeleteOptions{})
			}
			if err != nil {
				t.Error(err)
			}
		}
	}()
	_, err := run(t, t.Context(), funcs.KubeTask(), env, funcs.Args{"image": image(), "command": sh("echo started; sleep 600")})
	if err == nil || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("error: %v", err)
	}
	t.Log(err)
}

func TestKubeTaskCancelled(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitForLog(t, log, "msg=started")
		cancel()
	}()
	_, err := run(t, ctx, funcs.KubeTask(), env, funcs.Args{"image": image(), "command": sh("echo started; sleep 600")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if n := podsIn(t, env); n != 0 {
		t.Errorf("%d pods are left", n)
	}
}

// waitForLog waits until the text is in the log, on a machine that may be slow and busy.
func waitForLog(t *testing.T, log *logBuffer, text string) bool {
	const limit = 4 * time.Minute
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(log.String(), text) {
			return true
		}
	}
	t.Errorf("%q did not come in %s", text, limit)
	return false
}

// TestKubeTaskSidecar: the pod's other container never ends.
func TestKubeTaskSidecar(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	out, err := run(t, t.Context(), funcs.KubeTask(), env, funcs.Args{
		"image": image(), "command": sh(output("k", "v")),
		"podOverride": map[string]any{"containers": []any{map[string]any{
			"name": "proxy", "image": image(), "command": sh("sleep 600"),
		}}},
	})
	if err != nil || out["k"] != "v" {
		t.Errorf("outputs %v, error %v", out, err)
	}
	if n := podsIn(t, env); n != 0 {
		t.Errorf("%d pods are left", n)
	}
}

// TestKubeTaskBigLog: lines and outputs of megabytes through the pod's log.
func TestKubeTaskBigLog(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	script := `i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done
printf '###Phase-output###: {"key":"big","value":"'; head -c 3000000 /dev/zero | tr '\0' x; echo '"}'`
	out, err := run(t, t.Context(), funcs.KubeTask(), env, funcs.Args{"image": image(), "command": sh(script)})
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := out["big"].(string); v != strings.Repeat("x", 3000000) {
		t.Errorf("the output has %d bytes", len(v))
	}
	if n := strings.Count(log.String(), `msg="line `); n != 20000 {
		t.Errorf("%d of 20000 lines", n)
	}
}

// sleeper makes a pod to run commands in.
func sleeper(t testing.TB, env *funcs.Env) *corev1.Pod {
	t.Helper()
	spec := kube.SingleContainer(image(), sh("sleep 3600"), "")
	spec.TerminationGracePeriodSeconds = new(int64)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "sleeper", Namespace: env.Namespace}, Spec: spec}
	pod, err := env.Kube.CoreV1().Pods(env.Namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	runner := kube.Runner{Client: env.Kube, Logs: env.Logs, Log: env.Log}
	if _, err := runner.Started(t.Context(), pod, kube.Job{Pod: pod, Containers: []string{kube.MainContainer}}); err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestKubeExec(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	sleeper(t, env)
	exec := func(command ...string) (funcs.Output, error) {
		return run(t, t.Context(), funcs.KubeExec(), env, funcs.Args{
			"namespace": env.Namespace, "pod": "sleeper", "container": kube.MainContainer, "command": command,
		})
	}
	t.Run("outputs", func(t *testing.T) {
		out, err := exec(sh("echo hello; echo oops >&2; " + output("k", "secret value"))...)
		if err != nil || out["k"] != "secret value" || len(out) != 1 {
			t.Errorf("outputs %v, error %v", out, err)
		}
		if s := log.String(); !strings.Contains(s, "msg=hello") || !strings.Contains(s, "msg=oops") || strings.Contains(s, "secret value") {
			t.Errorf("log:\n%s", s)
		}
	})
	t.Run("without a shell", func(t *testing.T) {
		out, err := exec("echo", `###Phase-output###: {"key":"k","value":"v"}`)
		if err != nil || out["k"] != "v" {
			t.Errorf("outputs %v, error %v", out, err)
		}
	})
	t.Run("failure", func(t *testing.T) {
		out, err := exec(sh(output("k", "v") + "; echo no such table >&2; exit 9")...)
		var exit *funcs.ExitError
		if !errors.As(err, &exit) || exit.Code != 9 || exit.Stderr != "no such table" || out != nil {
			t.Errorf("outputs %v, error %v", out, err)
		}
	})
	t.Run("no program", func(t *testing.T) {
		_, err := exec("/no/such/program")
		if err == nil {
			t.Error("no error")
		}
		t.Log(err)
	})
	t.Run("long output", func(t *testing.T) {
		out, err := exec(sh(`printf '###Phase-output###: {"key":"big","value":"'; head -c 10000000 /dev/zero | tr '\0' x; echo '"}'`)...)
		if v, _ := out["big"].(string); err != nil || v != strings.Repeat("x", 10000000) {
			t.Errorf("%d bytes, error %v", len(v), err)
		}
	})
}

// lineCounter is a log that counts its lines and keeps none.
type lineCounter struct {
	slog.Handler
	lines, bytes int
}

func (c *lineCounter) Enabled(context.Context, slog.Level) bool { return true }
func (c *lineCounter) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *lineCounter) Handle(_ context.Context, r slog.Record) error {
	c.lines, c.bytes = c.lines+1, c.bytes+len(r.Message)
	return nil
}

// TestExecMuchOutput: all of 50 MB arrive, and the output after them, in memory that
// does not grow with them: see BenchmarkExec for how much it is.
func TestExecMuchOutput(t *testing.T) {
	env, _ := newEnv(t)
	sleeper(t, env)
	const line, lines = "a line of some text, as a dump would write it.", 1 << 20
	script := fmt.Sprintf("yes '%s' | head -n %d; ", line, lines) + output("at", "the end")
	for round := range 3 {
		count := &lineCounter{}
		env.Log = slog.New(count)
		out, err := run(t, t.Context(), funcs.KubeExec(), env, funcs.Args{"namespace": env.Namespace, "pod": "sleeper", "command": sh(script)})
		if err != nil || out["at"] != "the end" || count.lines != lines || count.bytes != lines*len(line) {
			t.Errorf("round %d: %d lines, %d bytes, outputs %v, error %v", round, count.lines, count.bytes, out, err)
		}
	}
}

func TestScaleWorkload(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"deployment", "StatefulSet"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			env, _ := newEnv(t)
			newWorkload(t, env, kind)
			for _, step := range []struct{ to, before, pods int }{{1, 1, 1}, {0, 1, 0}, {0, 0, 0}, {2, 0, 2}, {1, 2, 1}} {
				out, err := run(t, t.Context(), funcs.ScaleWorkload(), env, funcs.Args{
					"namespace": env.Namespace, "name": "app", "kind": kind, "replicas": step.to,
				})
				if err != nil || out["originalReplicaCount"] != step.before {
					t.Fatalf("to %d: output %v, error %v", step.to, out, err)
				}
				if n := podsIn(t, env); n != step.pods {
					t.Errorf("scaled to %d: %d pods", step.to, n)
				}
			}
			g := kube.Gatherer{Kube: env.Kube, Dynamic: env.Dynamic}
			p, err := g.Gather(t.Context(), kube.Wanted{Target: kube.Target{Kind: kind, Namespace: env.Namespace, Name: "app"}})
			if err != nil {
				t.Fatal(err)
			}
			w := p.Deployment
			if kind == "StatefulSet" {
				w = p.StatefulSet
			}
			if w == nil || len(w.Pods) != 1 || len(w.Containers) != 1 || w.Containers[0][0] != kube.MainContainer || p.Object["kind"] == nil {
				t.Errorf("parameters: %+v", w)
			}
		})
	}
}

// newWorkload makes a workload named app with one replica.
func newWorkload(t testing.TB, env *funcs.Env, kind string) {
	t.Helper()
	labels := map[string]string{"app": "app"}
	spec := kube.SingleContainer(image(), sh("trap 'sleep 1; exit' TERM; sleep 3600 & wait"), "")
	spec.RestartPolicy = corev1.RestartPolicyAlways
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}
	meta := metav1.ObjectMeta{Name: "app"}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	var err error
	if kind == "deployment" {
		_, err = env.Kube.AppsV1().Deployments(env.Namespace).Create(t.Context(), &appsv1.Deployment{
			ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}}, metav1.CreateOptions{})
	} else {
		_, err = env.Kube.AppsV1().StatefulSets(env.Namespace).Create(t.Context(), &appsv1.StatefulSet{
			ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}}, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}
