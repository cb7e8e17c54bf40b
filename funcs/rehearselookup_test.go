package funcs_test

import (
	"errors"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/funcs"
)

// rehearse asks what the cluster would say to a function.
func rehearse(t *testing.T, env *funcs.Env, f funcs.Func, args funcs.Args) error {
	t.Helper()
	r, ok := funcs.RehearsalOf(f.Name())
	if !ok {
		t.Fatalf("%s has no rehearsal", f.Name())
	}
	return r.Ask(t.Context(), env, args)
}

// says compares what a rehearsal said: nothing, a reason to refuse, or a doubt.
func says(t *testing.T, err error, refused, inDoubt string) {
	t.Helper()
	doubt := funcs.Doubt("")
	isDoubt := errors.As(err, &doubt)
	switch {
	case refused == "" && inDoubt == "" && err != nil,
		refused != "" && (err == nil || isDoubt || !strings.Contains(err.Error(), refused)),
		inDoubt != "" && (!isDoubt || !strings.Contains(err.Error(), inDoubt)):
		t.Errorf("error %v (in doubt: %t), want %q refused, %q in doubt", err, isDoubt, refused, inDoubt)
	}
}

func TestRehearseExec(t *testing.T) {
	pod := func(name string, phase corev1.PodPhase) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}},
			Status:     corev1.PodStatus{Phase: phase},
		}
	}
	one := func(pod, container string) funcs.Args {
		return funcs.Args{"namespace": "shop", "pod": pod, "container": container, "command": []any{"true"}}
	}
	all := func(pods, containers string) funcs.Args {
		return funcs.Args{"namespace": "shop", "pods": pods, "containers": containers, "command": []any{"true"}}
	}
	for name, c := range map[string]struct {
		f               funcs.Func
		args            funcs.Args
		refused, unsure string
	}{
		"a container":               {funcs.KubeExec(), one("db-0", "b"), "", ""},
		"the container that is set": {funcs.KubeExec(), one("db-0", ""), "", ""},
		"no pod":                    {funcs.KubeExec(), one("db-9", "a"), `pod shop/db-9: pods "db-9" not found`, ""},
		"no container":              {funcs.KubeExec(), one("db-0", "x"), `pod shop/db-0 has no container "x"; it has a, b`, ""},
		"a pod that has ended":      {funcs.KubeExec(), one("job", "a"), "", "pod shop/job does not run now"},
		"a pod that is hidden":      {funcs.KubeExec(), one("hidden", "a"), "", "whether there is pod shop/hidden could not be seen"},
		"all":                       {funcs.KubeExecAll(), all("db-0 db-1", "a b"), "", ""},
		"no pods":                   {funcs.KubeExecAll(), all("", "a"), "", ""},
		"one of the pods is not":    {funcs.KubeExecAll(), all("job db-9 db-0", "a"), `pod shop/db-9: pods "db-9" not found`, ""},
		"one of the containers":     {funcs.KubeExecAll(), all("db-0 db-1", "a x"), `pod shop/db-1 has no container "x"`, ""},
		"one of them has ended":     {funcs.KubeExecAll(), all("db-0 job", "a"), "", "pod shop/job does not run now"},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := newCluster(t, pod("db-0", corev1.PodRunning), pod("db-1", corev1.PodRunning), pod("job", corev1.PodSucceeded))
			client.PrependReactor("get", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
				if a.(clienttesting.GetAction).GetName() != "hidden" {
					return false, nil, nil
				}
				return true, nil, apierrors.NewForbidden(corev1.Resource("pods"), "hidden", errors.New("no rights"))
			})
			says(t, rehearse(t, env, c.f, c.args), c.refused, c.unsure)
		})
	}
}

func TestRehearseRestoreCSISnapshot(t *testing.T) {
	for name, c := range map[string]struct {
		change  funcs.Args
		status  *snapshotv1.VolumeSnapshotStatus
		refused string
	}{
		"fits":                                   {nil, ready("2Gi"), ""},
		"a snapshot that is still being taken":   {nil, nil, ""},
		"no snapshot":                            {funcs.Args{"name": "none"}, ready("2Gi"), `VolumeSnapshot shop/none`},
		"no class":                               {funcs.Args{"storageClass": "none"}, ready("2Gi"), `StorageClass none: storageclasses.storage.k8s.io "none" not found`},
		"no class, while the snapshot is taken":  {funcs.Args{"storageClass": "none"}, nil, `StorageClass none: storageclasses.storage.k8s.io "none" not found`},
		"a class of another driver":              {funcs.Args{"storageClass": "other"}, ready("2Gi"), `makes volumes with the driver other.example.com`},
		"too small":                              {funcs.Args{"restoreSize": "1Gi"}, ready("2Gi"), "needs at least 2Gi"},
		"a claim of that name is there":          {funcs.Args{"pvc": "data"}, ready("2Gi"), `create PersistentVolumeClaim shop/data: persistentvolumeclaims "data" already exists`},
		"a claim of that name is being deleted":  {funcs.Args{"pvc": "going"}, ready("2Gi"), ""},
		"an empty name, as it came of something": {funcs.Args{"name": ""}, ready("2Gi"), "argument name is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newRestoreFake(t, c.status)
			going := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "going", DeletionTimestamp: new(metav1.Now()), Finalizers: []string{"kubernetes.io/pvc-protection"}}}
			if err := f.kube.Tracker().Add(going); err != nil {
				t.Fatal(err)
			}
			args := funcs.Args{"name": "snap", "pvc": "new", "namespace": "shop", "storageClass": "fast", "restoreSize": "2Gi"}
			for k, v := range c.change {
				args[k] = v
			}
			says(t, rehearse(t, f.Env, funcs.RestoreCSISnapshot(), args), c.refused, "")
			for _, action := range f.kube.Actions() {
				if create, ok := action.(clienttesting.CreateActionImpl); ok && len(create.GetCreateOptions().DryRun) == 0 {
					t.Errorf("%s was not a dry run", action)
				}
			}
		})
	}
}

func TestRehearseWait(t *testing.T) {
	condition := func(resource, name string) map[string]any {
		c := onConfigMap(name, "{{ true }}")
		c["objectReference"].(map[string]any)["resource"] = resource
		return c
	}
	anyOf := func(c ...any) funcs.Args {
		return funcs.Args{"timeout": "1m", "conditions": map[string]any{"anyOf": c}}
	}
	for name, c := range map[string]struct {
		args            funcs.Args
		refused, unsure string
	}{
		"there":             {anyOf(condition("configmaps", "a")), "", ""},
		"not there yet":     {anyOf(condition("configmaps", "a"), condition("configmaps", "b")), "", "configmaps shop/b is not there now: the phase waits for it"},
		"none of them":      {anyOf(condition("configmaps", "b"), condition("configmaps", "c")), "", "shop/b is not there now: the phase waits for it; configmaps shop/c"},
		"no such resource":  {anyOf(condition("nonsense", "a"), condition("configmaps", "b")), "nonsense", ""},
		"a wrong condition": {anyOf(onConfigMap("a", "{{ true ")), "the condition cannot be read", ""},
	} {
		for _, f := range []funcs.Func{funcs.Wait(), funcs.WaitV2()} {
			t.Run(f.Name()+" "+name, func(t *testing.T) {
				env, _, client := newCluster(t)
				if _, err := client.Resource(configMaps).Namespace("shop").Create(t.Context(), phaseOf("a", "new"), metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
				says(t, rehearse(t, env, f, c.args), c.refused, c.unsure)
			})
		}
	}
}
