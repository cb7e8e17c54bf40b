package local

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// warningsOf lists what a pod asks for and does not get, where the outcome of its
// work does not hang on it. What it would hang on is refused, see checkPod. Fields
// that only choose a node or an image, like tolerations and imagePullPolicy, are not
// worth a word: there is one node, and images are names.
func warningsOf(c *Cluster, pod *corev1.Pod) []string {
	var no problems
	spec := &pod.Spec
	account := spec.ServiceAccountName
	no.when(account != "" && account != "default" && !c.exists(accountsGVR, pod.Namespace, account),
		"serviceAccountName", fmt.Sprintf("there is no service account %q here, and a cluster would refuse the pod", account))
	no.when(spec.AutomountServiceAccountToken != nil && *spec.AutomountServiceAccountToken, "automountServiceAccountToken", "containers get no token: there is no API server that they could reach")
	no.when(spec.DNSConfig != nil || spec.DNSPolicy == corev1.DNSNone, "dnsConfig", "containers ask this machine's name servers")
	no.when(spec.SetHostnameAsFQDN != nil && *spec.SetHostnameAsFQDN, "setHostnameAsFQDN", "the host name is the short one")
	no.when(spec.Affinity != nil && needsPlace(spec.Affinity), "affinity", "all pods run on this machine, also where a cluster would find no node for them")
	no.when(spec.HostUsers != nil && !*spec.HostUsers, "hostUsers", "whether containers get a user namespace depends on this machine")
	no.when(memoryOf(spec.Resources) != "", "resources.limits.memory", notLimited(memoryOf(spec.Resources)))
	warnSecurity(&no, spec.SecurityContext)
	for _, v := range spec.Volumes {
		no.when(v.EmptyDir != nil && v.EmptyDir.Medium == corev1.StorageMediumMemory, "volumes["+v.Name+"].emptyDir.medium", "the volume is a directory on disk")
	}
	for i := range spec.InitContainers {
		warnContainer(&no, "initContainers["+spec.InitContainers[i].Name+"]", &spec.InitContainers[i])
	}
	for i := range spec.Containers {
		warnContainer(&no, "containers["+spec.Containers[i].Name+"]", &spec.Containers[i])
	}
	return no
}

func warnContainer(no *problems, field string, c *corev1.Container) {
	memory := memoryOf(&c.Resources)
	no.when(memory != "", field+".resources.limits.memory", notLimited(memory))
	no.when(c.LivenessProbe != nil, field+".livenessProbe", "is not run: a container that hangs is not started again")
	no.when(c.StartupProbe != nil, field+".startupProbe", "is not run: the container counts as started at once")
	no.when(c.TTY, field+".tty", "the container has no terminal")
	sc := c.SecurityContext
	if sc == nil {
		return
	}
	no.when(sc.Capabilities != nil && len(sc.Capabilities.Drop) > 0, field+".securityContext.capabilities.drop", "root keeps the few capabilities that it has here")
	warnProfiles(no, field+".securityContext", sc.SeccompProfile, sc.AppArmorProfile, sc.SELinuxOptions)
}

func warnSecurity(no *problems, sc *corev1.PodSecurityContext) {
	if sc != nil {
		warnProfiles(no, "securityContext", sc.SeccompProfile, sc.AppArmorProfile, sc.SELinuxOptions)
	}
}

// warnProfiles is for profiles of somebody's own: those of the runtime only keep out
// what a container cannot do here either.
func warnProfiles(no *problems, field string, seccomp *corev1.SeccompProfile, armor *corev1.AppArmorProfile, selinux *corev1.SELinuxOptions) {
	no.when(seccomp != nil && seccomp.Type == corev1.SeccompProfileTypeLocalhost, field+".seccompProfile", "is not applied")
	no.when(armor != nil && armor.Type == corev1.AppArmorProfileTypeLocalhost, field+".appArmorProfile", "is not applied")
	no.when(selinux != nil, field+".seLinuxOptions", "are not applied")
}

// needsPlace tells whether an affinity could leave a pod without a node.
func needsPlace(a *corev1.Affinity) bool {
	return a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil ||
		a.PodAffinity != nil && len(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0 ||
		a.PodAntiAffinity != nil && len(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0
}

// memoryOf is a limit of memory, empty without one.
func memoryOf(r *corev1.ResourceRequirements) string {
	if r == nil {
		return ""
	}
	if limit, set := r.Limits[corev1.ResourceMemory]; set {
		return limit.String()
	}
	return ""
}

func notLimited(memory string) string {
	return "memory is not limited here: what needs more than " + memory + " goes on, and would be killed on a cluster"
}

// warn says, once for all pods of a kind in the process, what a pod goes without.
func (k *kubelet) warn(pod *corev1.Pod) {
	for _, text := range warningsOf(k.c, pod) {
		key := pod.Namespace + " " + text
		k.mu.Lock()
		known := k.warned[key]
		k.warned[key] = true
		k.mu.Unlock()
		if !known {
			k.c.log.Warn("the local runtime leaves out what a pod asks for", "pod", pod.Namespace+"/"+pod.Name, "field", text)
		}
	}
}
