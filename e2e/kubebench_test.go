//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// pair measures the plain way and a function.
func pair(b *testing.B, function string, plain, ours func(context.Context) error) {
	b.Helper()
	b.Run(function+"/plain", func(b *testing.B) { repeat(b, 1, plain) })
	b.Run(function+"/function", func(b *testing.B) { repeat(b, 1, ours) })
}

// calling returns a call of a function.
func calling(env *funcs.Env, f funcs.Func, args funcs.Args) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := f.Exec(ctx, env, args)
		return err
	}
}

// BenchmarkMultiContainerRun: two containers that share a volume, one waits for a file
// of the other.
func BenchmarkMultiContainerRun(b *testing.B) {
	env, _ := newEnv(b)
	env.Log = slog.New(slog.DiscardHandler)
	const background, output = "echo x > /tmp/file", "until [ -f /tmp/file ]; do sleep 0.01; done"
	spec := kube.SingleContainer(image(), sh(background), "")
	spec.Volumes = []corev1.Volume{{Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "shared", MountPath: "/tmp"}}
	spec.Containers = append(spec.Containers, spec.Containers[0])
	spec.Containers[1].Name, spec.Containers[1].Command = "output", sh(output)
	pair(b, "MultiContainerRun",
		func(ctx context.Context) error { return plainPod(ctx, env, spec) },
		calling(env, funcs.MultiContainerRun(), funcs.Args{
			"backgroundImage": image(), "backgroundCommand": sh(background), "outputImage": image(), "outputCommand": sh(output),
		}))
}

// BenchmarkPrepareData: a pod that mounts a claim.
func BenchmarkPrepareData(b *testing.B) {
	env, _ := newEnv(b)
	env.Log = slog.New(slog.DiscardHandler)
	newClaim(b, env, "data")
	spec := kube.SingleContainer(image(), []string{"true"}, "")
	spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
	}}}
	spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	pair(b, "PrepareData",
		func(ctx context.Context) error { return plainPod(ctx, env, spec) },
		calling(env, funcs.PrepareData(), funcs.Args{
			"namespace": env.Namespace, "image": image(), "command": []string{"true"}, "volumes": map[string]any{"data": "/data"},
		}))
}

// BenchmarkKubeExecAll: six containers at once.
func BenchmarkKubeExecAll(b *testing.B) {
	env, _ := newEnv(b)
	env.Log = slog.New(slog.DiscardHandler)
	pods := []string{"db-0", "db-1", "db-2"}
	newPods(b, env, pods...)
	config := restConfig(b)
	plain := func(ctx context.Context) error {
		errs := make([]error, 2*len(pods))
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { errs[i] = plainExec(ctx, env, config, pods[i/2], []string{"a", "b"}[i%2], []string{"true"}) })
		}
		all.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
	pair(b, "KubeExecAll", plain, calling(env, funcs.KubeExecAll(), funcs.Args{
		"namespace": env.Namespace, "pods": "db-0 db-1 db-2", "containers": "a b", "command": []string{"true"},
	}))
}

// BenchmarkKubeOps makes, changes and deletes a ConfigMap.
func BenchmarkKubeOps(b *testing.B) {
	env, _ := newEnv(b)
	maps := env.Kube.CoreV1().ConfigMaps(env.Namespace)
	plain := func(ctx context.Context) error {
		if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "plain"}}, metav1.CreateOptions{}); err != nil {
			return err
		}
		if _, err := maps.Patch(ctx, "plain", types.MergePatchType, []byte(`{"data":{"a":"b"}}`), metav1.PatchOptions{}); err != nil {
			return err
		}
		return maps.Delete(ctx, "plain", metav1.DeleteOptions{})
	}
	object := map[string]any{"apiVersion": "v1", "resource": "configmaps", "namespace": env.Namespace, "name": "ours"}
	ours := func(ctx context.Context) error {
		for _, args := range []funcs.Args{
			{"operation": "create", "namespace": env.Namespace, "spec": "{apiVersion: v1, kind: ConfigMap, metadata: {name: ours}}"},
			{"operation": "patch", "objectReference": object, "spec": `{"data":{"a":"b"}}`},
			{"operation": "delete", "objectReference": object},
		} {
			if err := calling(env, funcs.KubeOps(), args)(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	pair(b, "KubeOps", plain, ours)
}

// BenchmarkWait: a condition that comes true a tenth of a second after the wait began.
func BenchmarkWait(b *testing.B) {
	env, _ := newEnv(b)
	maps := env.Kube.CoreV1().ConfigMaps(env.Namespace)
	if _, err := maps.Create(b.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "seen"}}, metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
	round := 0
	// wait starts a new round, and sets its number while the wait goes on.
	wait := func(work func(ctx context.Context, round string) error) func(context.Context) error {
		return func(ctx context.Context) error {
			round++
			number := fmt.Sprint(round)
			time.AfterFunc(100*time.Millisecond, func() {
				// Its answer may come when the last round is over.
				if _, err := maps.Patch(context.WithoutCancel(ctx), "seen", types.MergePatchType, []byte(`{"data":{"round":"`+number+`"}}`), metav1.PatchOptions{}); err != nil {
					b.Error(err)
				}
			})
			return work(ctx, number)
		}
	}
	pair(b, "WaitV2",
		wait(func(ctx context.Context, number string) error {
			seen, err := maps.Get(ctx, "seen", metav1.GetOptions{})
			if err != nil {
				return err
			}
			_, err = kube.Follow(ctx, maps, seen, func(m *corev1.ConfigMap) (bool, error) { return m.Data["round"] == number, nil })
			return err
		}),
		wait(func(ctx context.Context, number string) error {
			return calling(env, funcs.WaitV2(), funcs.Args{"timeout": "30s", "conditions": conditions("anyOf",
				cond(`{{ if .data }}{{ eq .data.round "`+number+`" }}{{ else }}false{{ end }}`, "v1", "", "configmaps", env.Namespace, "seen"))})(ctx)
		}))
}
