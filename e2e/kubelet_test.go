//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

// restartKubelet restarts the node's kubelet with the command of the environment.
func restartKubelet(t *testing.T) {
	t.Helper()
	command := os.Getenv("RESCUE_E2E_KUBELET_RESTART")
	if command == "" {
		t.Skip("set RESCUE_E2E_KUBELET_RESTART to a shell command that restarts the kubelet of the nodes, and returns when it is ready")
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
}

// TestKubeletRestarts: the kubelet restarts while phases work on its node. What runs in
// pods goes on, and so do the phases. A command that KubeExec runs loses its connection, and the
// phase says so. No other test runs meanwhile.
func TestKubeletRestarts(t *testing.T) {
	if os.Getenv("RESCUE_E2E_KUBELET_RESTART") == "" {
		restartKubelet(t) // says why the test skips
	}
	env, log := newEnv(t)
	newPods(t, env, "db-0")
	newClaim(t, env, "data")
	type ending struct {
		out funcs.Output
		err error
	}
	start := func(f funcs.Func, args funcs.Args) <-chan ending {
		ended := make(chan ending, 1)
		args["namespace"] = env.Namespace
		go func() {
			out, err := run(t, inTime(t), f, env, args)
			ended <- ending{out, err}
		}()
		return ended
	}
	wait := func(name string) string {
		return `i=0; while [ $i -lt 500 ]; do echo "` + name + ` before $i"; i=$((i+1)); done
echo "` + name + ` started"; until [ -f /data/go ]; do sleep 0.1; done
i=0; while [ $i -lt 500 ]; do echo "` + name + ` after $i"; i=$((i+1)); done
` + output("k", name)
	}
	volume := map[string]any{
		"volumes":    []any{map[string]any{"name": "data", "persistentVolumeClaim": map[string]any{"claimName": "data"}}},
		"containers": []any{map[string]any{"name": "container", "volumeMounts": []any{map[string]any{"name": "data", "mountPath": "/data"}}}},
	}
	task := start(funcs.KubeTask(), funcs.Args{"image": image(), "command": sh(wait("task")), "podOverride": volume})
	prepare := start(funcs.PrepareData(), funcs.Args{"image": image(), "command": sh(wait("prepare")), "failOnError": true, "volumes": map[string]any{"data": "/data"}})
	command := start(funcs.KubeExec(), funcs.Args{"pod": "db-0", "container": "a", "command": sh("echo exec started; sleep 600")})
	for _, name := range []string{"task", "prepare", "exec"} {
		waitForLog(t, log, `msg="`+name+` started"`)
	}

	restartKubelet(t)

	lost := <-command
	t.Log(lost.err)
	if lost.err == nil || !strings.Contains(lost.err.Error(), "pod "+env.Namespace+"/db-0, container a: the connection to the container ended before the command did") {
		t.Errorf("the command in the container: outputs %v, error %v", lost.out, lost.err)
	}
	if _, err := run(t, inTime(t), funcs.PrepareData(), env, funcs.Args{
		"namespace": env.Namespace, "image": image(), "command": sh("touch /data/go"), "failOnError": true, "volumes": map[string]any{"data": "/data"},
	}); err != nil {
		t.Errorf("a new pod: %v", err)
	}
	for name, ended := range map[string]<-chan ending{"task": task, "prepare": prepare} {
		if e := <-ended; e.err != nil || e.out["k"] != name {
			t.Errorf("%s: outputs %v, error %v", name, e.out, e.err)
		}
		for _, when := range []string{" before ", " after "} {
			if n := strings.Count(log.String(), `msg="`+name+when); n != 500 {
				t.Errorf("%s: %d of 500 lines%s", name, n, when)
			}
		}
	}
	left, err := env.Kube.CoreV1().Pods(env.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 || left.Items[0].Status.Phase != corev1.PodRunning {
		t.Errorf("%d pods, error %v, expected the application's own", len(left.Items), err)
	}
}
