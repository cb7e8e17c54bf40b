//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// outputOf is a script that hands over what another script prints.
func outputOf(key, script string) string {
	return fmt.Sprintf(`printf '###Phase-output###: {"key":"%s","value":"%%s"}\n' "$(%s)"`, key, script)
}

// inTime bounds a phase that must end by itself long before: one that hangs fails
// with the context's error.
func inTime(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// failsWith checks that an error ended the phase by itself, says what it should, and
// that no pod is left.
func failsWith(t *testing.T, env *funcs.Env, out funcs.Output, err error, want ...string) {
	t.Helper()
	if err == nil || out != nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("outputs %v, error %v", out, err)
	}
	t.Log(err)
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error without %q", w)
		}
	}
	noPodsIn(t, env)
}

func noPodsIn(t *testing.T, env *funcs.Env) {
	t.Helper()
	if n := podsIn(t, env); n != 0 {
		t.Errorf("%d pods are left", n)
	}
}

// twoContainers are the arguments of a MultiContainerRun with a pipe between the
// containers.
func twoContainers(background, output string) funcs.Args {
	return funcs.Args{
		"initImage": image(), "initCommand": sh("mkfifo /tmp/pipe; echo the pipe is laid"),
		"backgroundImage": image(), "backgroundCommand": sh(background),
		"outputImage": image(), "outputCommand": sh(output),
	}
}

// seq is what the program of that name writes for the numbers up to n.
func seq(n int) []byte {
	var b []byte
	for i := range n {
		b = append(strconv.AppendInt(b, int64(i+1), 10), '\n')
	}
	return b
}

func sha(data ...[]byte) string {
	h := sha256.New()
	for _, d := range data {
		h.Write(d)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestMultiContainerDump: 200 MB go from one container to the other through a pipe.
func TestMultiContainerDump(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	// 163 numbered blocks are a little more than 200 MB.
	const blocks, block = 163, 200_000
	var dumped [][]byte
	for i := range blocks {
		dumped = append(dumped, fmt.Appendf(nil, "block %d\n", i), seq(block))
	}
	out, err := run(t, inTime(t), funcs.MultiContainerRun(), env, twoContainers(
		fmt.Sprintf(`echo dumping; %s; seq 1 %d > /tmp/block
i=0; while [ $i -lt %d ]; do echo block $i; cat /tmp/block; i=$((i+1)); done > /tmp/pipe`, output("lost", "x"), block, blocks),
		outputOf("digest", "sha256sum < /tmp/pipe | cut -d' ' -f1")))
	if err != nil {
		t.Fatal(err)
	}
	if want := sha(dumped...); !maps.Equal(out, funcs.Output{"digest": want}) {
		t.Errorf("outputs %v, want the digest %s", out, want)
	}
	for _, line := range []string{`msg="the pipe is laid" container=init`, "msg=dumping container=background", `msg="outputs of this container do not count" container=background`} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("no %s in the log:\n%s", line, log)
		}
	}
	noPodsIn(t, env)
}

// TestMultiContainerFails: a container that fails takes the other one along, which
// would wait at the pipe for ever.
func TestMultiContainerFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		background, output string
		change             funcs.Args
		want               []string
	}{
		"background": {
			background: "echo disk full; exit 5",
			output:     "echo waiting; cat /tmp/pipe",
			want:       []string{"container background: ended with status 5", "    disk full"},
		},
		"output": {
			background: "seq 1 99999999 > /tmp/pipe; sleep 600",
			output:     "head -n 1 /tmp/pipe; echo no such bucket; exit 3",
			want:       []string{"container output: ended with status 3", "    no such bucket"},
		},
		"both": {
			background: "seq 1 99999999 > /tmp/pipe",
			output:     "head -n 1 /tmp/pipe; echo no such bucket; exit 3",
			want:       []string{"container output: ended with status 3", "no such bucket", "container background: ended with status"},
		},
		"out of memory": {
			background: "tail /dev/zero > /tmp/pipe",
			output:     "cat /tmp/pipe; sleep 600",
			change: funcs.Args{"podOverride": map[string]any{"containers": []any{map[string]any{
				"name": "background", "resources": map[string]any{"limits": map[string]any{"memory": "20Mi"}}}}}},
			want: []string{"container background: OOMKilled", "higher memory limit"},
		},
		"init": {
			background: "true", output: "true",
			change: funcs.Args{"initCommand": sh("echo cannot make a pipe; exit 4")},
			want:   []string{"container init: ended with status 4", "    cannot make a pipe"},
		},
		"image": {
			background: "true", output: "true",
			change: funcs.Args{"outputImage": "localhost/no-such-image:1"},
			want:   []string{"container output: ", "ImagePull", "imagePullSecrets"},
		},
		"volume is full": {
			background: "dd if=/dev/zero of=/tmp/dump bs=1M count=8 || exit 6",
			output:     "cat /tmp/pipe",
			change:     funcs.Args{"sharedVolumeMedium": "Memory", "sharedVolumeSizeLimit": "4Mi"},
			want:       []string{"container background: ended with status 6", "No space left"},
		},
		"volume is over its limit": {
			background: "head -c 8000000 /dev/zero > /tmp/dump; sleep 600",
			output:     "cat /tmp/pipe",
			change:     funcs.Args{"sharedVolumeSizeLimit": "4Mi"},
			want:       []string{"Evicted", "sharedVolumeSizeLimit"},
		},
		"size limit": {
			background: "true", output: "true",
			change: funcs.Args{"sharedVolumeSizeLimit": "4 MB"},
			want:   []string{`sharedVolumeSizeLimit: "4 MB" is not an amount`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := newEnv(t)
			args := twoContainers(c.background, c.output)
			maps.Copy(args, c.change)
			out, err := run(t, inTime(t), funcs.MultiContainerRun(), env, args)
			failsWith(t, env, out, err, c.want...)
		})
	}
}

