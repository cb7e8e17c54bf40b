package funcs_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
	"github.com/rescuecue/rescue/funcs/kube"
)

func fromYAML[T any](t *testing.T, src string) T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict([]byte(src), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// dumpArgs are the least arguments of MultiContainerRun.
func dumpArgs(change funcs.Args) funcs.Args {
	args := funcs.Args{
		"backgroundImage": "db:1", "backgroundCommand": []any{"dump"},
		"outputImage": "tools:1", "outputCommand": []any{"push"},
	}
	maps.Copy(args, change)
	return args
}

const (
	// dumpPod is what the least arguments make.
	dumpPod = `
restartPolicy: Never
volumes: [{name: shared, emptyDir: {}}]
containers:
- {name: output, image: "tools:1", command: [push], volumeMounts: [{name: shared, mountPath: /tmp/}]}
- {name: background, image: "db:1", command: [dump], volumeMounts: [{name: shared, mountPath: /tmp/}]}
`
	generic = `{containers: [{name: container, env: [{name: A, value: generic}]}]}`
)

func TestMultiContainerRunPod(t *testing.T) {
	for name, c := range map[string]struct {
		args     string
		caller   string // podOverride of the action
		env      func(*funcs.Env)
		spec     string
		metadata string
	}{
		"least": {
			spec:     dumpPod,
			metadata: `{namespace: rescue, labels: {createdBy: kanister, rescue.dev/run: r1}, annotations: {kubectl.kubernetes.io/default-container: output}}`,
		},
		"all": {
			args: `{namespace: db, initImage: "busybox:1", initCommand: [mkfifo, /shared/pipe], sharedVolumeMedium: Memory,
  sharedVolumeSizeLimit: 1Gi, sharedVolumeDir: /shared, podLabels: {team: a, createdBy: me}, podAnnotations: {note: b}}`,
			spec: `
restartPolicy: Never
volumes: [{name: shared, emptyDir: {medium: Memory, sizeLimit: 1Gi}}]
initContainers:
- {name: init, image: "busybox:1", command: [mkfifo, /shared/pipe], volumeMounts: [{name: shared, mountPath: /shared}]}
containers:
- {name: output, image: "tools:1", command: [push], volumeMounts: [{name: shared, mountPath: /shared}]}
- {name: background, image: "db:1", command: [dump], volumeMounts: [{name: shared, mountPath: /shared}]}
`,
			metadata: `{namespace: db, labels: {createdBy: kanister, team: a, rescue.dev/run: r1},
  annotations: {kubectl.kubernetes.io/default-container: output, note: b}}`,
		},
		"initCommand without initImage": {args: `{initCommand: [mkfifo]}`, spec: dumpPod},
		"service account in Rescue's own namespace": {
			env:  func(e *funcs.Env) { e.ServiceAccount = "runner" },
			spec: dumpPod + "serviceAccountName: runner",
		},
		"service account elsewhere": {
			args: `{namespace: db}`,
			env:  func(e *funcs.Env) { e.ServiceAccount = "runner" },
			spec: dumpPod,
		},
		"secure": {
			env:  func(e *funcs.Env) { e.ServiceAccount, e.SecurePods = "runner", true },
			spec: dumpPod + "serviceAccountName: default\nautomountServiceAccountToken: false",
		},
		"secure, overridden": {
			args: `{podOverride: {serviceAccountName: mine, automountServiceAccountToken: true}}`,
			env:  func(e *funcs.Env) { e.SecurePods = true },
			spec: dumpPod + "serviceAccountName: mine\nautomountServiceAccountToken: true",
		},
		"sidecar": {
			args: `{podOverride: {containers: [{name: proxy, image: "proxy:1"}]}}`,
			spec: strings.Replace(dumpPod, "- {name: background", "- {name: proxy, image: \"proxy:1\"}\n- {name: background", 1),
		},
		"the caller means every container": {
			args:   `{initImage: "busybox:1"}`,
			caller: generic,
			spec: `
restartPolicy: Never
volumes: [{name: shared, emptyDir: {}}]
initContainers:
- {name: init, image: "busybox:1", volumeMounts: [{name: shared, mountPath: /tmp/}], env: [{name: A, value: generic}]}
containers:
- {name: output, image: "tools:1", command: [push], volumeMounts: [{name: shared, mountPath: /tmp/}], env: [{name: A, value: generic}]}
- {name: background, image: "db:1", command: [dump], volumeMounts: [{name: shared, mountPath: /tmp/}], env: [{name: A, value: generic}]}
`,
		},
		"the caller means every container, without an init container": {
			caller: generic,
			spec: `
restartPolicy: Never
volumes: [{name: shared, emptyDir: {}}]
containers:
- {name: output, image: "tools:1", command: [push], volumeMounts: [{name: shared, mountPath: /tmp/}], env: [{name: A, value: generic}]}
- {name: background, image: "db:1", command: [dump], volumeMounts: [{name: shared, mountPath: /tmp/}], env: [{name: A, value: generic}]}
`,
		},
		"the caller names some": {
			args: `{initImage: "busybox:1", podOverride: {containers: [{name: output, env: [{name: A, value: arg}, {name: B, value: arg}]}]}}`,
			caller: `{containers: [{name: container, env: [{name: A, value: generic}], securityContext: {runAsUser: 1000660000}}, {name: output, env: [{name: A, value: own}]}],
  initContainers: [{name: init, env: [{name: A, value: init}]}]}`,
			spec: `
restartPolicy: Never
volumes: [{name: shared, emptyDir: {}}]
initContainers:
- {name: init, image: "busybox:1", volumeMounts: [{name: shared, mountPath: /tmp/}], env: [{name: A, value: init}]}
containers:
- {name: output, image: "tools:1", command: [push], volumeMounts: [{name: shared, mountPath: /tmp/}], env: [{name: A, value: own}, {name: B, value: arg}]}
- {name: background, image: "db:1", command: [dump], volumeMounts: [{name: shared, mountPath: /tmp/}], env: [{name: A, value: generic}],
   securityContext: {runAsUser: 1000660000}}
`,
		},
		"the caller says nothing of containers": {
			caller: `{nodeSelector: {disk: ssd}}`,
			spec:   dumpPod + "nodeSelector: {disk: ssd}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := funcstest.NewEnv()
			env.Logs = funcstest.Logs{}
			if c.env != nil {
				c.env(env)
			}
			if c.caller != "" {
				env.Params.PodOverride = fromYAML[map[string]any](t, c.caller)
			}
			created := funcstest.Kubelet(t, client, funcstest.Ended(0, "output", "background"))
			out, err := funcs.MultiContainerRun().Exec(t.Context(), env, dumpArgs(fromYAML[funcs.Args](t, c.args)))
			if err != nil || out == nil || len(out) != 0 {
				t.Fatalf("outputs %v, error %v", out, err)
			}
			pod := created()[0]
			if diff := cmp.Diff(fromYAML[corev1.PodSpec](t, c.spec), pod.Spec); diff != "" {
				t.Errorf("pod (-expected +got):\n%s", diff)
			}
			if c.metadata != "" {
				want := fromYAML[map[string]any](t, c.metadata)
				got := map[string]any{"namespace": pod.Namespace, "labels": anyMap(pod.Labels), "annotations": anyMap(pod.Annotations)}
				if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(pod.Name, "kanister-job-") {
					t.Errorf("pod %s (-expected +got):\n%s", pod.Name, diff)
				}
			}
			if c.caller != "" {
				if diff := cmp.Diff(fromYAML[map[string]any](t, c.caller), env.Params.PodOverride); diff != "" {
					t.Errorf("the caller's podOverride was changed:\n%s", diff)
				}
			}
			noPods(t, env)
		})
	}
}

