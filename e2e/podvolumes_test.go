//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

// mounting is a podOverride by which the task's container mounts a volume at /v.
func mounting(source map[string]any) map[string]any {
	volume := map[string]any{"name": "v"}
	for kind, of := range source {
		volume[kind] = of
	}
	return map[string]any{
		"containers": []any{map[string]any{"name": "container", "volumeMounts": []any{map[string]any{"name": "v", "mountPath": "/v"}}}},
		"volumes":    []any{volume},
	}
}

// TestPodVolumesMissing: what a volume names does not exist. The node tells of it in
// events only, and the phase ends long before the limit for the start.
func TestPodVolumesMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source map[string]any
		want   string
	}{
		"Secret":    {map[string]any{"secret": map[string]any{"secretName": "absent"}}, `secret "absent" not found`},
		"ConfigMap": {map[string]any{"configMap": map[string]any{"name": "absent"}}, `configmap "absent" not found`},
		"Projected": {map[string]any{"projected": map[string]any{"sources": []any{
			map[string]any{"secret": map[string]any{"name": "absent"}}}}}, `secret "absent" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := newEnv(t)
			out, err := run(t, inTime(t), funcs.KubeTask(), env, funcs.Args{
				"image": image(), "command": []string{"true"}, "podOverride": mounting(c.source)})
			failsWith(t, env, out, err, "FailedMount", c.want, "to go on: check that what the volumes of podOverride name exists")
		})
	}
}

// TestPodVolumesLate: a Secret that comes within the patience does no harm.
func TestPodVolumesLate(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	env.Patience.Config = time.Minute
	go func() {
		if !waitForLog(t, log, "trouble to start") {
			return
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "late"}, StringData: map[string]string{"key": "here"}}
		if _, err := env.Kube.CoreV1().Secrets(env.Namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
			t.Error(err)
		}
	}()
	out, err := run(t, inTime(t), funcs.KubeTask(), env, funcs.Args{
		"image": image(), "command": sh(outputOf("read", "cat /v/key")),
		"podOverride": mounting(map[string]any{"secret": map[string]any{"secretName": "late"}})})
	if err != nil || out["read"] != "here" {
		t.Errorf("outputs %v, error %v", out, err)
	}
	noPodsIn(t, env)
}

// TestPodVolumesTimeouts: the last warning is told whatever ends the wait.
func TestPodVolumesTimeouts(t *testing.T) {
	t.Parallel()
	// A directory of the node that is not there: no Secret, so it has more time.
	override := mounting(map[string]any{"hostPath": map[string]any{"path": "/no/such/directory", "type": "Directory"}})
	args := funcs.Args{"image": image(), "command": []string{"true"}, "podOverride": override}
	const cause = "hostPath type check failed"
	t.Run("a disk", func(t *testing.T) {
		t.Parallel()
		env, _ := newEnv(t)
		env.Patience.Volume = 3 * time.Second
		out, err := run(t, inTime(t), funcs.KubeTask(), env, args)
		failsWith(t, env, out, err, "FailedMount: ", cause, "to go on: ")
	})
	t.Run("the limit for the start", func(t *testing.T) {
		t.Parallel()
		env, _ := newEnv(t)
		env.Patience.Start = 20 * time.Second
		out, err := run(t, inTime(t), funcs.KubeTask(), env, args)
		failsWith(t, env, out, err, "it has not started within 20s", cause)
	})
	t.Run("the caller", func(t *testing.T) {
		t.Parallel()
		env, log := newEnv(t)
		ctx, cancel := context.WithCancel(inTime(t))
		defer cancel()
		go func() {
			waitForLog(t, log, cause)
			cancel()
		}()
		_, err := run(t, ctx, funcs.KubeTask(), env, args)
		if err == nil || !strings.Contains(err.Error(), cause) || !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("error %v", err)
		}
		noPodsIn(t, env)
	})
}
