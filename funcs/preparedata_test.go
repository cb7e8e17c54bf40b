package funcs_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
)

func prepareArgs(change funcs.Args) funcs.Args {
	args := funcs.Args{"namespace": "shop", "image": "app:1", "command": []any{"fix", "it"}}
	maps.Copy(args, change)
	return args
}

func claimIn(namespace, name string, modes ...corev1.PersistentVolumeAccessMode) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: modes}}
}

// shop is the action's workload, with the claims of its pods.
func shop(claims map[string]map[string]string) *compat.Workload {
	w := &compat.Workload{Name: "web", Namespace: "shop", PersistentVolumeClaims: claims}
	for pod := range claims {
		w.Pods = append(w.Pods, pod)
	}
	return w
}

func templateWith(claims ...string) corev1.PodTemplateSpec {
	var t corev1.PodTemplateSpec
	t.Spec.Volumes = []corev1.Volume{{Name: "scratch"}}
	for _, c := range claims {
		t.Spec.Volumes = append(t.Spec.Volumes, corev1.Volume{Name: c, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: c}}})
	}
	return t
}

func TestPrepareDataPod(t *testing.T) {
	claims := []runtime.Object{claimIn("shop", "data", corev1.ReadWriteOnce), claimIn("shop", "media", corev1.ReadOnlyMany), claimIn("rescue", "own")}
	const dataPod = `
restartPolicy: Never
volumes: [{name: vol-0, persistentVolumeClaim: {claimName: data}}]
containers:
- {name: container, image: "app:1", command: [fix, it], imagePullPolicy: IfNotPresent, volumeMounts: [{name: vol-0, mountPath: /d}]}
`
	data := map[string]any{"data": "/d"}
	for name, c := range map[string]struct {
		args      funcs.Args
		env       func(*funcs.Env)
		spec      string
		namespace string
	}{
		"least": {args: funcs.Args{"volumes": data}, spec: dataPod},
		"all": {
			args: funcs.Args{"volumes": map[string]any{"data": "/d", "media": "/m"}, "serviceaccount": "fixer", "failOnError": true,
				"podOverride": map[string]any{"nodeSelector": map[string]any{"disk": "ssd"}},
				"podLabels":   map[string]any{"team": "a"}, "podAnnotations": map[string]any{"note": "b"}},
			spec: `
restartPolicy: Never
serviceAccountName: fixer
nodeSelector: {disk: ssd}
volumes:
- {name: vol-0, persistentVolumeClaim: {claimName: data}}
- {name: vol-1, persistentVolumeClaim: {claimName: media, readOnly: true}}
containers:
- name: container
  image: app:1
  command: [fix, it]
  imagePullPolicy: IfNotPresent
  volumeMounts: [{name: vol-0, mountPath: /d}, {name: vol-1, mountPath: /m, readOnly: true}]
`,
		},
		"no namespace": {
			args: funcs.Args{"namespace": "", "volumes": map[string]any{"own": "/d"}},
			env:  func(e *funcs.Env) { e.ServiceAccount = "runner" },
			spec: strings.Replace(dataPod, "claimName: data", "claimName: own", 1) + "serviceAccountName: runner", namespace: "rescue",
		},
		"secure": {
			args: funcs.Args{"volumes": data, "serviceaccount": "fixer"},
			env:  func(e *funcs.Env) { e.SecurePods = true },
			spec: dataPod + "serviceAccountName: default\nautomountServiceAccountToken: false",
		},
		"volumes of the pods": {
			env: func(e *funcs.Env) {
				e.Params.Deployment = shop(map[string]map[string]string{"web-a": {"data": "/data", "media": "/media"}, "web-b": {"data": "/data"}})
			},
			spec: `
restartPolicy: Never
volumes:
- {name: vol-0, persistentVolumeClaim: {claimName: data}}
- {name: vol-1, persistentVolumeClaim: {claimName: media, readOnly: true}}
containers:
- name: container
  image: app:1
  command: [fix, it]
  imagePullPolicy: IfNotPresent
  volumeMounts: [{name: vol-0, mountPath: /mnt/prepare_data/data}, {name: vol-1, mountPath: /mnt/prepare_data/media, readOnly: true}]
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := funcstest.NewEnv(claims...)
			env.Logs = funcstest.Logs{"container": taskLog}
			if c.env != nil {
				c.env(env)
			}
			created := funcstest.Kubelet(t, client, funcstest.Ended(0, "container"))
			out, err := funcs.PrepareData().Exec(t.Context(), env, prepareArgs(c.args))
			if err != nil || !maps.Equal(out, funcs.Output{"where": "a secret"}) {
				t.Fatalf("outputs %v, error %v", out, err)
			}
			pod := created()[0]
			if diff := cmp.Diff(fromYAML[corev1.PodSpec](t, c.spec), pod.Spec); diff != "" {
				t.Errorf("pod (-expected +got):\n%s", diff)
			}
			if c.namespace == "" {
				c.namespace = "shop"
			}
			if pod.Namespace != c.namespace || !strings.HasPrefix(pod.Name, "prepare-data-job-") {
				t.Errorf("pod %s/%s", pod.Namespace, pod.Name)
			}
			noPods(t, env)
		})
	}
}

// TestPrepareDataWithoutPods: the workload had no pods when the action started.
func TestPrepareDataWithoutPods(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "web"}
	set := &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Template: templateWith("shared")}}
	for _, name := range []string{"data", "a.b"} {
		set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	objects := []runtime.Object{set, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: templateWith("media", "data")}}}
	for _, name := range []string{"shared", "media", "data", "data-web-0", "data-web-12", "a.b-web-0",
		"data-web-x", "data-web-0-0", "data-webs-0", "other-web-0", "a-b-web-0", "xdata-web-0"} {
		objects = append(objects, claimIn("shop", name))
	}
	objects = append(objects, claimIn("elsewhere", "data-web-1"))
	for name, c := range map[string]struct {
		params compat.Params
		want   []string
	}{
		"stateful set": {compat.Params{StatefulSet: shop(nil)}, []string{"a.b-web-0", "data-web-0", "data-web-12", "shared"}},
		"deployment":   {compat.Params{Deployment: shop(nil)}, []string{"data", "media"}},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, log := funcstest.NewEnv(objects...)
			env.Logs, env.Params = funcstest.Logs{}, &c.params
			created := funcstest.Kubelet(t, client, funcstest.Ended(0, "container"))
			if _, err := funcs.PrepareData().Exec(t.Context(), env, prepareArgs(nil)); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range created()[0].Spec.Containers[0].VolumeMounts {
				got = append(got, strings.TrimPrefix(m.MountPath, "/mnt/prepare_data/"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" || !strings.Contains(log.String(), "no pod ran when the action started") {
				t.Errorf("volumes (-expected +got):\n%s\nlog:\n%s", diff, log)
			}
		})
	}
}

func TestPrepareDataUnknownVolumes(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "web"}
	none := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: templateWith()}}
	running := map[string]map[string]string{"web-0": nil}
	for name, c := range map[string]struct {
		params  *compat.Params
		objects []runtime.Object
		args    funcs.Args
		want    string
	}{
		"no object":           {params: nil, want: "the action's object is no Deployment or StatefulSet"},
		"a volume":            {params: &compat.Params{PVC: &compat.NamespacedName{Name: "data", Namespace: "shop"}}, want: "no Deployment or StatefulSet"},
		"a deployment config": {params: &compat.Params{DeploymentConfig: shop(running)}, want: "no Deployment or StatefulSet"},
		"pods without claims": {params: &compat.Params{StatefulSet: shop(running)}, want: "statefulset shop/web: its pods mount no claim"},
		"no pods and no claims": {params: &compat.Params{Deployment: shop(nil)}, objects: []runtime.Object{none},
			want: "deployment shop/web: no pod of it ran when the action started"},
		"gone":          {params: &compat.Params{StatefulSet: shop(nil)}, want: "read statefulset shop/web"},
		"empty volumes": {params: nil, args: funcs.Args{"volumes": map[string]any{}}, want: "give them with the argument volumes"},
		"missing claim": {params: nil, args: funcs.Args{"volumes": map[string]any{"data": "/d"}}, want: "volume shop/data: "},
		"claim of another namespace": {params: nil, objects: []runtime.Object{claimIn("elsewhere", "data")},
			args: funcs.Args{"volumes": map[string]any{"data": "/d"}}, want: "kubectl get pvc -n shop"},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := funcstest.NewEnv(c.objects...)
			env.Params = c.params
			out, err := funcs.PrepareData().Exec(t.Context(), env, prepareArgs(c.args))
			if err == nil || out != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("outputs %v, error %v", out, err)
			}
			for _, a := range client.Actions() {
				if a.GetVerb() == "create" {
					t.Error("a pod was made")
				}
			}
		})
	}
}

// TestPrepareDataFails: without failOnError the command's status does not count, and
// whatever else happens to the pod does.
func TestPrepareDataFails(t *testing.T) {
	oom := funcstest.Ended(137, "container")
	oom.ContainerStatuses[0].State.Terminated.Reason = "OOMKilled"
	noProgram := funcstest.Ended(128, "container")
	noProgram.ContainerStatuses[0].State.Terminated.Reason = "StartError"
	evicted := funcstest.Ended(137, "container")
	evicted.Reason, evicted.Message = "Evicted", "The node was low on resource: memory."
	badInit := corev1.PodStatus{Phase: corev1.PodFailed, InitContainerStatuses: funcstest.Ended(1, "prepare").ContainerStatuses}
	for name, c := range map[string]struct {
		status      corev1.PodStatus
		log         string
		failOnError bool
		want        string // "": the phase succeeds
	}{
		"status":                   {status: funcstest.Ended(3, "container"), log: taskLog},
		"status, failOnError":      {status: funcstest.Ended(3, "container"), log: taskLog, failOnError: true, want: "ended with status 3\nthe last lines of its log:\n    hello\n    bye"},
		"killed by its own":        {status: funcstest.Ended(137, "container"), log: taskLog},
		"malformed output":         {status: funcstest.Ended(0, "container"), log: "###Phase-output###: x\n", want: "is not a JSON object"},
		"malformed output, failed": {status: funcstest.Ended(3, "container"), log: "###Phase-output###: x\n", want: "is not a JSON object"},
		"out of memory":            {status: oom, log: taskLog, want: "OOMKilled"},
		"no program":               {status: noProgram, want: "StartError"},
		"evicted":                  {status: evicted, log: taskLog, want: "Evicted"},
		"init container":           {status: badInit, want: "container prepare: ended with status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, log := funcstest.NewEnv(claimIn("shop", "data"))
			env.Logs = funcstest.Logs{"container": c.log}
			funcstest.Kubelet(t, client, c.status)
			out, err := funcs.PrepareData().Exec(t.Context(), env,
				prepareArgs(funcs.Args{"volumes": map[string]any{"data": "/d"}, "failOnError": c.failOnError}))
			switch {
			case c.want != "" && (err == nil || out != nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("outputs %v, error %v", out, err)
			case c.want == "" && (err != nil || !maps.Equal(out, funcs.Output{"where": "a secret"})):
				t.Errorf("outputs %v, error %v", out, err)
			case c.want == "" && !strings.Contains(log.String(), `log="hello\nbye"`):
				t.Errorf("the log does not warn:\n%s", log)
			}
			noPods(t, env)
		})
	}
}

// brokenLogs hands over some of a log, and then fails.
type brokenLogs struct{}

func (brokenLogs) Follow(_ context.Context, _, _, _ string, w io.Writer) error {
	_, err := io.WriteString(w, taskLog)
	return errors.Join(err, errors.New("the log broke off"))
}

// TestPrepareDataLosesItsLog: a status that does not matter hides no lost outputs.
func TestPrepareDataLosesItsLog(t *testing.T) {
	env, client, _ := funcstest.NewEnv(claimIn("shop", "data"))
	env.Logs = brokenLogs{}
	funcstest.Kubelet(t, client, funcstest.Ended(3, "container"))
	out, err := funcs.PrepareData().Exec(t.Context(), env, prepareArgs(funcs.Args{"volumes": map[string]any{"data": "/d"}}))
	if err == nil || out != nil || !strings.Contains(err.Error(), "the log broke off") || !strings.Contains(err.Error(), "status 3") {
		t.Errorf("outputs %v, error %v", out, err)
	}
}
