// Package funcstest has stand-ins for a cluster, for the tests of functions.
package funcstest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned/fake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
)

// Exec is a PodExecutor that is one Go function.
type Exec func(ctx context.Context, opts funcs.ExecOptions) error

// Exec implements funcs.PodExecutor.
func (e Exec) Exec(ctx context.Context, opts funcs.ExecOptions) error { return e(ctx, opts) }

// Logs are the whole logs of containers, by the container's name.
type Logs map[string]string

// Follow implements funcs.PodLogs.
func (l Logs) Follow(_ context.Context, _, _, container string, w io.Writer) error {
	_, err := io.WriteString(w, l[container])
	return err
}

// LogText is what was written to an environment's log.
type LogText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *LogText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *LogText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// NewEnv returns an environment over fake clients that hold the objects, in the
// namespace "rescue". Exec and Logs are left to the test.
func NewEnv(objects ...runtime.Object) (*funcs.Env, *fake.Clientset, *LogText) {
	client, log := fake.NewClientset(objects...), &LogText{}
	env := &funcs.Env{
		Kube:    client,
		Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme, objects...),
		//lint:ignore SA1019 the snapshot client has no newer fake
		Snapshots: snapshots.NewSimpleClientset(),
		Clock:     func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		Log:       slog.New(slog.NewTextHandler(log, nil)),
		Params:    &compat.Params{},
		Namespace: "rescue",
		Labels:    map[string]string{"rescue.dev/run": "r1"},
	}
	return env, client, log
}

// Kubelet gives each pod that is created the statuses, one after the other, as long
// as the test runs. It returns the pods that it saw, as they were created.
func Kubelet(t testing.TB, client *fake.Clientset, statuses ...corev1.PodStatus) func() []*corev1.Pod {
	t.Helper()
	w, err := client.CoreV1().Pods(metav1.NamespaceAll).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	k := &kubelet{client: client, statuses: statuses}
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(w)
	}()
	t.Cleanup(func() {
		w.Stop()
		<-done
		for _, err := range k.errs {
			t.Error(err)
		}
	})
	return k.created
}

type kubelet struct {
	client   *fake.Clientset
	statuses []corev1.PodStatus

	mu   sync.Mutex
	seen []*corev1.Pod
	errs []error
}

func (k *kubelet) created() []*corev1.Pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen
}

func (k *kubelet) run(w watch.Interface) {
	for event := range w.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok || event.Type != watch.Added {
			continue
		}
		k.mu.Lock()
		k.seen = append(k.seen, pod)
		k.mu.Unlock()
		for _, status := range k.statuses {
			k.apply(pod.DeepCopy(), status)
		}
	}
}

// apply sets a status; a pod that is gone by then needs none.
func (k *kubelet) apply(pod *corev1.Pod, status corev1.PodStatus) {
	pod.Status = status
	_, err := k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(context.Background(), pod, metav1.UpdateOptions{})
	if err == nil {
		return
	}
	if _, gone := k.client.CoreV1().Pods(pod.Namespace).Get(context.Background(), pod.Name, metav1.GetOptions{}); gone == nil {
		k.errs = append(k.errs, fmt.Errorf("status of pod %s: %w", pod.Name, err))
	}
}

// Running is the status of a pod whose containers run.
func Running(containers ...string) corev1.PodStatus {
	s := corev1.PodStatus{Phase: corev1.PodRunning}
	for _, c := range containers {
		s.ContainerStatuses = append(s.ContainerStatuses, corev1.ContainerStatus{
			Name: c, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		})
	}
	return s
}

// Ended is the status of a pod whose containers have ended with a status.
func Ended(code int32, containers ...string) corev1.PodStatus {
	s := corev1.PodStatus{Phase: corev1.PodSucceeded}
	reason := "Completed"
	if code != 0 {
		s.Phase, reason = corev1.PodFailed, "Error"
	}
	for _, c := range containers {
		s.ContainerStatuses = append(s.ContainerStatuses, corev1.ContainerStatus{
			Name: c, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}},
		})
	}
	return s
}
