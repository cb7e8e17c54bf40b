//go:build e2e

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/rescuecue/rescue/funcs"
)

// An outage is a wait of a phase during which the API server goes away. What is waited
// for happens meanwhile.
type outage struct {
	f    funcs.Func
	args funcs.Args
	// waits tells whether the phase waits.
	waits func(*apiProxy) bool
	// happen brings about what it waits for, and returns when that is so.
	happen func() error
	// trouble is what the error says of the wait, if the phase is cancelled before.
	trouble string
	// cleans says that the phase has made something for itself, which it removes.
	cleans bool
}

// outages are those that do not disturb other tests.
var outages = map[string]func(*testing.T, *funcs.Env) outage{
	"a pod starts":         podStarts,
	"a condition comes":    conditionComes,
	"pods are ready":       podsGetReady,
	"an object is deleted": objectGoes,
}

// eventually asks until it is so.
func eventually(t *testing.T, what string, ok func(context.Context) (bool, error)) error {
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 4*time.Minute, true, ok)
	if err != nil {
		return errors.New(what + ": " + err.Error())
	}
	return nil
}

func watching(resource string) func(*apiProxy) bool {
	return func(p *apiProxy) bool { return p.watched(resource) }
}

// podStarts has a pod that the scheduler must not look at yet.
func podStarts(t *testing.T, env *funcs.Env) outage {
	return outage{
		f: funcs.KubeTask(),
		args: funcs.Args{"image": image(), "command": sh(output("k", "v")), "podOverride": map[string]any{
			"schedulingGates": []any{map[string]any{"name": "rescue.dev/e2e"}},
		}},
		waits:   watching("pods"),
		trouble: "SchedulingGated",
		cleans:  true,
		happen: func() error {
			name, pods := onlyPod(t, env), env.Kube.CoreV1().Pods(env.Namespace)
			open := []byte(`[{"op": "remove", "path": "/spec/schedulingGates"}]`)
			if _, err := pods.Patch(t.Context(), name, types.JSONPatchType, open, metav1.PatchOptions{}); err != nil {
				return err
			}
			return eventually(t, "the pod ends", func(ctx context.Context) (bool, error) {
				pod, err := pods.Get(ctx, name, metav1.GetOptions{})
				return err == nil && pod.Status.Phase == corev1.PodSucceeded, err
			})
		},
	}
}

func conditionComes(t *testing.T, env *funcs.Env) outage {
	maps := env.Kube.CoreV1().ConfigMaps(env.Namespace)
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "state"}, Data: map[string]string{"phase": "early"}}
	if _, err := maps.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return outage{
		f: funcs.WaitV2(),
		args: funcs.Args{"timeout": "270s", "conditions": conditions("allOf",
			cond(`{{ eq .data.phase "done" }}`, "v1", "", "configmaps", env.Namespace, "state"))},
		waits:   watching("configmaps"),
		trouble: "configmaps",
		happen: func() error {
			object.Data["phase"] = "done"
			_, err := maps.Update(t.Context(), object, metav1.UpdateOptions{})
			return err
		},
	}
}

// podsGetReady has a Deployment whose pods the scheduler must not look at yet.
func podsGetReady(t *testing.T, env *funcs.Env) outage {
	create(t, env, strings.Replace(deploymentSpec("web", "sleep 3600"), "    spec:\n",
		"    spec:\n      schedulingGates: [{name: rescue.dev/e2e}]\n", 1))
	return outage{
		f:       funcs.ScaleWorkload(),
		args:    funcs.Args{"namespace": env.Namespace, "name": "web", "kind": "deployment", "replicas": 2},
		waits:   watching("deployments"),
		trouble: "web to 2",
		happen: func() error {
			return eventually(t, "the pods get ready", func(ctx context.Context) (bool, error) {
				if err := openGates(ctx, env); err != nil {
					return false, err
				}
				d, err := env.Kube.AppsV1().Deployments(env.Namespace).Get(ctx, "web", metav1.GetOptions{})
				return err == nil && d.Status.ReadyReplicas == 2, err
			})
		},
	}
}

func openGates(ctx context.Context, env *funcs.Env) error {
	pods := env.Kube.CoreV1().Pods(env.Namespace)
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, pod := range list.Items {
		if len(pod.Spec.SchedulingGates) > 0 {
			pod.Spec.SchedulingGates = nil
			if _, err := pods.Update(ctx, &pod, metav1.UpdateOptions{}); err != nil && !apierrors.IsConflict(err) {
				return err
			}
		}
	}
	return nil
}

// objectGoes has an object with a finalizer.
func objectGoes(t *testing.T, env *funcs.Env) outage {
	maps := env.Kube.CoreV1().ConfigMaps(env.Namespace)
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"rescue.dev/e2e"}}}
	if _, err := maps.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	release := func() error {
		_, err := maps.Patch(context.Background(), "held", types.MergePatchType, []byte(`{"metadata": {"finalizers": null}}`), metav1.PatchOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return outage{
		f: funcs.KubeOps(),
		args: funcs.Args{"operation": "delete", "objectReference": map[string]any{
			"apiVersion": "v1", "resource": "configmaps", "name": "held", "namespace": env.Namespace,
		}},
		waits:   watching("configmaps"),
		trouble: "rescue.dev/e2e",
		happen:  release,
	}
}

// TestAPIServerAwayFromWaits: what is waited for happens while the API server is away, and
// the phase goes on as soon as it is back.
func TestAPIServerAwayFromWaits(t *testing.T) {
	t.Parallel()
	for name, prepare := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := newEnv(t)
			out, err := sitOut(t, env, prepare(t, env))
			if err != nil {
				t.Error(err)
			}
			t.Logf("outputs %v", out)
		})
	}
}