func TestMultiContainerCancelled(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	ctx, cancel := context.WithCancel(inTime(t))
	go func() {
		waitForLog(t, log, "msg=started")
		cancel()
	}()
	_, err := run(t, ctx, funcs.MultiContainerRun(), env, twoContainers("echo started; sleep 600", "cat /tmp/pipe"))
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "container output runs, container background runs") {
		t.Errorf("error: %v", err)
	}
	noPodsIn(t, env)
}

// TestMultiContainerVolume: the shared volume is what the arguments say, and a
// sidecar that never ends holds nothing up.
func TestMultiContainerVolume(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	args := twoContainers("date > /work/made; sleep 1", outputOf("size", "df -k /work | tail -n 1 | awk '{print $1, $2}'"))
	maps.Copy(args, funcs.Args{
		"sharedVolumeMedium": "Memory", "sharedVolumeSizeLimit": "16Mi", "sharedVolumeDir": "/work",
		"initCommand": sh("echo ready > /work/ready"),
		"podOverride": map[string]any{"containers": []any{map[string]any{
			"name": "proxy", "image": image(), "command": sh("sleep 600"),
		}}},
	})
	out, err := run(t, inTime(t), funcs.MultiContainerRun(), env, args)
	if err != nil || out["size"] != "tmpfs 16384" {
		t.Errorf("outputs %v, error %v", out, err)
	}
	noPodsIn(t, env)
}

