package local

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// checkPod lists what the pod asks for and the local runtime cannot give, where
// going without would change what the pod does or what its data looks like.
func checkPod(spec *corev1.PodSpec) []string {
	var no problems
	no.when(spec.HostNetwork, "hostNetwork", "all containers share this machine's network already: leave it out")
	no.when(spec.HostPID, "hostPID", "containers see their own processes only")
	no.when(spec.HostIPC, "hostIPC", "containers do not share memory with this machine")
	no.when(spec.ShareProcessNamespace != nil && *spec.ShareProcessNamespace, "shareProcessNamespace", "each container has its own processes")
	no.when(spec.NodeName != "" && spec.NodeName != nodeName, "nodeName", "the only node is called "+nodeName)
	no.when(!nodeMatches(spec.NodeSelector), "nodeSelector", "the only node has the labels of "+nodeName)
	no.when(spec.RuntimeClassName != nil, "runtimeClassName", "there is one way to run containers")
	no.when(len(spec.EphemeralContainers) > 0, "ephemeralContainers", "use exec")
	no.when(len(spec.ResourceClaims) > 0, "resourceClaims", "there are no devices to claim")
	no.when(spec.OS != nil && spec.OS.Name != corev1.Linux, "os", "containers are processes of this machine")
	no.when(len(spec.Containers) == 0, "containers", "a pod needs at least one")
	no.when(len(spec.ReadinessGates) > 0, "readinessGates", "nobody here sets their conditions, so the pod would never be ready")
	no.when(len(spec.SchedulingGates) > 0, "schedulingGates", "pods start at once")
	no.when(spec.SecurityContext != nil && len(spec.SecurityContext.Sysctls) > 0, "securityContext.sysctls", "they would change this machine's kernel")
	for _, v := range spec.Volumes {
		checkVolume(&no, v)
	}
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		no.when(c.RestartPolicy != nil, "initContainers["+c.Name+"].restartPolicy", "make a sidecar an ordinary container")
		checkContainer(&no, "initContainers["+c.Name+"]", spec, c)
	}
	for i := range spec.Containers {
		c := &spec.Containers[i]
		no.when(c.RestartPolicy != nil || len(c.RestartPolicyRules) > 0, "containers["+c.Name+"].restartPolicy", "the pod's restartPolicy is for all of its containers")
		checkContainer(&no, "containers["+c.Name+"]", spec, c)
	}
	return no
}

type problems []string

func (p *problems) when(is bool, field, why string) {
	if is {
		*p = append(*p, field+": "+why)
	}
}

// nodeLabels are what a node selector can rely on.
func nodeLabels() map[string]string {
	return map[string]string{"kubernetes.io/hostname": nodeName, "kubernetes.io/os": "linux"}
}

