package local

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A resource is a kind of object that the cluster keeps.
type resource struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
	// Status: the status is written through its own subresource only.
	Status bool
	Short  []string
	// Refused says why the cluster takes no objects of a kind that it knows.
	Refused string
}

func (r resource) gvk() schema.GroupVersionKind { return r.GroupVersion().WithKind(r.Kind) }

func (r resource) singular() string { return strings.ToLower(r.Kind) }

func (r resource) scalable() bool {
	return r.Group == "apps" && r.Resource != "daemonsets"
}

// Resources that the code names.
var (
	namespacesGVR   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	accountsGVR     = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	podsGVR         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	secretsGVR      = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	configMapsGVR   = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	servicesGVR     = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	claimsGVR       = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	volumesGVR      = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumes"}
	eventsGVR       = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	nodesGVR        = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	deploymentsGVR  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	replicaSetsGVR  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	controllersGVR  = schema.GroupVersionResource{Version: "v1", Resource: "replicationcontrollers"}
	configsGVR      = schema.GroupVersionResource{Group: "apps.openshift.io", Version: "v1", Resource: "deploymentconfigs"}
	statefulSetsGVR = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	classesGVR      = schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}
	snapshotsGVR    = schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshots"}
	contentsGVR     = schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshotcontents"}
	snapClassesGVR  = schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshotclasses"}
	definitionsGVR  = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// builtinResources are all kinds of Kubernetes that the cluster knows. Those
// without behaviour here are kept and shown, like policies that nothing enforces.
func builtinResources() []resource {
	gv := func(group, version, name string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: group, Version: version, Resource: name}
	}
	return []resource{
		{GroupVersionResource: namespacesGVR, Kind: "Namespace", Status: true, Short: []string{"ns"}},
		{GroupVersionResource: nodesGVR, Kind: "Node", Status: true, Short: []string{"no"}},
		{GroupVersionResource: podsGVR, Kind: "Pod", Namespaced: true, Status: true, Short: []string{"po"}},
		{GroupVersionResource: secretsGVR, Kind: "Secret", Namespaced: true},
		{GroupVersionResource: configMapsGVR, Kind: "ConfigMap", Namespaced: true, Short: []string{"cm"}},
		{GroupVersionResource: servicesGVR, Kind: "Service", Namespaced: true, Status: true, Short: []string{"svc"}},
		{GroupVersionResource: gv("", "v1", "endpoints"), Kind: "Endpoints", Namespaced: true, Short: []string{"ep"}},
		{GroupVersionResource: gv("", "v1", "serviceaccounts"), Kind: "ServiceAccount", Namespaced: true, Short: []string{"sa"}},
		{GroupVersionResource: gv("", "v1", "limitranges"), Kind: "LimitRange", Namespaced: true},
		{GroupVersionResource: gv("", "v1", "resourcequotas"), Kind: "ResourceQuota", Namespaced: true, Status: true},
		{GroupVersionResource: claimsGVR, Kind: "PersistentVolumeClaim", Namespaced: true, Status: true, Short: []string{"pvc"}},
		{GroupVersionResource: volumesGVR, Kind: "PersistentVolume", Status: true, Short: []string{"pv"}},
		{GroupVersionResource: eventsGVR, Kind: "Event", Namespaced: true, Short: []string{"ev"}},
		{GroupVersionResource: controllersGVR, Kind: "ReplicationController", Namespaced: true, Status: true, Short: []string{"rc"}},
		{GroupVersionResource: deploymentsGVR, Kind: "Deployment", Namespaced: true, Status: true, Short: []string{"deploy"}},
		{GroupVersionResource: replicaSetsGVR, Kind: "ReplicaSet", Namespaced: true, Status: true, Short: []string{"rs"}},
		{GroupVersionResource: statefulSetsGVR, Kind: "StatefulSet", Namespaced: true, Status: true, Short: []string{"sts"}},
		{GroupVersionResource: gv("apps", "v1", "daemonsets"), Kind: "DaemonSet", Namespaced: true, Refused: "use a Deployment with one replica"},
		{GroupVersionResource: gv("batch", "v1", "jobs"), Kind: "Job", Namespaced: true, Refused: "use a Pod with restartPolicy: Never"},
		{GroupVersionResource: gv("batch", "v1", "cronjobs"), Kind: "CronJob", Namespaced: true, Refused: "nothing here runs on a schedule"},
		{GroupVersionResource: configsGVR, Kind: "DeploymentConfig", Namespaced: true, Status: true, Short: []string{"dc"}},
		{GroupVersionResource: gv("autoscaling", "v2", "horizontalpodautoscalers"), Kind: "HorizontalPodAutoscaler", Namespaced: true, Refused: "nothing here scales by load"},
		{GroupVersionResource: gv("networking.k8s.io", "v1", "networkpolicies"), Kind: "NetworkPolicy", Namespaced: true},
		{GroupVersionResource: gv("networking.k8s.io", "v1", "ingresses"), Kind: "Ingress", Namespaced: true, Status: true},
		{GroupVersionResource: gv("policy", "v1", "poddisruptionbudgets"), Kind: "PodDisruptionBudget", Namespaced: true, Status: true},
		{GroupVersionResource: gv("rbac.authorization.k8s.io", "v1", "roles"), Kind: "Role", Namespaced: true},
		{GroupVersionResource: gv("rbac.authorization.k8s.io", "v1", "rolebindings"), Kind: "RoleBinding", Namespaced: true},
		{GroupVersionResource: gv("rbac.authorization.k8s.io", "v1", "clusterroles"), Kind: "ClusterRole"},
		{GroupVersionResource: gv("rbac.authorization.k8s.io", "v1", "clusterrolebindings"), Kind: "ClusterRoleBinding"},
		{GroupVersionResource: gv("scheduling.k8s.io", "v1", "priorityclasses"), Kind: "PriorityClass"},
		{GroupVersionResource: classesGVR, Kind: "StorageClass", Short: []string{"sc"}},
		{GroupVersionResource: snapshotsGVR, Kind: "VolumeSnapshot", Namespaced: true, Status: true, Short: []string{"vs"}},
		{GroupVersionResource: contentsGVR, Kind: "VolumeSnapshotContent", Status: true, Short: []string{"vsc"}},
		{GroupVersionResource: snapClassesGVR, Kind: "VolumeSnapshotClass"},
		{GroupVersionResource: definitionsGVR, Kind: "CustomResourceDefinition", Status: true, Short: []string{"crd"}},
		{GroupVersionResource: gv("cr.kanister.io", "v1alpha1", "actionsets"), Kind: "ActionSet", Namespaced: true},
		{GroupVersionResource: gv("cr.kanister.io", "v1alpha1", "blueprints"), Kind: "Blueprint", Namespaced: true},
		{GroupVersionResource: gv("cr.kanister.io", "v1alpha1", "profiles"), Kind: "Profile", Namespaced: true},
		{GroupVersionResource: gv("cr.kanister.io", "v1alpha1", "repositoryservers"), Kind: "RepositoryServer", Namespaced: true},
	}
}