// newPods makes pods of two containers, a and b, that wait.
func newPods(t testing.TB, env *funcs.Env, names ...string) {
	t.Helper()
	for _, name := range names {
		spec := kube.SingleContainer(image(), sh("sleep 3600"), "")
		spec.TerminationGracePeriodSeconds = new(int64)
		spec.Containers = append(spec.Containers, spec.Containers[0])
		spec.Containers[0].Name, spec.Containers[1].Name = "a", "b"
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: env.Namespace}, Spec: spec}
		pod, err := env.Kube.CoreV1().Pods(env.Namespace).Create(t.Context(), pod, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		runner := kube.Runner{Client: env.Kube, Logs: env.Logs, Log: env.Log}
		if _, err := runner.Started(inTime(t), pod, kube.Job{Pod: pod, Containers: []string{"a", "b"}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKubeExecAll: six containers at once.
func TestKubeExecAll(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	newPods(t, env, "db-0", "db-1", "db-2")
	exec := func(t *testing.T, ctx context.Context, script string, change funcs.Args) (funcs.Output, error) {
		args := funcs.Args{"namespace": env.Namespace, "pods": "db-0 db-1\n  db-2", "containers": "a b", "command": sh(script)}
		maps.Copy(args, change)
		return run(t, ctx, funcs.KubeExecAll(), env, args)
	}
	t.Run("no output is ever lost", func(t *testing.T) {
		// Each container writes two lines of 100 KB, with keys of its own: its pod's
		// name is its host name, and the first file that it makes tells it from the other.
		script := `value() { head -c 100000 /dev/zero | tr '\0' "$1"; }
key=$(hostname | tr - _)_$(cat /etc/who)
printf '###Phase-output###: {"key":"%s_x","value":"%s"}\n' $key $(value x)
printf '###Phase-output###: {"key":"%s_y","value":"%s"}\n' $key $(value y)`
		for _, container := range []string{"a", "b"} {
			if _, err := exec(t, inTime(t), "echo "+container+" > /etc/who", funcs.Args{"containers": container}); err != nil {
				t.Fatal(err)
			}
		}
		want := funcs.Output{}
		for _, pod := range []string{"db_0", "db_1", "db_2"} {
			for _, letter := range []string{"x", "y"} {
				want[pod+"_a_"+letter], want[pod+"_b_"+letter] = strings.Repeat(letter, 100000), strings.Repeat(letter, 100000)
			}
		}
		for round := range 15 {
			out, err := exec(t, inTime(t), script, nil)
			if err != nil || !maps.Equal(out, want) {
				t.Fatalf("round %d: %d of %d outputs, error %v", round, len(out), len(want), err)
			}
		}
	})
	t.Run("one fails", func(t *testing.T) {
		out, err := exec(t, inTime(t), `[ $(hostname)$(cat /etc/who) != db-1b ] || { echo no such table >&2; exit 7; }; `+output("k", "v"), nil)
		if err == nil || out != nil {
			t.Fatalf("outputs %v, error %v", out, err)
		}
		t.Log(err)
		for _, want := range []string{"in 1 of 6 containers", "/db-1, container b: command ended with status 7", "no such table"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error without %q", want)
			}
		}
		if strings.Count(err.Error(), "container a") != 0 || strings.Count(err.Error(), "no such table") != 1 {
			t.Error("the error names others")
		}
	})
	t.Run("no such pod and no such container", func(t *testing.T) {
		out, err := exec(t, inTime(t), "true", funcs.Args{"pods": "db-0 db-9", "containers": "a c"})
		if err == nil || out != nil {
			t.Fatalf("outputs %v, error %v", out, err)
		}
		t.Log(err)
		for _, want := range []string{"in 3 of 4 containers", "/db-0, container c", "no container of that name; it has a, b", "/db-9, container a", "no such pod"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error without %q", want)
			}
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(inTime(t))
		defer cancel()
		go func() {
			defer cancel()
			err := eventually(t, "the command runs in all containers", func(context.Context) (bool, error) {
				return strings.Count(log.String(), "msg=started") == 6, nil
			})
			if err != nil {
				t.Error(err)
			}
		}()
		_, err := exec(t, ctx, "echo started; sleep 600", nil)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "had not ended in 6 of 6 containers") {
			t.Errorf("error %v", err)
		}
	})
}

// newStore makes a StatefulSet with two claims, and returns when its pod runs.
func newStore(t *testing.T, env *funcs.Env) {
	t.Helper()
	labels := map[string]string{"app": "store"}
	spec := kube.SingleContainer(image(), sh("trap exit TERM; sleep 3600 & wait"), "")
	spec.RestartPolicy = corev1.RestartPolicyAlways
	spec.TerminationGracePeriodSeconds = new(int64(1))
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "store"}, Spec: appsv1.StatefulSetSpec{
		Replicas: new(int32(1)),
		Selector: &metav1.LabelSelector{MatchLabels: labels},
	}}
	for _, name := range []string{"data", "wal"} {
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/" + name})
		set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, claimTemplate(name))
	}
	set.Spec.Template = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}
	if _, err := env.Kube.AppsV1().StatefulSets(env.Namespace).Create(t.Context(), set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	scaleStore(t, env, 1)
}

func claimTemplate(name string) corev1.PersistentVolumeClaim {
	return corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("64Mi")}},
	}}
}

func scaleStore(t *testing.T, env *funcs.Env, replicas int) {
	t.Helper()
	args := funcs.Args{"namespace": env.Namespace, "name": "store", "kind": "statefulset", "replicas": replicas}
	if _, err := run(t, inTime(t), funcs.ScaleWorkload(), env, args); err != nil {
		t.Fatal(err)
	}
}

// readStore fills the parameters of an action on the StatefulSet.
func readStore(t *testing.T, env *funcs.Env) {
	t.Helper()
	g := kube.Gatherer{Kube: env.Kube, Dynamic: env.Dynamic}
	p, err := g.Gather(t.Context(), kube.Wanted{Target: kube.Target{Kind: "statefulset", Namespace: env.Namespace, Name: "store"}})
	if err != nil {
		t.Fatal(err)
	}
	env.Params = p
}

