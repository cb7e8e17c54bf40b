package vet

import (
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// podPaths says where the spec of a pod stands in objects that have one, by their kinds.
var podPaths = map[string]string{
	"Pod":                   "spec",
	"Deployment":            "spec.template.spec",
	"StatefulSet":           "spec.template.spec",
	"DaemonSet":             "spec.template.spec",
	"ReplicaSet":            "spec.template.spec",
	"ReplicationController": "spec.template.spec",
	"Job":                   "spec.template.spec",
	"CronJob":               "spec.jobTemplate.spec.template.spec",
}

// pod is the spec of the pod in an object of the kind, with its path, or nil.
func (m *manifest) pod(kind string) (*compat.Value, string) {
	path, ok := podPaths[kind]
	if !ok {
		return nil, ""
	}
	v := m.root
	for name := range strings.SplitSeq(path, ".") {
		v = v.Get(name)
	}
	return v, path
}

// kind of the object, if it is one of Kubernetes' own: as it says itself, or by the
// reference to what is patched.
func (p *outlinePhase) kindOf(m *manifest) string {
	version, kind := text(m.root, "apiVersion"), text(m.root, "kind")
	if operation, _ := p.arg("operation").literal(); operation == "patch" {
		ref := p.arg("objectReference")
		version, _ = ref.get("apiVersion").literal()
		group, _ := ref.get("group").literal()
		if group != "" {
			version = group + "/" + version
		}
		resource, _ := ref.get("resource").literal()
		kind = kindOfResource(resource)
	}
	if version != "v1" && !strings.HasPrefix(version, "apps/") && !strings.HasPrefix(version, "batch/") {
		return ""
	}
	return kind
}

// kindOfResource is the kind with a pod whose plural is given.
func kindOfResource(resource string) string {
	for kind := range podPaths {
		if strings.ToLower(kind)+"s" == resource {
			return kind
		}
	}
	return ""
}

// readManifests reads the spec of KubeOps, and the scripts in its pods.
func (p *outlinePhase) readManifests() {
	spec := p.arg("spec")
	if p.function != "KubeOps" || spec == nil || spec.text == nil {
		return
	}
	p.manifests, p.unreadable = spec.text.manifests()
	for _, m := range p.manifests {
		if pod, _ := m.pod(p.kindOf(m)); pod != nil {
			p.pods = append(p.pods, m.value(pod))
		}
	}
}

// podScripts parses the scripts in the containers of the phase's pods: a command and what
// follows it.
func (p *outlinePhase) podScripts() {
	for _, c := range p.podContainers() {
		line := &outlineValue{}
		for _, part := range []*outlineValue{c.get("command"), c.get("args")} {
			if part != nil {
				line.items = append(line.items, part.items...)
			}
		}
		if s := scriptOf(line, true); s != nil {
			p.scripts = append(p.scripts, s)
		}
	}
}

// podContainers are the containers in the phase's podOverride, and in the pods that it
// creates or patches.
func (p *outlinePhase) podContainers() []*outlineValue {
	var all []*outlineValue
	for _, pod := range p.pods {
		for _, list := range []string{"containers", "initContainers"} {
			if containers := pod.get(list); containers != nil {
				all = append(all, containers.items...)
			}
		}
	}
	return all
}
