package local

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
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

func checkVolume(no *problems, v corev1.Volume) {
	field := "volumes[" + v.Name + "]"
	source := v.VolumeSource
	known := source.PersistentVolumeClaim != nil || source.EmptyDir != nil || source.Secret != nil ||
		source.ConfigMap != nil || source.DownwardAPI != nil || source.Projected != nil
	no.when(source.HostPath != nil, field+".hostPath", "containers never change this machine's files: use a PersistentVolumeClaim")
	no.when(!known && source.HostPath == nil, field, "its type is not one of persistentVolumeClaim, emptyDir, configMap, secret, downwardAPI and projected")
	if source.Projected == nil {
		return
	}
	for _, s := range source.Projected.Sources {
		no.when(s.ServiceAccountToken != nil || s.ClusterTrustBundle != nil || s.PodCertificate != nil, field+".projected",
			"there is no API server that containers could reach, so there are no tokens and certificates for it")
	}
}

func checkContainer(no *problems, field string, spec *corev1.PodSpec, c *corev1.Container) {
	no.when(len(c.Command) == 0, field+".command", "images are names only here, so a container must say what it runs (its image may be known for a default command, but is never opened)")
	no.when(len(c.VolumeDevices) > 0, field+".volumeDevices", "volumes are directories: block devices need a cluster")
	no.when(c.WorkingDir != "" && !filepath.IsAbs(c.WorkingDir), field+".workingDir", "must be an absolute path")
	if c.Lifecycle != nil {
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
	no.when(reservedPath(m.MountPath), field, "/proc, /sys and /dev are the kernel's")
	no.when(m.SubPathExpr != "", field+".subPathExpr", "use subPath")
	no.when(filepath.IsAbs(m.SubPath) || slices.Contains(strings.Split(m.SubPath, "/"), ".."), field+".subPath", "must lead into the volume")
	no.when(m.MountPropagation != nil && *m.MountPropagation != corev1.MountPropagationNone, field+".mountPropagation", "mounts are not shared with this machine")
}

func reservedPath(path string) bool {
	path = filepath.Clean(path)
	return path == "/dev" || path == "/run" || below(path, []string{"/proc", "/sys"})
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