func anyMap(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func TestMultiContainerRunBadArguments(t *testing.T) {
	entry := func(list, name string) map[string]any {
		return map[string]any{list: []any{map[string]any{"name": name}}}
	}
	for name, c := range map[string]struct {
		args   funcs.Args
		caller map[string]any
		want   string
	}{
		"size limit":                      {funcs.Args{"sharedVolumeSizeLimit": "1 GB"}, nil, `sharedVolumeSizeLimit: "1 GB" is not an amount: write it as`},
		"negative size limit":             {funcs.Args{"sharedVolumeSizeLimit": "-1Gi"}, nil, "is not an amount"},
		"the argument is not rewritten":   {funcs.Args{"podOverride": entry("containers", "container")}, nil, `container "container" has no image`},
		"init without an image":           {nil, entry("initContainers", "init"), `container "init" has no image`},
		"containers that are no list":     {nil, map[string]any{"containers": "x"}, "podOverride does not fit"},
		"a value that JSON does not have": {nil, map[string]any{"containers": func() {}}, "podOverride of the action"},
	} {
		t.Run(name, func(t *testing.T) {
			env, _, _ := funcstest.NewEnv()
			env.Params.PodOverride = c.caller
			out, err := funcs.MultiContainerRun().Exec(t.Context(), env, dumpArgs(c.args))
			if err == nil || out != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("outputs %v, error %v", out, err)
			}
			noPods(t, env)
		})
	}
}

