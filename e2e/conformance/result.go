package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	runs "github.com/rescuecue/rescue/interp/run"
)

// report is what came of a step, in the form of a step's want.
func report(r *runs.Result, left map[string]any) map[string]any {
	doc := map[string]any{"state": r.State, "artifacts": r.Artifacts, "errors": r.Errors, "left": left}
	phases := []map[string]any{}
	for _, p := range r.Phases {
		phases = append(phases, phase(p))
	}
	doc["phases"] = phases
	if r.DeferPhase != nil {
		doc["deferPhase"] = phase(r.DeferPhase)
	}
	return doc
}

func phase(p *runs.PhaseResult) map[string]any {
	return map[string]any{"name": p.Name, "state": p.State, "attempts": p.Attempts, "output": p.Output, "error": p.Error}
}

// compare unifies what came with what was wanted, and lists what does not fit.
func compare(want cue.Value, got map[string]any) []string {
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		return []string{err.Error()}
	}
	actual := cuecontext.New().CompileBytes(text)
	if err := want.Unify(actual).Validate(cue.Concrete(true)); err != nil {
		return []string{fmt.Sprintf("%s\nit came to:\n%s", cueerrors.Details(err, nil), text)}
	}
	// Unifying fills in what is missing, so this has to be looked at, too.
	return append(missing(want, actual), unwanted(want, actual)...)
}

// missing lists the fields of want that did not come.
func missing(want, got cue.Value) []string {
	switch want.IncompleteKind() {
	case cue.StructKind:
		fields, err := want.Fields()
		if err != nil {
			return []string{err.Error()}
		}
		var list []string
		for fields.Next() {
			list = append(list, missing(fields.Value(), got.LookupPath(cue.MakePath(fields.Selector())))...)
		}
		return list
	case cue.ListKind:
		elements, err := want.List()
		if err != nil {
			return []string{err.Error()}
		}
		var list []string
		for i := 0; elements.Next(); i++ {
			list = append(list, missing(elements.Value(), got.LookupPath(cue.MakePath(cue.Index(i))))...)
		}
		return list
	}
	if !got.Exists() {
		return []string{fmt.Sprintf("%s is wanted, and did not come: %v", want.Path(), want)}
	}
	return nil
}

// unwanted lists outputs, artifacts and errors that want does not name.
func unwanted(want, got cue.Value) []string {
	list := extra(want, got, "artifacts")
	if !want.LookupPath(cue.ParsePath("errors")).Exists() {
		list = append(list, extra(want, got, "errors")...)
	}
	phases, err := got.LookupPath(cue.ParsePath("phases")).List()
	if err != nil {
		return append(list, err.Error())
	}
	for i := 0; phases.Next(); i++ {
		list = append(list, extra(want, got, fmt.Sprintf("phases[%d].output", i))...)
	}
	return append(list, extra(want, got, "deferPhase.output")...)
}

// extra lists the fields or elements at path that want does not have.
func extra(want, got cue.Value, path string) []string {
	var list []string
	at := cue.ParsePath(path)
	switch actual := got.LookupPath(at); actual.Kind() {
	case cue.StructKind:
		fields, err := actual.Fields()
		if err != nil {
			return []string{err.Error()}
		}
		for fields.Next() {
			if !want.LookupPath(cue.MakePath(append(at.Selectors(), fields.Selector())...)).Exists() {
				list = append(list, fmt.Sprintf("%s.%s came, and is not wanted: %v", path, fields.Selector(), fields.Value()))
			}
		}
	case cue.ListKind:
		if n, err := actual.Len().Int64(); err != nil || n > 0 {
			list = append(list, fmt.Sprintf("%s came, and are not wanted: %v", path, actual))
		}
	}
	return list
}

// left is what there is in the namespace: names of what comes and goes, the data of
// ConfigMaps, and the replicas of workloads. What carries the labels of the run is
// listed under leaked.
func (s *scene) left(ctx context.Context, run string) (map[string]any, error) {
	opts, ns := metav1.ListOptions{}, s.env.Namespace
	pods, err := s.env.Kube.CoreV1().Pods(ns).List(ctx, opts)
	if err != nil {
		return nil, err
	}
	claims, err := s.env.Kube.CoreV1().PersistentVolumeClaims(ns).List(ctx, opts)
	if err != nil {
		return nil, err
	}
	snaps, err := s.env.Snapshots.SnapshotV1().VolumeSnapshots(ns).List(ctx, opts)
	if err != nil {
		return nil, err
	}
	contents, err := s.contents(ctx)
	if err != nil {
		return nil, err
	}
	maps, err := s.configMaps(ctx)
	if err != nil {
		return nil, err
	}
	replicas, err := s.replicas(ctx)
	if err != nil {
		return nil, err
	}
	contents = slices.DeleteFunc(contents, func(c snapshotv1.VolumeSnapshotContent) bool { return c.DeletionTimestamp != nil })
	leaked, free := []string{}, []string{}
	for i := range pods.Items {
		switch p := &pods.Items[i]; {
		case p.DeletionTimestamp != nil: // on its way out
		case p.Labels[runs.Label] == run:
			leaked = append(leaked, p.Name)
		case metav1.GetControllerOf(p) == nil:
			free = append(free, p.Name)
		}
	}
	return map[string]any{
		"leaked": leaked, "pods": free, "configMaps": maps, "replicas": replicas,
		"claims": names(claims.Items), "snapshots": names(snaps.Items), "contents": len(contents),
	}, nil
}

// names are sorted: lists of an API server are.
func names[T any, P interface {
	*T
	metav1.Object
}](items []T) []string {
	list := make([]string, len(items))
	for i := range items {
		list[i] = P(&items[i]).GetName()
	}
	slices.Sort(list)
	return list
}

func (s *scene) configMaps(ctx context.Context) (map[string]map[string]string, error) {
	list, err := s.env.Kube.CoreV1().ConfigMaps(s.env.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for _, c := range list.Items {
		if c.Name != "kube-root-ca.crt" { // every namespace of a cluster has it
			out[c.Name] = c.Data
		}
	}
	return out, nil
}

func (s *scene) replicas(ctx context.Context) (map[string]int32, error) {
	out := map[string]int32{}
	deployments, err := s.env.Kube.AppsV1().Deployments(s.env.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, d := range deployments.Items {
		out[d.Name] = *d.Spec.Replicas
	}
	sets, err := s.env.Kube.AppsV1().StatefulSets(s.env.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, d := range sets.Items {
		out[d.Name] = *d.Spec.Replicas
	}
	return out, nil
}

// contents are the VolumeSnapshotContents for snapshots of the namespace.
func (s *scene) contents(ctx context.Context) ([]snapshotv1.VolumeSnapshotContent, error) {
	list, err := s.env.Snapshots.SnapshotV1().VolumeSnapshotContents().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(c snapshotv1.VolumeSnapshotContent) bool {
		return c.Spec.VolumeSnapshotRef.Namespace != s.env.Namespace
	}), nil
}
