package local

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// retryAfter is how soon a step that failed is tried again if nothing changes.
const retryAfter = time.Second

// A manager is the controllers of the cluster: it brings each changed object, and
// its owner, into line with what it describes.
type manager struct {
	c         *Cluster
	reconcile map[schema.GroupVersionResource]func(namespace, name string) error
	due       map[work]bool
}

type work struct {
	gvr schema.GroupVersionResource
	types.NamespacedName
}

func newManager(c *Cluster) *manager {
	m := &manager{c: c, due: map[work]bool{}}
	m.reconcile = map[schema.GroupVersionResource]func(namespace, name string) error{
		namespacesGVR:   m.namespace,
		definitionsGVR:  m.definition,
		podsGVR:         m.pod,
		claimsGVR:       m.claim,
		snapshotsGVR:    m.snapshot,
		contentsGVR:     m.content,
		deploymentsGVR:  m.deployment,
		replicaSetsGVR:  m.replicaSet,
		statefulSetsGVR: m.statefulSet,
		controllersGVR:  m.replicationController,
		configsGVR:      m.deploymentConfig,
	}
	return m
}

// lingers tells which objects stay until a controller has cleaned up after them.
func lingers(r resource, obj *unstructured.Unstructured) bool {
	switch r.GroupVersionResource {
	case podsGVR, claimsGVR, snapshotsGVR, contentsGVR, namespacesGVR, definitionsGVR:
		return true
	}
	return false
}

func (m *manager) run(ctx context.Context) {
	changes := m.c.store.watchAll()
	defer m.c.store.stopWatch(changes)
	for {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if len(m.due) > 0 {
			wait, cancel = context.WithTimeout(ctx, retryAfter)
		}
		batch, err := changes.next(wait)
		cancel()
		if err != nil && ctx.Err() != nil {
			return
		}
		for _, c := range batch {
			m.observe(c)
		}
		m.work(ctx)
	}
}

// observe notes what a change makes due.
func (m *manager) observe(c change) {
	obj := c.Object
	m.add(c.Resource.GroupVersionResource, obj.GetNamespace(), obj.GetName())
	m.addOwners(obj, ownerLevels)
	if c.Type == watch.Deleted {
		m.collect(obj.GetUID())
		m.add(namespacesGVR, "", obj.GetNamespace())
		m.add(definitionsGVR, "", c.Resource.Resource+"."+c.Resource.Group)
	}
	switch c.Resource.GroupVersionResource {
	case podsGVR:
		m.addClaims(obj)
	case claimsGVR:
		m.c.kubelet.retry(obj.GetNamespace())
		m.addSnapshots(obj)
	case secretsGVR, configMapsGVR:
		m.c.kubelet.retry(obj.GetNamespace())
	case snapshotsGVR:
		m.addRestored(obj)
		m.addContent(obj)
	case contentsGVR:
		m.addSnapshot(obj)
	case snapClassesGVR:
		m.addWaiting()
	}
}

// ownerLevels leads from a pod to its DeploymentConfig. It ends circles, too, which
// users can make.
const ownerLevels = 2

// addOwners is for all that the object is a part of: a DeploymentConfig that waits
// for the last pod of an older version has no other sign of its end.
func (m *manager) addOwners(obj *unstructured.Unstructured, levels int) {
	if levels == 0 {
		return
	}
	for _, ref := range obj.GetOwnerReferences() {
		r, known := m.c.store.kinds.kind(schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind))
		if !known {
			continue
		}
		m.add(r.GroupVersionResource, obj.GetNamespace(), ref.Name)
		if owner, err := m.c.store.get(r, obj.GetNamespace(), ref.Name); err == nil && owner.GetUID() == ref.UID {
			m.addOwners(owner, levels-1)
		}
	}
}

func (m *manager) add(gvr schema.GroupVersionResource, namespace, name string) {
	if m.reconcile[gvr] != nil && name != "" {
		m.due[work{gvr, types.NamespacedName{Namespace: namespace, Name: name}}] = true
	}
}

// addClaims is for claims whose deletion waits for the pods that use them.
func (m *manager) addClaims(obj *unstructured.Unstructured) {
	pod, err := typed[corev1.Pod](obj)
	if err != nil {
		m.c.report("pod "+obj.GetName(), err)
		return
	}
	for _, name := range claimNames(pod) {
		m.add(claimsGVR, pod.Namespace, name)
	}
}

// work does all that is due. What fails stays due.
func (m *manager) work(ctx context.Context) {
	due := m.due
	m.due = map[work]bool{}
	for w := range due {
		if ctx.Err() != nil {
			return
		}
		err := m.reconcile[w.gvr](w.Namespace, w.Name)
		if err == nil || apierrors.IsNotFound(err) {
			continue
		}
		m.c.report(w.gvr.Resource+" "+w.String(), err)
		m.due[w] = true
	}
}

// collect deletes what belonged to a deleted object.
func (m *manager) collect(owner types.UID) {
	for _, r := range m.c.store.kinds.all() {
		objs, _ := m.c.store.list(r, "", matcher{})
		for _, obj := range objs {
			owned := slices.ContainsFunc(obj.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return o.UID == owner })
			if !owned {
				continue
			}
			if err := m.c.drop(r.GroupVersionResource, obj.GetNamespace(), obj.GetName()); err != nil {
				m.c.report("delete "+r.Kind+" "+obj.GetName(), err)
			}
		}
	}
}

func (m *manager) pod(namespace, name string) error {
	pod, err := m.c.pod(namespace, name)
	if err != nil {
		return err
	}
	return m.c.kubelet.sync(pod)
}

// namespace empties a deleted namespace, and removes it when nothing is left.
func (m *manager) namespace(_, name string) error {
	ns, err := m.c.store.get(m.c.must(namespacesGVR), "", name)
	if err != nil || ns.GetDeletionTimestamp() == nil {
		return err
	}
	left := 0
	for _, r := range m.c.store.kinds.all() {
		if !r.Namespaced {
			continue
		}
		objs, _ := m.c.store.list(r, name, matcher{})
		left += len(objs)
		for _, obj := range objs {
			if err := m.c.drop(r.GroupVersionResource, name, obj.GetName()); err != nil {
				return err
			}
		}
	}
	if left > 0 {
		return nil // Their removal makes the namespace due again.
	}
	return m.c.store.remove(m.c.must(namespacesGVR), ns)
}
