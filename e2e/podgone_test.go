//go:build e2e

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kopiaserver/kopiaservertest"
)

// deletePod deletes, without grace, the pod that is chosen among those of the environment,
// as soon as it runs. It returns its name.
func deletePod(t *testing.T, env *funcs.Env, chosen func(*corev1.Pod) bool) string {
	pods, name := env.Kube.CoreV1().Pods(env.Namespace), ""
	err := eventually(t, "a pod of the phase runs", func(ctx context.Context) (bool, error) {
		list, err := pods.List(ctx, metav1.ListOptions{})
		for _, pod := range list.Items {
			if pod.Status.Phase == corev1.PodRunning && chosen(&pod) {
				name = pod.Name
			}
		}
		return name != "", err
	})
	if err == nil {
		now := int64(0)
		err = pods.Delete(t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	}
	if err != nil {
		t.Error(err)
	}
	return name
}

// failsWithoutPod runs a phase whose pod is deleted under it. It must end by itself, with
// an error that says so.
func failsWithoutPod(t *testing.T, env *funcs.Env, f funcs.Func, args funcs.Args, chosen func(*corev1.Pod) bool) {
	t.Helper()
	deleted := make(chan string, 1)
	go func() { deleted <- deletePod(t, env, chosen) }()
	out, err := run(t, inTime(t), f, env, args)
	name := <-deleted
	if err == nil || len(out) > 0 || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("outputs %v, error %v", out, err)
	}
	t.Log(err)
	if !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "delete") && !strings.Contains(err.Error(), "there is no such pod") {
		t.Errorf("the error does not say that pod %s was deleted", name)
	}
}

// TestPodGone: the pod of a command is deleted under it.
func TestPodGone(t *testing.T) {
	t.Parallel()
	const long = "echo started; sleep 600"
	for name, c := range map[string]struct {
		f    funcs.Func
		args funcs.Args
		// own says that the phase makes the pod.
		own bool
	}{
		"KubeTask":          {funcs.KubeTask(), funcs.Args{"image": image(), "command": sh(long)}, true},
		"MultiContainerRun": {funcs.MultiContainerRun(), twoContainers("sleep 600", long), true},
		"PrepareData": {funcs.PrepareData(), funcs.Args{
			"image": image(), "command": sh(long), "volumes": map[string]any{"data": "/data"}, "failOnError": true}, true},
		"KubeExec":    {funcs.KubeExec(), funcs.Args{"pod": "db-0", "container": "a", "command": sh(long)}, false},
		"KubeExecAll": {funcs.KubeExecAll(), funcs.Args{"pods": "db-0", "containers": "a b", "command": sh(long)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, log := newEnv(t)
			c.args["namespace"] = env.Namespace
			if c.own {
				newClaim(t, env, "data")
			} else {
				newPods(t, env, "db-0")
			}
			failsWithoutPod(t, env, c.f, c.args, func(*corev1.Pod) bool { return strings.Contains(log.String(), "msg=started") })
			noPodsIn(t, env)
		})
	}
}

// TestMoverPodGone: the pod that moves data is deleted while the store does not answer.
func TestMoverPodGone(t *testing.T) {
	t.Parallel()
	a, store := behindProxy(t)
	a.sh(fill)
	id := a.call(funcs.BackupData(), a.backup(nil))["backupID"]
	backupAll := a.with("web/all", funcs.Args{"pods": a.pod, "container": a.container, "includePath": "/data"})
	all := a.call(funcs.BackupDataAll(), backupAll)["BackupAllInfo"]
	ofPhase := func(pod *corev1.Pod) bool { return pod.Name != a.pod }
	store.silence()
	for _, c := range []struct {
		f    funcs.Func
		args funcs.Args
	}{
		{funcs.RestoreData(), a.restore(funcs.Args{"backupIdentifier": id})},
		{funcs.RestoreDataAll(), a.with("web/all", funcs.Args{"image": toolsImage(), "pods": a.pod, "backupInfo": all})},
		{funcs.CopyVolumeData(), funcs.Args{"namespace": a.Namespace, "volume": a.claim, "dataArtifactPrefix": "web/copy", "image": toolsImage()}},
		{funcs.DeleteData(), a.with("web/data", funcs.Args{"backupID": id})},
		{funcs.DeleteDataAll(), a.with("web/all", funcs.Args{"backupInfo": all})},
		{funcs.BackupDataStats(), a.with("web/data", funcs.Args{"backupID": id})},
		{funcs.CheckRepository(), funcs.Args{"backupArtifactPrefix": "web/data"}},
	} {
		t.Run(c.f.Name(), func(t *testing.T) {
			failsWithoutPod(t, a.Env, c.f, c.args, ofPhase)
			if n := podsIn(t, a.Env); n != 1 {
				t.Errorf("%d pods, expected the application's own", n)
			}
		})
	}
	t.Run("BackupDataAll", func(t *testing.T) {
		failsWithoutPod(t, a.Env, funcs.BackupDataAll(), backupAll, func(*corev1.Pod) bool { return true })
	})
}

// TestKopiaServerPodGone: the pod of a function for Kopia servers is deleted while the server
// does not answer.
func TestKopiaServerPodGone(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.RepositoryServer = silentServer(t)
	a := newApp(t, env, toolsImage(), "")
	const id = "0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		f    funcs.Func
		args funcs.Args
	}{
		{funcs.RestoreDataUsingKopiaServer(), funcs.Args{"namespace": a.Namespace, "image": toolsImage(), "restorePath": "/data", "backupIdentifier": id,
			"volumes": map[string]any{a.claim: "/data"}}},
		{funcs.DeleteDataUsingKopiaServer(), funcs.Args{"namespace": a.Namespace, "image": toolsImage(), "backupID": id}},
	} {
		t.Run(c.f.Name(), func(t *testing.T) {
			failsWithoutPod(t, a.Env, c.f, c.args, func(pod *corev1.Pod) bool { return pod.Name != a.pod })
			if n := podsIn(t, a.Env); n != 1 {
				t.Errorf("%d pods, expected the application's own", n)
			}
		})
	}
	t.Run("BackupDataUsingKopiaServer", func(t *testing.T) {
		args := funcs.Args{"namespace": a.Namespace, "pod": a.pod, "container": a.container, "includePath": "/data"}
		failsWithoutPod(t, a.Env, funcs.BackupDataUsingKopiaServer(), args, func(*corev1.Pod) bool { return true })
	})
}

// silentServer is a repository server that takes connections and never answers.
func silentServer(t *testing.T) *compat.RepositoryServer {
	t.Helper()
	nobody := newProxy(t, "127.0.0.1:1", thisHost(t), storeRate)
	nobody.silence()
	cert, _ := kopiaservertest.Certificate(t, serverName)
	return &compat.RepositoryServer{
		Name: serverName, Username: "backup", Address: "https://" + nobody.address,
		Credentials: compat.RepositoryServerCredentials{
			ServerTLS:        compat.Secret{Data: map[string][]byte{"tls.crt": cert}},
			ServerUserAccess: compat.Secret{Data: map[string][]byte{"shop": []byte("SHOP-PASSWORD")}},
		},
	}
}