// sitOut runs the phase, and takes the API server away while it waits.
func sitOut(t *testing.T, env *funcs.Env, o outage) (funcs.Output, error) {
	t.Helper()
	through, proxy := throughProxy(t, env)
	broken := make(chan error, 1)
	go func() {
		defer proxy.start()
		err := eventually(t, "the phase waits", func(context.Context) (bool, error) { return o.waits(proxy), nil })
		proxy.stop()
		if err == nil {
			err = o.happen()
		}
		broken <- err
	}()
	out, err := run(t, inTime(t), o.f, through, o.args)
	if err := <-broken; err != nil {
		t.Error(err)
	}
	return out, err
}

// TestAPIServerStaysAway: a phase that is cancelled while the API server is away ends, and
// says what it waited for. It waits for the server only to remove what it has made.
func TestAPIServerStaysAway(t *testing.T) {
	t.Parallel()
	for name, prepare := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, log := newEnv(t)
			o := prepare(t, env)
			through, proxy := throughProxy(t, env)
			ctx, cancel := context.WithCancel(inTime(t))
			defer cancel()
			go func() {
				if err := eventually(t, "the phase waits", func(context.Context) (bool, error) { return o.waits(proxy), nil }); err != nil {
					t.Error(err)
				}
				proxy.stop()
				cancel()
				if o.cleans { // or it would have to wait for the server
					waitForWaiting(t, log, 1)
					proxy.start()
				}
			}()
			_, err := run(t, ctx, o.f, through, o.args)
			t.Log(err)
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), o.trouble) {
				t.Errorf("error %v, want one with %q", err, o.trouble)
			}
			if o.cleans {
				noPodsIn(t, env)
			}
		})
	}
}

func isReady(s *snapshotv1.VolumeSnapshot) bool {
	return s.Status != nil && s.Status.ReadyToUse != nil && *s.Status.ReadyToUse
}

// TestAPIServerAwayFromVolumes: a snapshot gets ready, a volume is made and a snapshot is
// deleted while the API server is away. Only a driver that fails makes these last, so no
// other test runs meanwhile.
func TestAPIServerAwayFromVolumes(t *testing.T) {
	c := newCSI(t)
	const passes = "the object has been modified"
	want := c.filled(t, "data")
	snapshots := c.Snapshots.SnapshotV1().VolumeSnapshots(c.Namespace)

	heal := failing(t, "CreateSnapshot", passes)
	out, err := sitOut(t, c.as("take"), outage{
		f:     funcs.CreateCSISnapshot(),
		args:  funcs.Args{"namespace": c.Namespace, "snapshotClass": c.snapshot.Name, "pvc": "data"},
		waits: func(*apiProxy) bool { return strings.Contains(c.log.String(), "should pass") },
		happen: func() error {
			heal()
			return eventually(t, "the snapshot is ready", func(ctx context.Context) (bool, error) {
				list, err := snapshots.List(ctx, metav1.ListOptions{})
				return err == nil && len(list.Items) == 1 && isReady(&list.Items[0]), err
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	snapshot := out["name"].(string)

	heal = failing(t, "CreateVolume", passes)
	if err := c.restore(t, snapshot, "restored", out["restoreSize"]); err != nil {
		t.Fatal(err)
	}
	out, err = sitOut(t, c.as("read"), outage{
		f: funcs.PrepareData(),
		args: funcs.Args{"namespace": c.Namespace, "image": image(), "volumes": map[string]any{"restored": "/data"},
			"command": sh(report), "failOnError": true},
		waits: watching("pods"),
		happen: func() error {
			heal()
			return eventually(t, "the pod ends", func(ctx context.Context) (bool, error) {
				pods, err := c.Kube.CoreV1().Pods(c.Namespace).List(ctx, metav1.ListOptions{})
				return err == nil && len(pods.Items) == 1 && pods.Items[0].Status.Phase == corev1.PodSucceeded, err
			})
		},
	})
	if err != nil || out["out"] != want {
		t.Errorf("outputs %v, error %v, want the digest %s", out, err, want)
	}

	heal = failing(t, "DeleteSnapshot", passes)
	_, err = sitOut(t, c.as("delete"), outage{
		f:     funcs.DeleteCSISnapshot(),
		args:  funcs.Args{"name": snapshot, "namespace": c.Namespace},
		waits: func(p *apiProxy) bool { return p.watched("volumesnapshots") || p.watched("volumesnapshotcontents") },
		happen: func() error {
			heal()
			return eventually(t, "the snapshot goes", func(ctx context.Context) (bool, error) {
				list, err := snapshots.List(ctx, metav1.ListOptions{})
				return err == nil && len(list.Items) == 0, err
			})
		},
	})
	if err != nil {
		t.Error(err)
	}
}
