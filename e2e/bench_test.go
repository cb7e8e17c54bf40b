//go:build e2e

package e2e

import (
	"context"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// BenchmarkPods compares KubeTask with the same pod made by plain API calls, which
// waits for its end by watching and reads nothing. Run it with
//
//	go test -tags e2e -run '^$' -bench Pods -benchtime 5x ./e2e
func BenchmarkPods(b *testing.B) {
	env, _ := newEnv(b)
	plain := func(ctx context.Context) error { return plainPod(ctx, env) }
	task := func(ctx context.Context) error {
		_, err := funcs.KubeTask().Exec(ctx, env, funcs.Args{"image": image(), "command": []string{"true"}})
		return err
	}
	b.Run("1/plain", func(b *testing.B) { repeat(b, 1, plain) })
	b.Run("1/KubeTask", func(b *testing.B) { repeat(b, 1, task) })
	b.Run("10/plain", func(b *testing.B) { repeat(b, 10, plain) })
	b.Run("10/KubeTask", func(b *testing.B) { repeat(b, 10, task) })
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

func plainPod(ctx context.Context, env *funcs.Env) error {
	pods := env.Kube.CoreV1().Pods(env.Namespace)
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "plain-"},
		Spec:       kube.SingleContainer(image(), []string{"true"}, ""),
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = kube.Follow(ctx, pods, pod, func(p *corev1.Pod) (bool, error) { return p.Status.Phase == corev1.PodSucceeded, nil })
	if err != nil {
		return err
	}
	return pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
}

// BenchmarkKubeExec runs a command in a pod that is there.
func BenchmarkKubeExec(b *testing.B) {
	env, _ := newEnv(b)
	sleeper(b, env)
	for b.Loop() {
		_, err := funcs.KubeExec().Exec(b.Context(), env, funcs.Args{"pod": "sleeper", "namespace": env.Namespace, "command": sh("true")})
		if err != nil {
			b.Fatal(err)
		}
	}
}
