package local

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const settingsManifest = `
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: s3cret, user: admin}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {COLOR: red, app.conf: "a=b\n"}
`

func TestPodGetsItsSettings(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(settingsManifest)); err != nil {
		t.Fatal(err)
	}
	yes := true
	createPod(t, env, podWith("p", "env | sort; cat /etc/login/pw /conf/app.conf; stat -c %a /etc/login/pw; cat /etc/one", func(p *corev1.Pod) {
		main := &p.Spec.Containers[0]
		main.EnvFrom = []corev1.EnvFromSource{
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
			{Prefix: "NO_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "none"}, Optional: &yes}},
		}
		main.Env = []corev1.EnvVar{
			{Name: "PW", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "login"}, Key: "password"}}},
			{Name: "NS", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}},
			{Name: "URL", Value: "db://$(PW)@$(NS)/$(UNSET)/$$(PW)"},
		}
		mode := int32(0o400)
		p.Spec.Volumes = []corev1.Volume{
			{Name: "login", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "login", DefaultMode: &mode, Items: []corev1.KeyToPath{{Key: "password", Path: "pw"}}}}},
			{Name: "conf", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}},
		}
		main.VolumeMounts = []corev1.VolumeMount{
			{Name: "login", MountPath: "/etc/login"}, {Name: "conf", MountPath: "/conf"},
			{Name: "conf", MountPath: "/etc/one", SubPath: "COLOR"},
		}
	}))
	awaitPod(t, env, "default", "p", ended)
	log := logOf(t, env, "p", "")
	for _, want := range []string{"COLOR=red\n", "HOSTNAME=p\n", "NS=default\n", "PW=s3cret\n", "URL=db://s3cret@default/$(UNSET)/$(PW)\n", "s3creta=b\n400\nred"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is missing in the log:\n%s", want, log)
		}
	}
}

func TestPodWaitsForWhatItNames(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	createPod(t, env, podWith("volume", "true", withClaim))
	pod := awaitPod(t, env, "default", "volume", func(p *corev1.Pod) bool {
		return p.Status.StartTime != nil && !conditionTrue(&p.Status, corev1.PodScheduled)
	})
	if msg := pod.Status.Conditions[0].Message; !strings.Contains(msg, `persistentvolumeclaim "data" not found`) {
		t.Errorf("message %q", msg)
	}
	createPod(t, env, podWith("setting", "echo $COLOR", func(p *corev1.Pod) {
		p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}
	}))
	awaitPod(t, env, "default", "setting", func(p *corev1.Pod) bool {
		s := p.Status.ContainerStatuses
		return len(s) == 1 && s[0].State.Waiting != nil && s[0].State.Waiting.Reason == "CreateContainerConfigError" &&
			s[0].State.Waiting.Message == `configmap "settings" not found`
	})
	if err := c.Apply([]byte(claimManifest + "---" + settingsManifest)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"volume", "setting"} {
		if pod := awaitPod(t, env, "default", name, ended); pod.Status.Phase != corev1.PodSucceeded {
			t.Errorf("pod %s: %+v", name, pod.Status)
		}
	}
}

func TestContainersOfAPod(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	shared := func(c *corev1.Container) {
		c.Image = "any"
		c.VolumeMounts = []corev1.VolumeMount{{Name: "shared", MountPath: "/shared"}}
	}
	createPod(t, env, podWith("p", "cat /shared/init; cat /shared/pipe", func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		p.Spec.InitContainers = []corev1.Container{
			{Name: "first", Command: []string{"sh", "-c", "echo one > /shared/init; mkfifo /shared/pipe"}},
			{Name: "second", Command: []string{"sh", "-c", "echo two >> /shared/init"}},
		}
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "side", Command: []string{"sh", "-c", "echo through > /shared/pipe"}})
		for i := range p.Spec.InitContainers {
			shared(&p.Spec.InitContainers[i])
		}
		for i := range p.Spec.Containers {
			shared(&p.Spec.Containers[i])
		}
	}))
	pod := awaitPod(t, env, "default", "p", ended)
	if log := logOf(t, env, "p", "main"); log != "one\ntwo\nthrough\n" || pod.Status.Phase != corev1.PodSucceeded {
		t.Errorf("phase %s, log %q", pod.Status.Phase, log)
	}
	if !conditionTrue(&pod.Status, corev1.PodInitialized) || len(pod.Status.InitContainerStatuses) != 2 {
		t.Errorf("status %+v", pod.Status)
	}
}

