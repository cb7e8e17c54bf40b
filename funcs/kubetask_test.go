package funcs_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
	"github.com/rescuecue/rescue/funcs/kube"
)

const taskLog = "hello\n###Phase-output###: {\"key\":\"where\",\"value\":\"a secret\"}\nbye\n"

func TestKubeTask(t *testing.T) {
	env, client, log := funcstest.NewEnv()
	env.Logs = funcstest.Logs{"container": taskLog}
	env.ServiceAccount = "runner"
	created := funcstest.Kubelet(t, client, funcstest.Running("container"), funcstest.Ended(0, "container"))
	out, err := funcs.KubeTask().Exec(t.Context(), env, funcs.Args{
		"image":   "app:1",
		"command": []any{"sh", "-c", "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(out, funcs.Output{"where": "a secret"}) {
		t.Errorf("outputs %v", out)
	}
	if s := log.String(); !strings.Contains(s, "msg=hello") || !strings.Contains(s, "msg=bye") || strings.Contains(s, "secret") {
		t.Errorf("log:\n%s", s)
	}
	pod := created()[0]
	c := pod.Spec.Containers[0]
	if pod.Namespace != "rescue" || !strings.HasPrefix(pod.Name, "kanister-job-") || pod.Spec.ServiceAccountName != "runner" ||
		pod.Labels["rescue.dev/run"] != "r1" || c.Image != "app:1" || !slices.Equal(c.Command, []string{"sh", "-c", "true"}) {
		t.Errorf("pod %+v", pod)
	}
	noPods(t, env)
}

func noPods(t *testing.T, env *funcs.Env) {
	t.Helper()
	list, err := env.Kube.CoreV1().Pods("").List(context.Background(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("%d pods are left, error %v", len(list.Items), err)
	}
}

func TestKubeTaskPrecedence(t *testing.T) {
	env, client, _ := funcstest.NewEnv()
	env.Logs = funcstest.Logs{}
	env.ServiceAccount = "runner"
	env.Params.PodOverride = map[string]any{"nodeSelector": map[string]any{"disk": "caller"}}
	env.Params.PodLabels = map[string]string{"team": "caller", "tier": "caller", "rescue.dev/run": "caller"}
	env.Params.PodAnnotations = map[string]string{"note": "caller"}
	created := funcstest.Kubelet(t, client, funcstest.Ended(0, "container"))
	out, err := funcs.KubeTask().Exec(t.Context(), env, funcs.Args{
		"namespace":      "elsewhere",
		"image":          "app:1",
		"command":        []any{"true"},
		"podOverride":    map[string]any{"nodeSelector": map[string]any{"disk": "arg", "zone": "arg"}},
		"podLabels":      map[string]any{"team": "arg", "createdBy": "arg"},
		"podAnnotations": map[string]any{"note": "arg"},
	})
	if err != nil || out == nil || len(out) != 0 {
		t.Fatalf("outputs %v, error %v", out, err)
	}
	pod := created()[0]
	if want := map[string]string{"disk": "caller", "zone": "arg"}; !maps.Equal(pod.Spec.NodeSelector, want) {
		t.Errorf("node selector %v", pod.Spec.NodeSelector)
	}
	if want := map[string]string{"team": "arg", "tier": "caller", "createdBy": "arg", "rescue.dev/run": "r1"}; !maps.Equal(pod.Labels, want) {
		t.Errorf("labels %v", pod.Labels)
	}
	if want := map[string]string{"note": "arg"}; !maps.Equal(pod.Annotations, want) {
		t.Errorf("annotations %v", pod.Annotations)
	}
	if pod.Namespace != "elsewhere" || pod.Spec.ServiceAccountName != "" {
		t.Errorf("namespace %s, service account %q", pod.Namespace, pod.Spec.ServiceAccountName)
	}
}

func TestKubeTaskFails(t *testing.T) {
	evicted := funcstest.Ended(137, "container")
	evicted.Reason, evicted.Message = "Evicted", "The node was low on resource: memory."
	for name, c := range map[string]struct {
		log      string
		statuses []corev1.PodStatus
		want     []string
	}{
		"status": {
			log:      taskLog,
			statuses: []corev1.PodStatus{funcstest.Running("container"), funcstest.Ended(3, "container")},
			want:     []string{"container container: ended with status 3", "    hello\n    bye"},
		},
		"failed before it was seen to run": {
			log:      taskLog,
			statuses: []corev1.PodStatus{funcstest.Ended(3, "container")},
			want:     []string{"ended with status 3", "    hello\n    bye"},
		},
		"malformed output": {
			log:      "###Phase-output###: {\"key\":\"k\",\"value\":5}\n",
			statuses: []corev1.PodStatus{funcstest.Ended(0, "container")},
			want:     []string{"line 1", "must be a string"},
		},
		"no such program": {
			log:      "sh: pg_dump: not found\n",
			statuses: []corev1.PodStatus{funcstest.Ended(127, "container")},
			want:     []string{"ended with status 127", "pg_dump: not found", "to go on: check that the image has the program"},
		},
		"killed": {
			log:      "working\n",
			statuses: []corev1.PodStatus{funcstest.Ended(137, "container")},
			want:     []string{"ended with status 137", "    working", "to go on: the command was killed"},
		},
		"without a word": {
			statuses: []corev1.PodStatus{funcstest.Ended(1, "container")},
			want:     []string{"ended with status 1", "to go on: the command wrote nothing"},
		},
		"eviction": {
			log:      "working\n",
			statuses: []corev1.PodStatus{funcstest.Running("container"), evicted},
			want:     []string{"The node was low on resource: memory.", "    working", "to go on: the node was short"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := funcstest.NewEnv()
			env.Logs = funcstest.Logs{"container": c.log}
			funcstest.Kubelet(t, client, c.statuses...)
			out, err := funcs.KubeTask().Exec(t.Context(), env, funcs.Args{"image": "app:1", "command": []any{"x"}})
			if err == nil || out != nil {
				t.Fatalf("outputs %v, error %v", out, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error without %q:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "a secret") {
				t.Errorf("the error shows an output:\n%v", err)
			}
			noPods(t, env)
		})
	}
}

// endless is a log that never ends.
type endless struct{ reading chan struct{} }

func (e endless) Follow(ctx context.Context, _, _, _ string, _ io.Writer) error {
	close(e.reading)
	<-ctx.Done()
	return ctx.Err()
}

func TestKubeTaskCancelled(t *testing.T) {
	env, client, _ := funcstest.NewEnv()
	logs := endless{make(chan struct{})}
	env.Logs = logs
	funcstest.Kubelet(t, client, funcstest.Running("container"))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-logs.reading
		cancel()
	}()
	_, err := funcs.KubeTask().Exec(ctx, env, funcs.Args{"image": "app:1", "command": []any{"x"}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "was stopped: container container runs") {
		t.Errorf("error %v", err)
	}
	noPods(t, env)
}

// broken is a log that cannot be read.
type broken struct{}

func (broken) Follow(context.Context, string, string, string, io.Writer) error {
	return errors.New("connection refused")
}

// TestKubeTaskLogLost: outputs may be missing, so the phase must not succeed, and
// need not wait for the pod either.
func TestKubeTaskLogLost(t *testing.T) {
	env, client, _ := funcstest.NewEnv()
	env.Logs = broken{}
	funcstest.Kubelet(t, client, funcstest.Running("container"))
	_, err := funcs.KubeTask().Exec(t.Context(), env, funcs.Args{"image": "app:1", "command": []any{"x"}})
	if err == nil || !strings.Contains(err.Error(), "connection refused") || errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	noPods(t, env)
}

func TestKubeTaskCannotStart(t *testing.T) {
	env, client, _ := funcstest.NewEnv()
	env.Patience = kube.Patience{Image: time.Nanosecond}
	funcstest.Kubelet(t, client, corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name:  "container",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such host"}},
	}}})
	_, err := funcs.KubeTask().Exec(t.Context(), env, funcs.Args{"image": "app:1", "command": []any{"x"}})
	var failed *kube.PodError
	if !errors.As(err, &failed) || failed.Reason != "ImagePullBackOff" || !strings.Contains(err.Error(), "imagePullSecrets") {
		t.Errorf("error %v", err)
	}
	noPods(t, env)
}

func TestKubeTaskBadOverride(t *testing.T) {
	for name, c := range map[string]struct {
		override map[string]any
		want     string
	}{
		"unknown field": {map[string]any{"tolerationz": []any{}}, `unknown field "tolerationz"`},
		"wrong type":    {map[string]any{"nodeSelector": "x"}, "podOverride does not fit"},
		"no image":      {map[string]any{"containers": []any{map[string]any{"name": "main"}}}, `container "main" has no image`},
	} {
		t.Run(name, func(t *testing.T) {
			env, _, _ := funcstest.NewEnv()
			_, err := funcs.KubeTask().Exec(t.Context(), env, funcs.Args{"image": "a", "command": []any{"x"}, "podOverride": c.override})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
			noPods(t, env)
		})
	}
}

// TestKubeTaskSecure: no token of a service account, unless the blueprint asks for one.
func TestKubeTaskSecure(t *testing.T) {
	for name, c := range map[string]struct {
		secure   bool
		override map[string]any
		account  string
		token    *bool
	}{
		"as ever":    {false, nil, "runner", nil},
		"secure":     {true, nil, "default", new(false)},
		"overridden": {true, map[string]any{"serviceAccountName": "mine", "automountServiceAccountToken": true}, "mine", new(true)},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := funcstest.NewEnv()
			env.Logs, env.ServiceAccount, env.SecurePods = funcstest.Logs{}, "runner", c.secure
			created := funcstest.Kubelet(t, client, funcstest.Ended(0, "container"))
			_, err := funcs.KubeTask().Exec(t.Context(), env, funcs.Args{"image": "app:1", "command": []any{"x"}, "podOverride": c.override})
			if err != nil {
				t.Fatal(err)
			}
			spec := created()[0].Spec
			if diff := cmp.Diff(c.token, spec.AutomountServiceAccountToken); diff != "" || spec.ServiceAccountName != c.account {
				t.Errorf("account %q, token %s", spec.ServiceAccountName, diff)
			}
		})
	}
}
