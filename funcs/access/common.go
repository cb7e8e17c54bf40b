package access

import (
	"slices"
	"strings"
)

// Pod is for functions that run a pod of their own.
func Pod(at Place) Rule {
	return All(
		On(at, "", "pods", "run a pod, and remove it", "create", "get", "watch", "delete"),
		On(at, "", "pods/log", "read the pod's output", "get"),
		Optionally(On(at, "", "events", "tell why a pod does not start", "list", "watch")),
		If(HasSecret, On(at, "", "secrets", "hand secrets to the pod by reference", "create", "get", "patch", "delete")),
	)
}

// Exec is for functions that run commands in containers. The right on pods/exec is asked
// for as `get` over WebSocket, and as `create` over SPDY and by newer servers.
func Exec(at Place) Rule {
	return All(
		either(On(at, "", "pods/exec", "run a command in a container", "create", "get")),
		Optionally(On(at, "", "pods", "tell why a command could not run", "get")),
	)
}

// either makes one of a need's verbs enough.
func either(r Rule) Rule {
	return func(c Call) []Need {
		needs := slices.Clone(r(c))
		for i := range needs {
			needs[i].Either = true
		}
		return needs
	}
}

// DataPod is for functions that move data in a pod of their own. It mounts the location,
// if that is in a volume.
func DataPod(at Place) Rule {
	return All(Pod(at), Exec(at), If(ClaimLocation,
		On(at, "", "persistentvolumeclaims", "mount the location's volume", "get")))
}

// VolumeDataPod is a DataPod that mounts volumes of the application.
func VolumeDataPod(at Place) Rule {
	return All(Pod(at), Exec(at), On(at, "", "persistentvolumeclaims", "mount the volumes", "get"))
}

// ClaimLocation tells whether the location is in a volume.
func ClaimLocation(c Call) bool { return c.ClaimLocation }

// WithLocation is where pods go that need nothing but the location.
func WithLocation(c Call) Where {
	if c.ClaimLocation {
		return InTarget(c)
	}
	return InWork(c)
}

// ReadKey is for functions that read a backup: without the argument encryptionKey they
// look for the key that Rescue made.
func ReadKey(c Call) []Need { return key(c, "read the encryption key", "get") }

// MakeKey is for functions that begin a backup.
func MakeKey(c Call) []Need {
	return key(c, "read the encryption key, or make it for a new repository", "get", "create")
}

func key(c Call, why string, verbs ...string) []Need {
	if Surely("encryptionKey")(c) {
		return nil
	}
	return On(InWork, "", "secrets", why, verbs...)(c)
}

// HasSecret tells whether some argument may hold a secret.
func HasSecret(c Call) bool { return hasSecret(c.Args) }

// secretSources are parts of the expressions and templates that give secrets. An option
// may be marked as one.
var secretSources = []string{"secrets", " of secret ", "profile", "options", "repositoryserver"}

func hasSecret(v any) bool {
	switch v := v.(type) {
	case Unknown:
		source := strings.ToLower(v.Source)
		return source == "" || slices.ContainsFunc(secretSources, func(s string) bool { return strings.Contains(source, s) })
	case map[string]any:
		for _, x := range v {
			if hasSecret(x) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasSecret)
	}
	return false
}

// workloads are the resources behind the kinds of workloads, and what stands between
// them and their pods.
var workloads = map[string]struct{ group, resource, ownerGroup, owner string }{
	"deployment":       {"apps", "deployments", "apps", "replicasets"},
	"statefulset":      {"apps", "statefulsets", "", ""},
	"deploymentconfig": {"apps.openshift.io", "deploymentconfigs", "", "replicationcontrollers"},
}

// WorkloadAlone is for functions that work on a workload of that kind and not on its
// pods. It has no needs for other kinds.
func WorkloadAlone(at Place, kind, why string, verbs ...string) Rule {
	w, ok := workloads[strings.ToLower(kind)]
	if !ok {
		return None
	}
	return On(at, w.group, w.resource, why, verbs...)
}

// Workload is for functions that read a workload of that kind and its pods; it has no
// needs for other kinds. More verbs are for the workload itself.
func Workload(at Place, kind, why string, verbs ...string) Rule {
	w, ok := workloads[strings.ToLower(kind)]
	if !ok {
		return None
	}
	rules := []Rule{
		WorkloadAlone(at, kind, why, append([]string{"get"}, verbs...)...),
		On(at, "", "pods", why, "list"),
	}
	if w.owner != "" {
		rules = append(rules, On(at, w.ownerGroup, w.owner, why, "list"))
	}
	return All(rules...)
}

// Kinds lists the kinds of workloads, as blueprints name them.
func Kinds() []string { return []string{"Deployment", "DeploymentConfig", "StatefulSet"} }