func TestFailingInitContainerFailsThePod(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	createPod(t, env, podWith("p", "echo never", func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "any", Command: []string{"sh", "-c", "exit 4"}}}
	}))
	pod := awaitPod(t, env, "default", "p", ended)
	if s := pod.Status; s.Phase != corev1.PodFailed || s.InitContainerStatuses[0].State.Terminated.ExitCode != 4 || s.ContainerStatuses[0].State.Waiting == nil {
		t.Errorf("status %+v", s)
	}
	if log := logOf(t, env, "p", "main"); log != "" {
		t.Errorf("log %q", log)
	}
}

func TestContainerIsStartedAgain(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	createPod(t, env, podWith("p", "test -e /data/again && exec sleep infinity; touch /data/again; exit 1", func(p *corev1.Pod) {
		p.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		withClaim(p)
		p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}))
	pod := awaitPod(t, env, "default", "p", func(p *corev1.Pod) bool {
		return running(p) && p.Status.ContainerStatuses[0].RestartCount > 0
	})
	s := pod.Status.ContainerStatuses[0]
	if s.RestartCount != 1 || s.LastTerminationState.Terminated == nil || s.LastTerminationState.Terminated.ExitCode != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestDeletedPodGoesAway(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	for name, script := range map[string]string{"polite": "exec sleep infinity", "stubborn": "trap '' TERM; while true; do sleep 1; done"} {
		createPod(t, env, podWith(name, script))
		pod := awaitPod(t, env, "default", name, running)
		w, err := env.Kube.CoreV1().Pods("default").Watch(deadline(t), metav1.ListOptions{ResourceVersion: pod.ResourceVersion})
		if err != nil {
			t.Fatal(err)
		}
		if err := env.Kube.CoreV1().Pods("default").Delete(deadline(t), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		for e := range w.ResultChan() {
			if e.Type == watch.Deleted {
				break
			}
		}
		w.Stop()
		_, err = env.Kube.CoreV1().Pods("default").Get(deadline(t), name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPodThatCannotRunIsRefused(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	yes := true
	tests := []struct {
		name, want string
		edit       func(*corev1.PodSpec)
	}{
		{"host network", "hostNetwork: ", func(s *corev1.PodSpec) { s.HostNetwork = true }},
		{"node selector", "nodeSelector: ", func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"disk": "ssd"} }},
		{"host path", "volumes[v].hostPath: ", func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}},
		{"nfs", "volumes[v]: its type", func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "s", Path: "/"}}}}
		}},
		{"privileged", "securityContext.privileged: ", func(s *corev1.PodSpec) {
			s.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
		}},
		{"block volume", "volumeDevices: ", func(s *corev1.PodSpec) {
			s.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: "v", DevicePath: "/dev/x"}}
		}},
		{"image's own command", "containers[main].command: images are names only", func(s *corev1.PodSpec) { s.Containers[0].Command = nil }},
		{"mount over root", "volumeMounts[/]: ", func(s *corev1.PodSpec) {
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/"}}
		}},
		{"mount over /run", "volumeMounts[/run/]: /proc, /sys and /dev are the kernel's, and /run holds rescue's own programs", func(s *corev1.PodSpec) {
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/run/"}}
		}},
		{"sysctls", "securityContext.sysctls: ", func(s *corev1.PodSpec) {
			s.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "kernel.shm_rmid_forced", Value: "1"}}}
		}},
		{"readiness gates", "readinessGates: ", func(s *corev1.PodSpec) {
			s.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.org/ready"}}
		}},
		{"huge pages", "volumes[v].emptyDir.medium: ", func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "HugePages-2Mi"}}}}
		}},
		{"unknown field of the pod", "containers[main].env[X].valueFrom: ", func(s *corev1.PodSpec) {
			s.Containers[0].Env = []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.color"}}}}
		}},
		{"variable from a file", "containers[main].env[X].valueFrom: its source", func(s *corev1.PodSpec) {
			s.Containers[0].Env = []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{FileKeyRef: &corev1.FileKeySelector{}}}}
		}},
		{"undeclared volume", `the pod has no volume "v"`, func(s *corev1.PodSpec) {
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/v"}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := env.Kube.CoreV1().Pods("default").Create(deadline(t), podWith("p", "true", func(p *corev1.Pod) { tt.edit(&p.Spec) }), metav1.CreateOptions{})
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