func nodeMatches(selector map[string]string) bool {
	labels := nodeLabels()
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// isLabel is for names that become those of files and directories.
func isLabel(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }

const labelWhy = "must be lower-case letters, digits and '-'"

func checkVolume(no *problems, v corev1.Volume) {
	field := "volumes[" + v.Name + "]"
	no.when(!isLabel(v.Name), field+".name", labelWhy)
	source := v.VolumeSource
	known := source.PersistentVolumeClaim != nil || source.EmptyDir != nil || source.Secret != nil ||
		source.ConfigMap != nil || source.DownwardAPI != nil || source.Projected != nil
	no.when(source.HostPath != nil, field+".hostPath", "containers never change this machine's files: use a PersistentVolumeClaim")
	no.when(!known && source.HostPath == nil, field, "its type is not one of persistentVolumeClaim, emptyDir, configMap, secret, downwardAPI and projected")
	no.when(source.EmptyDir != nil && strings.HasPrefix(string(source.EmptyDir.Medium), string(corev1.StorageMediumHugePages)), field+".emptyDir.medium", "there are no huge pages to give")
	no.when(source.EmptyDir != nil && source.EmptyDir.Mode != nil, field+".emptyDir.mode", "everybody may write to the volume: set the mode in the container")
	if source.DownwardAPI != nil {
		checkDownward(no, field+".downwardAPI", source.DownwardAPI.Items)
	}
	if source.Projected == nil {
		return
	}
	for _, s := range source.Projected.Sources {
		no.when(s.ServiceAccountToken != nil || s.ClusterTrustBundle != nil || s.PodCertificate != nil, field+".projected",
			"there is no API server that containers could reach, so there are no tokens and certificates for it")
		if s.DownwardAPI != nil {
			checkDownward(no, field+".projected", s.DownwardAPI.Items)
		}
	}
}

func checkDownward(no *problems, field string, items []corev1.DownwardAPIVolumeFile) {
	for _, item := range items {
		at := field + ".items[" + item.Path + "]"
		if item.FieldRef != nil {
			_, err := podField(&corev1.Pod{}, item.FieldRef.FieldPath)
			no.when(err != nil, at+".fieldRef", fmt.Sprint(err))
		}
		no.when(item.FieldRef == nil && item.ResourceFieldRef == nil, at, "needs a fieldRef or a resourceFieldRef")
		no.when(item.ResourceFieldRef != nil && item.ResourceFieldRef.ContainerName == "", at+".resourceFieldRef.containerName", "is required in a volume")
	}
}

// checkEnv finds sources of variables that could never give a value.
func checkEnv(no *problems, field string, env []corev1.EnvVar) {
	for _, e := range env {
		from, at := e.ValueFrom, field+".env["+e.Name+"].valueFrom"
		switch {
		case from == nil || from.SecretKeyRef != nil || from.ConfigMapKeyRef != nil || from.ResourceFieldRef != nil:
		case from.FieldRef != nil:
			_, err := podField(&corev1.Pod{}, from.FieldRef.FieldPath)
			no.when(err != nil, at, fmt.Sprint(err))
		default:
			no.when(true, at, "its source is not one of fieldRef, resourceFieldRef, secretKeyRef and configMapKeyRef")
		}
	}
}

func checkContainer(no *problems, field string, spec *corev1.PodSpec, c *corev1.Container) {
	no.when(!isLabel(c.Name), field+".name", labelWhy)
	no.when(len(c.Command) == 0, field+".command", "images are names only here, so a container must say what it runs (its image may be known for a default command, but is never opened)")
	no.when(len(c.VolumeDevices) > 0, field+".volumeDevices", "volumes are directories: block devices need a cluster")
	no.when(c.WorkingDir != "" && !filepath.IsAbs(c.WorkingDir), field+".workingDir", "must be an absolute path")
	checkEnv(no, field, c.Env)
	if c.Lifecycle != nil {
		no.when(c.Lifecycle.StopSignal != nil, field+".lifecycle.stopSignal", "containers are asked to end with SIGTERM")
		no.when(c.Lifecycle.PostStart != nil, field+".lifecycle.postStart", "hooks are not run")
		no.when(c.Lifecycle.PreStop != nil, field+".lifecycle.preStop", "hooks are not run")
	}
	for _, m := range c.VolumeMounts {
		checkMount(no, field+".volumeMounts["+m.MountPath+"]", spec, m)
	}
	checkSecurity(no, field+".securityContext", c.SecurityContext)
}

func checkMount(no *problems, field string, spec *corev1.PodSpec, m corev1.VolumeMount) {
	declared := slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
	no.when(!declared, field, fmt.Sprintf("the pod has no volume %q", m.Name))
	no.when(!filepath.IsAbs(m.MountPath) || filepath.Clean(m.MountPath) == "/", field, "must be an absolute path below /")
	no.when(reservedPath(m.MountPath), field, reservedWhy)
	no.when(len(m.BindMountOptions) > 0, field+".bindMountOptions", "volumes are mounted without options")
	no.when(m.SubPathExpr != "", field+".subPathExpr", "use subPath")
	no.when(filepath.IsAbs(m.SubPath) || slices.Contains(strings.Split(m.SubPath, "/"), ".."), field+".subPath", "must lead into the volume")
	no.when(m.MountPropagation != nil && *m.MountPropagation != corev1.MountPropagationNone, field+".mountPropagation", "mounts are not shared with this machine")
}

const reservedWhy = "/proc, /sys and /dev are the kernel's, and /run holds rescue's own programs: mount at a directory below /run or /dev"

// reservedPath tells whether a mount would hide what every container needs.
func reservedPath(path string) bool {
	path = filepath.Clean(path)
	return path == "/dev" || path == "/run" || below(path, []string{"/proc", "/sys", "/run/rescue"})
}

func checkSecurity(no *problems, field string, sc *corev1.SecurityContext) {
	if sc == nil {
		return
	}
	no.when(sc.Privileged != nil && *sc.Privileged, field+".privileged", "containers never get privileges over this machine")
	no.when(sc.ProcMount != nil && *sc.ProcMount == corev1.UnmaskedProcMount, field+".procMount", "containers never get privileges over this machine")
	no.when(sc.WindowsOptions != nil, field+".windowsOptions", "containers are processes of this machine")
	if sc.Capabilities == nil {
		return
	}
	for _, c := range sc.Capabilities.Add {
		name := strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_")
		no.when(!slices.Contains(grantedCapabilities, name), field+".capabilities.add", name+" would be a privilege over this machine")
	}
}

// grantedCapabilities are what root in a container has, whatever it asks for.
var grantedCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE",
	"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}
