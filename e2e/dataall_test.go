//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/mover"
)

// fleet is a StatefulSet whose pods have a volume and the tools.
type fleet struct {
	*app
	pods []string
}

// newFleet starts it and waits until all pods are ready.
func newFleet(t *testing.T, env *funcs.Env, size int32) *fleet {
	t.Helper()
	f := &fleet{app: &app{Env: env, t: t, container: "tools"}}
	env.ToolsImage = toolsImage()
	labels := map[string]string{"app": "fleet"}
	_, err := env.Kube.AppsV1().StatefulSets(env.Namespace).Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "fleet"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &size, PodManagementPolicy: appsv1.ParallelPodManagement,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{TerminationGracePeriodSeconds: new(int64), Containers: []corev1.Container{{
					Name: "tools", Image: toolsImage(), Command: sh("sleep 1000000"), ImagePullPolicy: corev1.PullIfNotPresent,
					VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
				}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
				},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f.scale(0) // so that the next one waits for all
	f.scale(int(size))
	gatherer := kube.Gatherer{Kube: env.Kube, Dynamic: env.Dynamic}
	env.Params.StatefulSet, err = gatherer.Workload(t.Context(), kube.WorkloadRef{Kind: kube.KindStatefulSet, Namespace: env.Namespace, Name: "fleet"})
	if err != nil || len(env.Params.StatefulSet.Pods) != int(size) {
		t.Fatalf("%+v, %v", env.Params.StatefulSet, err)
	}
	f.pods = env.Params.StatefulSet.Pods
	return f
}

func (f *fleet) scale(replicas int) {
	f.t.Helper()
	f.call(funcs.ScaleWorkload(), funcs.Args{"namespace": f.Namespace, "name": "fleet", "kind": "statefulset", "replicas": replicas})
}

// each runs a script in all pods and returns what it prints, by pod.
func (f *fleet) each(script string) map[string]string {
	f.t.Helper()
	printed := map[string]string{}
	for _, pod := range f.pods {
		a := *f.app
		a.pod = pod
		printed[pod] = a.sh(strings.ReplaceAll(script, "$POD", pod))
	}
	return printed
}

// same compares what was before with what is now.
func (f *fleet) same(what string, want map[string]string) {
	f.t.Helper()
	for pod, got := range f.each(digest) {
		if got != want[pod] {
			f.t.Errorf("%s: %s holds\n%s\nwant\n%s", what, pod, got, want[pod])
		}
	}
}

// fillFleet gives each pod data of its own, and some that all have.
const fillFleet = `
set -e
cd /data && echo $POD > name && touch -d '2001-01-01 00:00:00' name
seq 1 100000 > shared
head -c 2000000 /dev/urandom > random
mkdir -p sub/empty && ln -sf ../name sub/link && chown 12:34 random && chmod 640 random
`

func (f *fleet) args(more funcs.Args) funcs.Args {
	args := funcs.Args{"namespace": f.Namespace, "backupArtifactPrefix": "fleet/backup"}
	for k, v := range more {
		args[k] = v
	}
	return args
}

func (f *fleet) backupAll() string {
	f.t.Helper()
	out := f.call(funcs.BackupDataAll(), f.args(funcs.Args{"container": "tools", "includePath": "/data"}))
	var info map[string]struct{ PodName, BackupID, BackupTag string }
	if err := json.Unmarshal([]byte(out["BackupAllInfo"].(string)), &info); err != nil || len(info) != len(f.pods) {
		f.t.Fatalf("BackupAllInfo %s: %v", out["BackupAllInfo"], err)
	}
	return out["BackupAllInfo"].(string)
}

// TestDataOfAllPods goes the whole way: five pods at once, each into a repository that
// does not exist yet, back into the volumes of the workload at rest, and deleted.
func TestDataOfAllPods(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	f := newFleet(t, env, 5)
	f.each(fillFleet)
	want := f.each(digest)
	info := f.backupAll()

	f.each("rm -rf /data/* && echo changed > /data/name")
	f.scale(0)
	if n := podsIn(t, env); n != 0 {
		t.Fatalf("%d pods run", n)
	}
	restore := f.args(funcs.Args{"image": toolsImage(), "backupInfo": info})
	f.call(funcs.RestoreDataAll(), restore)
	if n := podsIn(t, env); n != 0 {
		t.Errorf("%d pods are left", n)
	}
	f.scale(5)
	f.same("after the restore", want)

	f.each("rm /data/random")
	f.call(funcs.RestoreDataAll(), f.args(funcs.Args{"image": toolsImage(), "backupInfo": info, "pods": "fleet-1 fleet-3"}))
	for pod, files := range f.each("ls /data") {
		if back := strings.Contains(files, "random"); back != (pod == "fleet-1" || pod == "fleet-3") {
			t.Errorf("after the restore of two pods, %s holds %q", pod, files)
		}
	}

	freed := f.call(funcs.DeleteDataAll(), f.args(funcs.Args{"backupInfo": info, "reclaimSpace": true}))["spaceFreed"].(string)
	var size int
	if _, err := fmt.Sscanf(freed, "%d B", &size); err != nil || size < 5*2_000_000 {
		t.Errorf("freed %q of more than 10 MB: %v", freed, err)
	}
	_, err := run(t, t.Context(), funcs.RestoreDataAll(), env, restore)
	if mover.CodeOf(err) != mover.CodeNotFound || strings.Count(err.Error(), "has no snapshot") != 5 {
		t.Errorf("restore of what was deleted: %v", err)
	}
	if n := podsIn(t, env); n != 5 {
		t.Errorf("%d pods, want the workload's five", n)
	}
}

// TestManyWritersOneRepository has five pods make a repository at the same time, and
// write what is in part the same, under the same path.
func TestManyWritersOneRepository(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	env.Params.Profile = s3Profile(t)
	f := newFleet(t, env, 5)
	f.each(fillFleet)
	want := f.each(digest)
	for round := range 2 {
		ids := f.backupEach()
		f.each("rm -rf /data/*")
		f.scale(0)
		var wg sync.WaitGroup
		errs := make([]error, len(f.pods))
		for i, pod := range f.pods {
			wg.Go(func() {
				_, errs[i] = run(t, t.Context(), funcs.RestoreData(), env, f.args(funcs.Args{"image": toolsImage(), "pod": pod, "backupIdentifier": ids[pod]}))
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		f.scale(5)
		f.same(fmt.Sprintf("round %d", round), want)
	}
	if n := strings.Count(log.String(), "made an encryption key"); n != 1 {
		t.Errorf("%d keys were made for one repository", n)
	}
}

// backupEach backs all pods up at once and returns the snapshots, by pod.
func (f *fleet) backupEach() map[string]any {
	f.t.Helper()
	ids := map[string]any{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make([]error, len(f.pods))
	for i, pod := range f.pods {
		wg.Go(func() {
			out, err := run(f.t, f.t.Context(), funcs.BackupData(), f.Env, f.args(funcs.Args{"pod": pod, "container": "tools", "includePath": "/data"}))
			mu.Lock()
			defer mu.Unlock()
			ids[pod], errs[i] = out["backupID"], err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		f.t.Fatal(err)
	}
	return ids
}

// TestDataOfAllPodsFails: every failure is told, and nothing is left behind.
func TestDataOfAllPodsFails(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	f := newFleet(t, env, 3)
	f.each(fillFleet)
	info := f.backupAll()
	backup := f.args(funcs.Args{"container": "tools", "includePath": "/data"})

	f.app.pod = "fleet-1"
	f.sh("mv /data/sub /data/elsewhere")
	backup["includePath"] = "/data/sub"
	_, err := run(t, t.Context(), funcs.BackupDataAll(), env, backup)
	if mover.CodeOf(err) != mover.CodeNotFound || !strings.Contains(err.Error(), "fleet-1: ") || !strings.Contains(err.Error(), "stay in the location: fleet-0 (") {
		t.Errorf("one pod without the directory: %v", err)
	}
	f.scale(0)
	for name, tc := range map[string]struct {
		args funcs.Args
		code mover.Code
		want string
	}{
		"wrong key":     {funcs.Args{"encryptionKey": "guess"}, mover.CodeWrongKey, "does not fit"},
		"no repository": {funcs.Args{"backupArtifactPrefix": "other", "encryptionKey": "k"}, mover.CodeNoRepository, "there is no backup repository"},
		"unknown snapshots": {funcs.Args{"backupInfo": strings.ReplaceAll(info, `"BackupID":"`, `"BackupID":"0badf00d`)}, mover.CodeNotFound,
			"has no snapshot 0badf00d"},
		"image without the tools": {funcs.Args{"image": image()}, mover.CodeNoProgram, "neither the program `rescue` nor `kopia`"},
	} {
		args := f.args(funcs.Args{"image": toolsImage(), "backupInfo": info})
		for k, v := range tc.args {
			args[k] = v
		}
		_, err := run(t, t.Context(), funcs.RestoreDataAll(), env, args)
		if mover.CodeOf(err) != tc.code || strings.Count(err.Error(), tc.want) != 3 {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = run(t, ctx, funcs.RestoreDataAll(), env, f.args(funcs.Args{"image": toolsImage(), "backupInfo": info}))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v", err)
	}
	if n := podsIn(t, env); n != 0 {
		t.Errorf("%d pods are left", n)
	}
}
