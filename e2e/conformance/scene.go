package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	runs "github.com/rescuecue/rescue/interp/run"
)

// A scene is where the steps of one case happen.
type scene struct {
	place     Place
	env       *funcs.Env
	objects   *kinds
	made      []*unstructured.Unstructured
	artifacts map[string]compat.Artifact
}

// fields is what a case file finds in place. They are the action's options, too.
func (s *scene) fields() map[string]string {
	return map[string]string{
		"name": s.place.Name, "namespace": s.env.Namespace, "image": s.place.Image,
		"storageClass": s.place.StorageClass, "snapshotClass": s.place.SnapshotClass, "driver": s.place.Driver,
	}
}

// set makes the objects and waits until those with pods are ready.
func (s *scene) set(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		client, err := s.objects.client(ctx, object.GroupVersionKind(), s.env.Namespace)
		if err != nil {
			return err
		}
		made, err := client.Create(ctx, object, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		s.made = append(s.made, made)
	}
	for _, object := range s.made {
		if err := s.await(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) await(ctx context.Context, object *unstructured.Unstructured) error {
	switch object.GetKind() {
	case "Deployment", "StatefulSet":
		replicas, found, err := unstructured.NestedInt64(object.Object, "spec", "replicas")
		if err != nil || !found {
			return fmt.Errorf("%s %s: give spec.replicas: %w", object.GetKind(), object.GetName(), err)
		}
		scaler := kube.Scaler{Kube: s.env.Kube, Dynamic: s.env.Dynamic, Standstill: time.Minute}
		_, err = scaler.Scale(ctx, kube.WorkloadRef{Kind: object.GetKind(), Namespace: s.env.Namespace, Name: object.GetName()}, int32(replicas), true)
		return err
	case "Pod":
		return s.awaitPod(ctx, object.GetName())
	case "PersistentVolumeClaim":
		return s.awaitClaim(ctx, object.GetName())
	}
	return nil
}

func (s *scene) awaitPod(ctx context.Context, name string) error {
	pod, err := s.env.Kube.CoreV1().Pods(s.env.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	job := kube.Job{Pod: pod}
	for _, c := range pod.Spec.Containers {
		job.Containers = append(job.Containers, c.Name)
	}
	runner := kube.Runner{Client: s.env.Kube, Logs: s.env.Logs, Log: s.env.Log}
	_, err = runner.Started(ctx, pod, job)
	return err
}

func (s *scene) awaitClaim(ctx context.Context, name string) error {
	claims := s.env.Kube.CoreV1().PersistentVolumeClaims(s.env.Namespace)
	claim, err := claims.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	_, err = kube.Follow(ctx, claims, claim, func(c *corev1.PersistentVolumeClaim) (bool, error) { return c.Status.Phase == corev1.ClaimBound, nil })
	return err
}

// play runs a step, and compares.
func (s *scene) play(ctx context.Context, t *testing.T, c *testCase, step step) {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	start := time.Now()
	opts, err := s.options(ctx, c, step)
	if err != nil {
		t.Fatal(err)
	}
	result, err := runs.Run(ctx, opts)
	if (err == nil) != (result.State == runs.Complete) {
		t.Errorf("the run is %s, and its error is %v", result.State, err)
	}
	t.Logf("%s in %.1f s", result.State, time.Since(start).Seconds())
	for _, text := range result.Errors {
		t.Log(text)
	}
	if len(result.Artifacts) > 0 {
		s.artifacts = result.Artifacts
	}
	left, err := s.left(ctx, result.Run)
	if err != nil {
		t.Fatal(err)
	}
	if leaked := left["leaked"]; len(leaked.([]string)) > 0 {
		t.Errorf("pods of the run are left: %v", leaked)
	}
	for _, difference := range compare(step.want, report(result, left)) {
		t.Error(difference)
	}
}

// options plans the step as `rescue run` does.
func (s *scene) options(ctx context.Context, c *testCase, step step) (runs.Options, error) {
	wanted := kube.Wanted{}
	if step.Object != nil {
		wanted.Target = kube.Target{Kind: step.Object.Kind, Namespace: s.env.Namespace, Name: step.Object.Name}
	}
	g := kube.Gatherer{Kube: s.env.Kube, Dynamic: s.env.Dynamic}
	params, err := g.Gather(ctx, wanted)
	if err != nil {
		return runs.Options{}, err
	}
	params.ArtifactsIn, params.Options = s.artifacts, s.fields()
	params.PodOverride, params.PodLabels, params.PodAnnotations = step.Caller.PodOverride, step.Caller.PodLabels, step.Caller.PodAnnotations
	handles, err := s.handles(ctx)
	if err != nil {
		return runs.Options{}, err
	}
	maps.Copy(params.Options, handles)
	params.Time = s.env.Clock().UTC().Format(time.RFC3339Nano)
	plan, err := c.blueprint.Plan(step.Action, params)
	if err != nil {
		return runs.Options{}, err
	}
	return runs.Options{
		ID: runs.NewID(s.env.Clock()), Plan: plan, Params: params, Registry: funcs.Builtin(), Env: s.env,
		Render: compat.Engine{}.Render, Objects: kube.Objects{Kube: s.env.Kube},
	}, nil
}

// handles are options handle_SNAPSHOT with the storage's names of the snapshots of
// the namespace: what an administrator would look up.
func (s *scene) handles(ctx context.Context) (map[string]string, error) {
	contents, err := s.contents(ctx)
	out := map[string]string{}
	for _, c := range contents {
		if c.Status != nil && c.Status.SnapshotHandle != nil {
			out["handle_"+c.Spec.VolumeSnapshotRef.Name] = *c.Status.SnapshotHandle
		}
	}
	return out, err
}

// clear removes what the namespace does not take along.
func (s *scene) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var errs []error
	for _, object := range s.made {
		if object.GetNamespace() != "" {
			continue
		}
		client, err := s.objects.client(ctx, object.GroupVersionKind(), "")
		if err == nil {
			err = client.Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		}
		if !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	contents, err := s.contents(ctx)
	errs = append(errs, err)
	for _, c := range contents {
		err := s.env.Snapshots.SnapshotV1().VolumeSnapshotContents().Delete(ctx, c.Name, metav1.DeleteOptions{})
		if !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
