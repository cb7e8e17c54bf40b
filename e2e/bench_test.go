//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// The benchmarks measure a function beside the same work done with plain API calls,
// which waits by watching and reads nothing that it need not. Run them with
//
//	go test -tags e2e -run '^$' -bench . -benchtime 5x ./e2e

func BenchmarkPods(b *testing.B) {
	env, _ := newEnv(b)
	spec := kube.SingleContainer(image(), []string{"true"}, "")
	plain := func(ctx context.Context) error { return plainPod(ctx, env, spec) }
	succeeded := func(ctx context.Context) error { return succeededPod(ctx, env, spec) }
	task := func(ctx context.Context) error {
		_, err := funcs.KubeTask().Exec(ctx, env, funcs.Args{"image": image(), "command": []string{"true"}})
		return err
	}
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("%d/plain", n), func(b *testing.B) { repeat(b, n, plain) })
		b.Run(fmt.Sprintf("%d/plain-until-Succeeded", n), func(b *testing.B) { repeat(b, n, succeeded) })
		b.Run(fmt.Sprintf("%d/KubeTask", n), func(b *testing.B) { repeat(b, n, task) })
	}
}

// repeat runs n at once in each round.
func repeat(b *testing.B, n int, work func(context.Context) error) {
	for b.Loop() {
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				if err := work(b.Context()); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// plainPod is done when the logs of all containers have ended, as our functions are: the
// node reports the end of the pod itself up to two seconds later.
func plainPod(ctx context.Context, env *funcs.Env, spec corev1.PodSpec) error {
	return withPod(ctx, env, spec, func(pod *corev1.Pod) error {
		_, err := kube.Follow(ctx, env.Kube.CoreV1().Pods(env.Namespace), pod, func(p *corev1.Pod) (bool, error) {
			return allStarted(p, len(spec.Containers)), nil
		})
		for _, c := range spec.Containers {
			if err == nil {
				err = plainLog(ctx, env, pod.Name, c.Name)
			}
		}
		return err
	})
}

// succeededPod is done when the node reports the end of the pod.
func succeededPod(ctx context.Context, env *funcs.Env, spec corev1.PodSpec) error {
	return withPod(ctx, env, spec, func(pod *corev1.Pod) error {
		_, err := kube.Follow(ctx, env.Kube.CoreV1().Pods(env.Namespace), pod, func(p *corev1.Pod) (bool, error) {
			return p.Status.Phase == corev1.PodSucceeded, nil
		})
		return err
	})
}

func withPod(ctx context.Context, env *funcs.Env, spec corev1.PodSpec, work func(*corev1.Pod) error) error {
	pods := env.Kube.CoreV1().Pods(env.Namespace)
	pod, err := pods.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "plain-"}, Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	return errors.Join(work(pod), pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}))
}

func allStarted(pod *corev1.Pod, containers int) bool {
	n := 0
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Running != nil || s.State.Terminated != nil {
			n++
		}
	}
	return n == containers
}

func plainLog(ctx context.Context, env *funcs.Env, pod, container string) error {
	log, err := env.Kube.CoreV1().Pods(env.Namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, log)
	return errors.Join(err, log.Close())
}

func BenchmarkExec(b *testing.B) {
	env, _ := newEnv(b)
	env.Log = slog.New(slog.DiscardHandler)
	sleeper(b, env)
	kubeExec := func(script string) func(context.Context) error {
		return func(ctx context.Context) error {
			args := funcs.Args{"pod": "sleeper", "namespace": env.Namespace, "command": sh(script)}
			_, err := funcs.KubeExec().Exec(ctx, env, args)
			return err
		}
	}
	config := restConfig(b)
	plain := func(script string) func(context.Context) error {
		return func(ctx context.Context) error { return plainExec(ctx, env, config, "sleeper", "", sh(script)) }
	}
	const lines = "yes 'a line of some text, as a dump would write it' | head -c 52428800"
	b.Run("true/plain", func(b *testing.B) { repeat(b, 1, plain("true")) })
	b.Run("true/KubeExec", func(b *testing.B) { repeat(b, 1, kubeExec("true")) })
	b.Run("50MB/plain", func(b *testing.B) { heap(b); repeat(b, 1, plain(lines)) })
	b.Run("50MB/KubeExec", func(b *testing.B) { heap(b); repeat(b, 1, kubeExec(lines)) })
}

func restConfig(b *testing.B) *rest.Config {
	b.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		b.Fatal(err)
	}
	return config
}

// plainExec is what the client library does by itself.
func plainExec(ctx context.Context, env *funcs.Env, config *rest.Config, pod, container string, command []string) error {
	options := &corev1.PodExecOptions{Container: container, Command: command, Stdout: true}
	url := env.Kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(env.Namespace).Name(pod).
		SubResource("exec").VersionedParams(options, scheme.ParameterCodec).URL()
	exec, err := remotecommand.NewWebSocketExecutor(config, "GET", url.String())
	if err != nil {
		return err
	}
	return exec.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: io.Discard})
}

// heap reports the most that the heap grew, looking every few milliseconds.
func heap(b *testing.B) {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	before, peak := sample[0].Value.Uint64(), uint64(0)
	ctx, cancel := context.WithCancel(b.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			time.Sleep(2 * time.Millisecond)
		}
	})
	b.Cleanup(func() {
		cancel()
		watching.Wait()
		b.ReportMetric(float64(max(peak, before)-before)/(1<<20), "MB-more")
	})
}

func BenchmarkScale(b *testing.B) {
	env, _ := newEnv(b)
	newWorkload(b, env, "deployment")
	scale := func(to int) func(context.Context) error {
		return func(ctx context.Context) error {
			args := funcs.Args{"namespace": env.Namespace, "name": "app", "kind": "deployment", "replicas": to}
			_, err := funcs.ScaleWorkload().Exec(ctx, env, args)
			return err
		}
	}
	plain := func(to int32) func(context.Context) error {
		return func(ctx context.Context) error { return plainScale(ctx, env, to) }
	}
	both(b, "ScaleWorkload", "1to0", plain(0), scale(0), plain(1))
	both(b, "ScaleWorkload", "0to1", plain(1), scale(1), plain(0))
}

// both measures the plain way and ours, and undoes each round outside of the clock.
func both(b *testing.B, function, name string, plain, ours, undo func(context.Context) error) {
	ways := map[string]func(context.Context) error{"plain": plain, function: ours}
	for _, way := range []string{"plain", function} {
		b.Run(name+"/"+way, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				err := undo(b.Context())
				b.StartTimer()
				if err == nil {
					err = ways[way](b.Context())
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// plainScale waits for the number of pods by watching the Deployment, and for the
// last pod to be gone by asking, as kubectl wait would.
func plainScale(ctx context.Context, env *funcs.Env, to int32) error {
	deployments := env.Kube.AppsV1().Deployments(env.Namespace)
	wanted := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: env.Namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: to}}
	if _, err := deployments.UpdateScale(ctx, "app", wanted, metav1.UpdateOptions{}); err != nil {
		return err
	}
	for {
		list, err := env.Kube.CoreV1().Pods(env.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=app"})
		if err != nil {
			return err
		}
		if ready := readyPods(list.Items); len(list.Items) == int(to) && ready == int(to) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func readyPods(pods []corev1.Pod) int {
	n := 0
	for _, p := range pods {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				n++
			}
		}
	}
	return n
}