// TestPrepareData works on the two claims of a StatefulSet that was scaled down.
func TestPrepareData(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	newStore(t, env)
	_, err := run(t, inTime(t), funcs.KubeExec(), env, funcs.Args{"namespace": env.Namespace, "pod": "store-0",
		"command": sh("seq 1 100000 > /data/rows; seq 1 50000 > /wal/log; chmod 600 /data/rows")})
	if err != nil {
		t.Fatal(err)
	}
	readStore(t, env)
	scaleStore(t, env, 0)
	prepare := func(t *testing.T, script string, change funcs.Args) (funcs.Output, error) {
		args := funcs.Args{"namespace": "", "image": image(), "command": sh(script)}
		maps.Copy(args, change)
		return run(t, inTime(t), funcs.PrepareData(), env, args)
	}
	want := funcs.Output{"rows": sha(seq(100_000)), "log": sha(seq(50_000))}
	digests := func(rows, log string) string {
		return outputOf("rows", "sha256sum < "+rows+" | cut -d' ' -f1") + "\n" + outputOf("log", "sha256sum < "+log+" | cut -d' ' -f1")
	}
	compare := func(t *testing.T, out funcs.Output, err error) {
		t.Helper()
		if err != nil || !maps.Equal(out, want) {
			t.Errorf("outputs %v, error %v, want %v", out, err, want)
		}
		noPodsIn(t, env)
	}
	inDefaults := digests("/mnt/prepare_data/data-store-0/rows", "/mnt/prepare_data/wal-store-0/log")
	t.Run("default volumes", func(t *testing.T) {
		out, err := prepare(t, inDefaults+"\ntouch /mnt/prepare_data/data-store-0/prepared", nil)
		compare(t, out, err)
	})
	t.Run("named volumes", func(t *testing.T) {
		out, err := prepare(t, "[ -f /d/prepared ] || exit 9\n"+digests("/d/rows", "/w/log"),
			funcs.Args{"volumes": map[string]any{"data-store-0": "/d", "wal-store-0": "/w"}, "failOnError": true})
		compare(t, out, err)
	})
	t.Run("no pods at the start", func(t *testing.T) {
		readStore(t, env)
		if len(env.Params.StatefulSet.Pods) != 0 {
			t.Fatalf("parameters %+v", env.Params.StatefulSet)
		}
		out, err := prepare(t, inDefaults, nil)
		compare(t, out, err)
	})
	failing := output("k", "v") + "; echo no such table; exit 7"
	t.Run("failure ignored", func(t *testing.T) {
		out, err := prepare(t, failing, nil)
		if err != nil || out["k"] != "v" || !strings.Contains(log.String(), `status=7 log="no such table"`) {
			t.Errorf("outputs %v, error %v, log:\n%s", out, err, log)
		}
		noPodsIn(t, env)
	})
	for name, c := range map[string]struct {
		script string
		change funcs.Args
		want   []string
	}{
		"failure counts":        {failing, funcs.Args{"failOnError": true}, []string{"ended with status 7", "    no such table"}},
		"missing claim":         {"true", funcs.Args{"volumes": map[string]any{"absent": "/d"}}, []string{env.Namespace + "/absent", "kubectl get pvc"}},
		"no such program":       {"", funcs.Args{"command": []string{"/no/such/program"}}, []string{"StartError"}},
		"image cannot be found": {"true", funcs.Args{"image": "localhost/no-such-image:1"}, []string{"ImagePull"}},
		"out of memory": {"tail /dev/zero", funcs.Args{"podOverride": map[string]any{"containers": []any{map[string]any{
			"name": "container", "resources": map[string]any{"limits": map[string]any{"memory": "20Mi"}}}}},
			"command": []string{"tail", "/dev/zero"}}, []string{"OOMKilled"}},
		"malformed output": {"echo '###Phase-output###: {} and more'", nil, []string{"text after the output", "kando output"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := prepare(t, c.script, c.change)
			failsWith(t, env, out, err, c.want...)
		})
	}
	t.Run("the application still has its data", func(t *testing.T) {
		scaleStore(t, env, 1)
		out, err := run(t, inTime(t), funcs.KubeExec(), env, funcs.Args{"namespace": env.Namespace, "pod": "store-0",
			"command": sh(digests("/data/rows", "/wal/log"))})
		if err != nil || !maps.Equal(out, want) {
			t.Errorf("outputs %v, error %v", out, err)
		}
	})
}

// TestKubeTaskBigOutputs: no output is lost in the pod's log, up to 10 MB.
func TestKubeTaskBigOutputs(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	for _, size := range []int{300_000, 10_000_000} {
		script := fmt.Sprintf(`printf 'in mid-line ###Phase-output###: {"key":"big","value":"'; head -c %d /dev/zero | tr '\0' x; echo '"}'; echo bye`, size)
		out, err := run(t, inTime(t), funcs.KubeTask(), env, funcs.Args{"image": image(), "command": sh(script)})
		if v, _ := out["big"].(string); err != nil || v != strings.Repeat("x", size) {
			t.Errorf("%d of %d bytes, error %v", len(v), size, err)
		}
	}
}

// TestSecurePods: the pod has the account "default" and no token of it.
func TestSecurePods(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	script := outputOf("token", "ls /var/run/secrets/kubernetes.io/serviceaccount 2>/dev/null | wc -l")
	for secure, want := range map[bool]string{false: "3", true: "0"} {
		env.SecurePods = secure
		out, err := run(t, inTime(t), funcs.KubeTask(), env, funcs.Args{"image": image(), "command": sh(script)})
		if err != nil || out["token"] != want {
			t.Errorf("secure %t: %v files of the service account, error %v", secure, out["token"], err)
		}
	}
}
