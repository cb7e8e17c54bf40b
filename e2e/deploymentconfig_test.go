//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// TestScaleDeploymentConfig: on OpenShift with its own controller; elsewhere the test
// brings the kind along, and does what the controller does: it makes a
// ReplicationController for the present version, and sums up its status.
func TestScaleDeploymentConfig(t *testing.T) {
	env, _ := newEnv(t)
	if installDeploymentConfigs(t, env) {
		go standInController(t.Context(), env)
	}
	newDeploymentConfig(t, env)
	for _, step := range []struct {
		kind             string
		to, before, pods int
	}{{"DeploymentConfig", 1, 1, 1}, {"deploymentconfig", 0, 1, 0}, {"DEPLOYMENTCONFIG", 2, 0, 2}, {"deploymentConfig", 1, 2, 1}} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		out, err := run(t, ctx, funcs.ScaleWorkload(), env, funcs.Args{
			"namespace": env.Namespace, "name": "app", "kind": step.kind, "replicas": step.to,
		})
		if err != nil || out["originalReplicaCount"] != step.before {
			t.Fatalf("to %d: output %v, error %v", step.to, out, err)
		}
		if n := podsIn(t, env); n != step.pods {
			t.Errorf("scaled to %d: %d pods", step.to, n)
		}
	}
	g := kube.Gatherer{Kube: env.Kube, Dynamic: env.Dynamic}
	p, err := g.Gather(t.Context(), kube.Wanted{Target: kube.Target{Kind: "deploymentconfig", Namespace: env.Namespace, Name: "app"}})
	if err != nil {
		t.Fatal(err)
	}
	if w := p.DeploymentConfig; w == nil || len(w.Pods) != 1 || w.Containers[0][0] != kube.MainContainer {
		t.Errorf("parameters: %+v", w)
	}
}

// installDeploymentConfigs makes the kind known for the time of the test. It returns
// false where the cluster has it.
func installDeploymentConfigs(t *testing.T, env *funcs.Env) bool {
	t.Helper()
	if _, err := env.Kube.Discovery().ServerResourcesForGroupVersion(kube.DeploymentConfigs.GroupVersion().String()); err == nil {
		if _, err := env.Dynamic.Resource(definitions).Get(t.Context(), "deploymentconfigs.apps.openshift.io", metav1.GetOptions{}); err == nil {
			t.Skip("another run of this test, or what is left of one, has the definition of DeploymentConfig")
		}
		return false
	}
	definition := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(deploymentConfigDefinition), &definition.Object); err != nil {
		t.Fatal(err)
	}
	client := env.Dynamic.Resource(definitions)
	made, err := client.Create(t.Context(), definition, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Delete(context.Background(), made.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Errorf("CustomResourceDefinition %s is left: %v", made.GetName(), err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	_, err = kube.Follow(ctx, kube.Dynamic(client), made, func(*unstructured.Unstructured) (bool, error) {
		_, err := env.Dynamic.Resource(kube.DeploymentConfigs).Namespace(env.Namespace).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return true
}

const deploymentConfigDefinition = `{
	"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
	"metadata": {"name": "deploymentconfigs.apps.openshift.io", "labels": {"rescue-e2e": "run"},
		"annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in of a test"}},
	"spec": {
		"group": "apps.openshift.io", "scope": "Namespaced",
		"names": {"kind": "DeploymentConfig", "plural": "deploymentconfigs", "singular": "deploymentconfig"},
		"versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
			"schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]
	}
}`

func newDeploymentConfig(t *testing.T, env *funcs.Env) {
	t.Helper()
	dc := &unstructured.Unstructured{}
	text := fmt.Sprintf(`{
		"apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfig", "metadata": {"name": "app"},
		"spec": {"replicas": 1, "selector": {"app": "app"}, "template": {
			"metadata": {"labels": {"app": "app"}},
			"spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "container", "image": %q, "command": ["sleep", "3600"]}]}
		}}
	}`, image())
	if err := json.Unmarshal([]byte(text), &dc.Object); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Dynamic.Resource(kube.DeploymentConfigs).Namespace(env.Namespace).Create(t.Context(), dc, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// standInController brings the DeploymentConfig and its ReplicationController into
// line, again and again until ctx ends. What fails is tried again, as in any
// controller: the test sees what comes of it.
func standInController(ctx context.Context, env *funcs.Env) {
	for ctx.Err() == nil {
		_ = reconcileDeploymentConfig(ctx, env)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func reconcileDeploymentConfig(ctx context.Context, env *funcs.Env) error {
	configs := env.Dynamic.Resource(kube.DeploymentConfigs).Namespace(env.Namespace)
	dc, err := configs.Get(ctx, "app", metav1.GetOptions{})
	if err != nil {
		return err
	}
	rc, err := controllerOf(ctx, env, dc)
	if err != nil {
		return err
	}
	replicas, _, err := unstructured.NestedInt64(dc.Object, "spec", "replicas")
	if err != nil {
		return err
	}
	if int64(*rc.Spec.Replicas) != replicas {
		patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
		_, err = env.Kube.CoreV1().ReplicationControllers(env.Namespace).Patch(ctx, rc.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	}
	if rc.Status.ObservedGeneration < rc.Generation {
		return nil
	}
	dc.Object["status"] = map[string]any{
		"latestVersion": int64(1), "observedGeneration": dc.GetGeneration(), "replicas": int64(rc.Status.Replicas),
		"updatedReplicas": int64(rc.Status.Replicas), "availableReplicas": int64(rc.Status.AvailableReplicas),
	}
	_, err = configs.UpdateStatus(ctx, dc, metav1.UpdateOptions{})
	return err
}

// controllerOf finds or makes the ReplicationController of version 1.
func controllerOf(ctx context.Context, env *funcs.Env, dc *unstructured.Unstructured) (*corev1.ReplicationController, error) {
	client := env.Kube.CoreV1().ReplicationControllers(env.Namespace)
	rc, err := client.Get(ctx, "app-1", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return rc, err
	}
	spec, err := json.Marshal(dc.Object["spec"])
	if err != nil {
		return nil, err
	}
	rc = &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{
		Name:            "app-1",
		Annotations:     map[string]string{"openshift.io/deployment-config.latest-version": "1"},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(dc, dc.GroupVersionKind())},
	}}
	if err := json.Unmarshal(spec, &rc.Spec); err != nil {
		return nil, err
	}
	return client.Create(ctx, rc, metav1.CreateOptions{})
}