// TestMultiContainerRunOutputs: only the container output hands over outputs, all
// containers write to the log.
func TestMultiContainerRunOutputs(t *testing.T) {
	env, client, log := funcstest.NewEnv()
	env.Logs = funcstest.Logs{
		"output":     taskLog,
		"background": "dumping\n###Phase-output###: {\"key\":\"other\",\"value\":\"a secret\"}\n###Phase-output###: malformed\n",
		"init":       "preparing\n",
	}
	status := funcstest.Ended(0, "output", "background")
	status.InitContainerStatuses = funcstest.Ended(0, "init").ContainerStatuses
	funcstest.Kubelet(t, client, status)
	out, err := funcs.MultiContainerRun().Exec(t.Context(), env, dumpArgs(funcs.Args{"initImage": "busybox:1"}))
	if err != nil || !maps.Equal(out, funcs.Output{"where": "a secret"}) {
		t.Fatalf("outputs %v, error %v", out, err)
	}
	s := log.String()
	for _, line := range []string{"msg=hello container=output", "msg=bye container=output", "msg=dumping container=background",
		"msg=preparing container=init", `msg="outputs of this container do not count" container=background`} {
		if !strings.Contains(s, line) {
			t.Errorf("no %q in the log:\n%s", line, s)
		}
	}
	if strings.Contains(s, "secret") || strings.Index(s, "preparing") > strings.Index(s, "hello") {
		t.Errorf("the log shows an output, or the init container after the others:\n%s", s)
	}
}

func TestMultiContainerRunFails(t *testing.T) {
	both := funcstest.Running("output", "background")
	fail := func(code int32, reason string) corev1.ContainerStatus {
		return corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}}
	}
	end := func(output, background corev1.ContainerStatus) corev1.PodStatus {
		output.Name, background.Name = "output", "background"
		return corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{output, background}}
	}
	evicted := funcstest.Ended(137, "output", "background")
	evicted.Reason, evicted.Message = "Evicted", `Usage of EmptyDir volume "shared" exceeds the limit "4Mi". `
	for name, c := range map[string]struct {
		status corev1.PodStatus
		want   []string // in this order
		never  string
	}{
		"output": {
			end(fail(3, "Error"), fail(0, "Completed")),
			[]string{"container output: ended with status 3", "    hello\n    bye"}, "background",
		},
		"background": {
			end(fail(0, "Completed"), fail(5, "Error")),
			[]string{"container background: ended with status 5", "    dumping"}, "output",
		},
		"background, because nobody read": {
			end(fail(3, "Error"), fail(141, "Error")),
			[]string{"container output: ended with status 3", "    hello\n    bye", "container background: ended with status 141", "    dumping"}, "",
		},
		"output, because nobody read": {
			end(fail(141, "Error"), fail(5, "Error")),
			[]string{"container background: ended with status 5", "container output: ended with status 141"}, "",
		},
		"out of memory": {
			end(fail(0, "Completed"), fail(137, "OOMKilled")),
			[]string{"container background: OOMKilled (ended with status 137)", "    dumping", "to go on: give the container a higher memory limit"}, "",
		},
		"volume over its limit": {evicted, []string{"Evicted", "exceeds the limit", "to go on: raise the size limit of the volume: sharedVolumeSizeLimit"}, "background"},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := funcstest.NewEnv()
			env.Logs = funcstest.Logs{"output": taskLog, "background": "dumping\n"}
			funcstest.Kubelet(t, client, both, c.status)
			out, err := funcs.MultiContainerRun().Exec(t.Context(), env, dumpArgs(nil))
			var failed *kube.PodError
			if !errors.As(err, &failed) || out != nil {
				t.Fatalf("outputs %v, error %v", out, err)
			}
			rest := err.Error()
			for _, want := range c.want {
				before, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("error without %q, or in another place:\n%v", want, err)
				}
				_, rest = before, after
			}
			if strings.Contains(err.Error(), "a secret") || c.never != "" && strings.Contains(err.Error(), "container "+c.never) {
				t.Errorf("error:\n%v", err)
			}
			noPods(t, env)
		})
	}
}
