package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/rescuecue/rescue/compat"
)

// A Target is the object that an action works on. Kind is statefulset, deployment,
// deploymentconfig, pvc or namespace, in any case; for every other kind of object
// Version and Resource (plural) are needed, and Group unless it is a core one. An
// empty Namespace stands for an object of the whole cluster.
type Target struct {
	Kind, Group, Version, Resource string
	Namespace, Name                string
}

// A Gatherer reads what the parameters of an action are made of.
type Gatherer struct {
	Kube    kubernetes.Interface
	Dynamic dynamic.Interface
}

// Wanted is what to read. The zero Target means that there is no object. Secrets and ConfigMaps are keyed by the name that the
// blueprint uses.
type Wanted struct {
	Target              Target
	Secrets, ConfigMaps map[string]compat.NamespacedName
}

// known are the kinds that have parameters of their own.
var known = map[string]schema.GroupVersionResource{
	KindStatefulSet:      {Group: "apps", Version: "v1", Resource: "statefulsets"},
	KindDeployment:       {Group: "apps", Version: "v1", Resource: "deployments"},
	KindDeploymentConfig: DeploymentConfigs,
	"pvc":                {Version: "v1", Resource: "persistentvolumeclaims"},
	"namespace":          {Version: "v1", Resource: "namespaces"},
}