// A catalog holds the resources of a cluster: the built-in ones, and the custom
// ones that were added.
type catalog struct {
	mu     sync.RWMutex
	byGVR  map[schema.GroupVersionResource]resource
	byKind map[schema.GroupVersionKind]resource
}

func newCatalog() *catalog {
	c := &catalog{byGVR: map[schema.GroupVersionResource]resource{}, byKind: map[schema.GroupVersionKind]resource{}}
	for _, r := range builtinResources() {
		c.add(r)
	}
	return c
}

func (c *catalog) add(r resource) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byGVR[r.GroupVersionResource] = r
	c.byKind[r.gvk()] = r
}

func (c *catalog) remove(r resource) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byGVR, r.GroupVersionResource)
	delete(c.byKind, r.gvk())
}

func (c *catalog) resource(gvr schema.GroupVersionResource) (resource, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.byGVR[gvr]
	return r, ok
}

func (c *catalog) kind(gvk schema.GroupVersionKind) (resource, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.byKind[gvk]
	return r, ok
}

// all lists the resources that take objects, sorted by group, version and name.
func (c *catalog) all() []resource {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []resource
	for _, r := range c.byGVR {
		if r.Refused == "" {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b resource) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// forManifest finds the resource of an object that a user applies. A kind of a
// group that is not Kubernetes' own is learned from the object: without its
// definition there is nothing more to know of it.
func (c *catalog) forManifest(gvk schema.GroupVersionKind, namespaced bool) (resource, error) {
	r, known := c.kind(gvk)
	switch {
	case known && r.Refused != "":
		return r, fmt.Errorf("the local runtime does not run a %s: %s", gvk.Kind, r.Refused)
	case known:
		return r, nil
	case kubernetesGroup(gvk.Group):
		return r, fmt.Errorf("the local runtime does not know %s %s; it knows %s", gvk.GroupVersion(), gvk.Kind, c.kinds())
	}
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	r = resource{GroupVersionResource: plural, Kind: gvk.Kind, Namespaced: namespaced}
	c.add(r)
	return r, nil
}

func (c *catalog) kinds() string {
	var kinds []string
	for _, r := range c.all() {
		kinds = append(kinds, r.Kind)
	}
	slices.Sort(kinds)
	return strings.Join(kinds, ", ")
}

func kubernetesGroup(group string) bool {
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
}