// Gather reads the target, what belongs to it, and the named Secrets and
// ConfigMaps. It reports all that cannot be read, not just the first.
func (g *Gatherer) Gather(ctx context.Context, want Wanted) (*compat.Params, error) {
	p := &compat.Params{}
	var errs []error
	if want.Target != (Target{}) {
		errs = append(errs, g.target(ctx, p, want.Target))
	}
	var err error
	p.Secrets, err = readAll(want.Secrets, "Secret", func(n compat.NamespacedName) (compat.Secret, error) { return g.secret(ctx, n) })
	errs = append(errs, err)
	p.ConfigMaps, err = readAll(want.ConfigMaps, "ConfigMap", func(n compat.NamespacedName) (compat.ConfigMap, error) { return g.configMap(ctx, n) })
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// target fills Object and the parameter of the target's kind.
func (g *Gatherer) target(ctx context.Context, p *compat.Params, t Target) error {
	kind := strings.ToLower(t.Kind)
	if kind == "namespace" {
		if t.Name != "" && t.Namespace != "" && t.Name != t.Namespace {
			return fmt.Errorf("namespace: name %q and namespace %q differ: give one of them", t.Name, t.Namespace)
		}
		t.Name, t.Namespace = cmp.Or(t.Name, t.Namespace), ""
	}
	if err := g.object(ctx, p, t); err != nil {
		return err
	}
	var err error
	switch kind {
	case KindStatefulSet:
		p.StatefulSet, err = g.Workload(ctx, WorkloadRef{kind, t.Namespace, t.Name})
	case KindDeployment:
		p.Deployment, err = g.Workload(ctx, WorkloadRef{kind, t.Namespace, t.Name})
	case KindDeploymentConfig:
		p.DeploymentConfig, err = g.Workload(ctx, WorkloadRef{kind, t.Namespace, t.Name})
	case "pvc":
		p.PVC = &compat.NamespacedName{Name: t.Name, Namespace: t.Namespace}
	case "namespace":
		p.Namespace = &compat.NamespacedName{Name: t.Name, Namespace: t.Name}
	}
	return err
}

// object reads the whole object as the API server has it.
func (g *Gatherer) object(ctx context.Context, p *compat.Params, t Target) error {
	gvr, ok := known[strings.ToLower(t.Kind)]
	if !ok {
		gvr = schema.GroupVersionResource{Group: t.Group, Version: t.Version, Resource: t.Resource}
	}
	if gvr.Version == "" || gvr.Resource == "" {
		return fmt.Errorf("object %s: kind %q is not one of %s, so version and resource must be given",
			t.Name, t.Kind, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	var resource dynamic.ResourceInterface = g.Dynamic.Resource(gvr)
	if t.Namespace != "" {
		resource = g.Dynamic.Resource(gvr).Namespace(t.Namespace)
	}
	object, err := resource.Get(ctx, t.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read %s %s: %w", gvr.Resource, strings.TrimPrefix(t.Namespace+"/"+t.Name, "/"), err)
	}
	p.Object = object.Object
	return nil
}

// Workload describes a workload and its running pods; a Deployment's are those of
// its present revision.
func (g *Gatherer) Workload(ctx context.Context, ref WorkloadRef) (*compat.Workload, error) {
	kind, err := workloadsOf(g.Kube, g.Dynamic, ref)
	if err != nil {
		return nil, err
	}
	w, err := kind.get(ctx, ref.Name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	pods, _, err := podsOf(ctx, g.Kube, w, true)
	if err != nil {
		return nil, err
	}
	out := &compat.Workload{
		Name:                   ref.Name,
		Namespace:              ref.Namespace,
		Pods:                   []string{},
		Containers:             [][]string{},
		PersistentVolumeClaims: map[string]map[string]string{},
	}
	for i := range pods {
		if pods[i].Status.Phase == corev1.PodRunning {
			describePod(out, &pods[i])
		}
	}
	return out, nil
}

// describePod adds a pod: containers in the order of their statuses, as Kanister
// has it, and claims with their mount paths.
func describePod(w *compat.Workload, p *corev1.Pod) {
	containers := make([]string, len(p.Status.ContainerStatuses))
	for i, c := range p.Status.ContainerStatuses {
		containers[i] = c.Name
	}
	w.Pods = append(w.Pods, p.Name)
	w.Containers = append(w.Containers, containers)
	if claims := mountPaths(p); len(claims) > 0 {
		w.PersistentVolumeClaims[p.Name] = claims
	}
}

// mountPaths maps the claims of a pod to where they are mounted. With several
// mounts of one claim the last one counts.
func mountPaths(p *corev1.Pod) map[string]string {
	claims := map[string]string{} // by volume
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			claims[v.Name] = v.PersistentVolumeClaim.ClaimName
		}
	}
	paths := map[string]string{}
	for _, c := range p.Spec.Containers {
		for _, m := range c.VolumeMounts {
			if claim, ok := claims[m.Name]; ok {
				paths[claim] = m.MountPath
			}
		}
	}
	return paths
}

// readAll reads objects by name, in order, and joins the errors.
func readAll[T any](want map[string]compat.NamespacedName, kind string, read func(compat.NamespacedName) (T, error)) (map[string]T, error) {
	out := make(map[string]T, len(want))
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(want)) {
		ref := want[key]
		object, err := read(ref)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q (%s/%s): %w", kind, key, ref.Namespace, ref.Name, err))
			continue
		}
		out[key] = object
	}
	return out, errors.Join(errs...)
}

func (g *Gatherer) secret(ctx context.Context, n compat.NamespacedName) (compat.Secret, error) {
	s, err := g.Kube.CoreV1().Secrets(n.Namespace).Get(ctx, n.Name, metav1.GetOptions{})
	if err != nil {
		return compat.Secret{}, err
	}
	return compat.Secret{Meta: meta(s.ObjectMeta), Data: s.Data, Type: string(s.Type)}, nil
}

func (g *Gatherer) configMap(ctx context.Context, n compat.NamespacedName) (compat.ConfigMap, error) {
	c, err := g.Kube.CoreV1().ConfigMaps(n.Namespace).Get(ctx, n.Name, metav1.GetOptions{})
	if err != nil {
		return compat.ConfigMap{}, err
	}
	return compat.ConfigMap{Meta: meta(c.ObjectMeta), Data: c.Data, BinaryData: c.BinaryData}, nil
}

func meta(m metav1.ObjectMeta) compat.Meta {
	return compat.Meta{
		Name:        m.Name,
		Namespace:   m.Namespace,
		UID:         string(m.UID),
		Labels:      m.Labels,
		Annotations: m.Annotations,
	}
}
