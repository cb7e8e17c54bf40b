//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/graph"
)

// dryCaller makes dry runs as whoever runs the tests, of phases that are given as CUE.
func dryCaller(t *testing.T, env *funcs.Env, phases string) *restricted {
	t.Helper()
	r := &restricted{t: t, env: env, rescue: buildRescue(t), dir: t.TempDir()}
	r.blueprint = filepath.Join(r.dir, "dry.cue")
	src := strings.NewReplacer("NAMESPACE", env.Namespace, "IMAGE", image()).Replace(fmt.Sprintf(dryPhases, phases))
	config, err := os.ReadFile(os.Getenv("KUBECONFIG"))
	if err == nil {
		err = errors.Join(os.WriteFile(r.kubeconfig(), config, 0o600), os.WriteFile(r.blueprint, []byte(src), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const dryPhases = `package dry

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "dry"
	actions: walk: {
		kind: "Namespace"
		phases: {
			%s
		}
	}
}
`

// TestDryRunObjects: what the cluster would refuse to create, patch, delete, scale, take a
// snapshot of, restore, run a command in or wait for is shown before anything runs, and what an earlier phase may change is no
// reason to refuse.
func TestDryRunObjects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ phases, refused, notSure string }{
		"an object that is there": {`a: {func: "KubeOps", args: {operation: "create", namespace: "NAMESPACE", spec: "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default}}"}}`,
			`serviceaccounts "default" already exists`, ""},
		"an object that is wrong": {`a: {func: "KubeOps", args: {operation: "create", namespace: "NAMESPACE", spec: "{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {ports: [{port: 99999}]}}"}}`,
			"spec.ports[0].port: Invalid value: 99999", ""},
		"an object in a namespace of the same spec": {`a: {func: "KubeOps", args: {operation: "create", spec: """
			{apiVersion: v1, kind: Namespace, metadata: {name: NAMESPACE-new}}
			---
			{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: NAMESPACE-new}}
			"""}}`, "", ""},
		"nothing to patch": {`a: {func: "KubeOps", args: {operation: "patch", spec: "data: {a: b}", objectReference: {apiVersion: "v1", resource: "configmaps", name: "none", namespace: "NAMESPACE"}}}`,
			`configmaps "none" not found`, ""},
		"nothing to delete": {`a: {func: "KubeOps", args: {operation: "delete", objectReference: {apiVersion: "v1", resource: "configmaps", name: "none", namespace: "NAMESPACE"}}}`,
			`configmaps "none" not found`, ""},
		"nothing to scale":        {`a: {func: "ScaleWorkload", args: {namespace: "NAMESPACE", name: "none", kind: "Deployment", replicas: 1}}`, `deployments.apps "none" not found`, ""},
		"no snapshot class":       {`a: {func: "CreateCSISnapshotStatic", args: {namespace: "NAMESPACE", name: "s", driver: "d", snapshotHandle: "h", snapshotClass: "none"}}`, `there is no VolumeSnapshotClass "none"`, ""},
		"no volume":               {`a: {func: "CreateCSISnapshot", args: {namespace: "NAMESPACE", pvc: "none", snapshotClass: "any"}}`, `persistentvolumeclaims "none" not found`, ""},
		"a pod and its container": {`a: {func: "KubeExec", args: {namespace: "NAMESPACE", pod: "db-0", container: "b", command: ["true"]}}`, "", ""},
		"no pod":                  {`a: {func: "KubeExec", args: {namespace: "NAMESPACE", pod: "none", command: ["true"]}}`, `pods "none" not found`, ""},
		"no container":            {`a: {func: "KubeExecAll", args: {namespace: "NAMESPACE", pods: "db-0", containers: "a x", command: ["true"]}}`, `/db-0 has no container "x"; it has a, b`, ""},
		"no snapshot": {`a: {func: "RestoreCSISnapshot", args: {namespace: "NAMESPACE", name: "none", pvc: "new", storageClass: "csi-hostdir", restoreSize: "1Gi"}}`,
			`volumesnapshots.snapshot.storage.k8s.io "none" not found`, ""},
		"what is waited for": {`a: {func: "WaitV2", args: {timeout: "1m", conditions: anyOf: [
			{condition: "{{ true }}", objectReference: {apiVersion: "v1", resource: "configmaps", name: "none", namespace: "NAMESPACE"}},
			{condition: "{{ true }}", objectReference: {apiVersion: "v1", resource: "serviceaccounts", name: "default", namespace: "NAMESPACE"}}]}}`,
			"", "/none is not there now: the phase waits for it"},
		"what nobody serves": {`a: {func: "WaitV2", args: {timeout: "1m", conditions: anyOf: [{condition: "{{ true }}",
			objectReference: {apiVersion: "v1", resource: "nonsense", name: "none", namespace: "NAMESPACE"}}]}}`, `nonsense`, ""},
		"an earlier phase may make it": {`
			a: {func: "KubeTask", args: {namespace: "NAMESPACE", image: "IMAGE", command: ["true"]}}
			b: {func: "ScaleWorkload", args: {namespace: "NAMESPACE", name: "none", kind: "Deployment", replicas: 1}}`, "", `deployments.apps "none" not found`},
		"a name that only the run knows": {`
			a: {func: "KubeTask", args: {namespace: "NAMESPACE", image: "IMAGE", command: ["true"]}, output: name: string}
			b: {func: "ScaleWorkload", args: {namespace: "NAMESPACE", name: a.output.name, kind: "Deployment", replicas: 1}}`, "", "name is only known in the run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := newEnv(t)
			if strings.Contains(c.phases, "db-0") {
				newPods(t, env, "db-0")
			}
			got := dryCaller(t, env, c.phases).tried("walk", "--namespace", env.Namespace)
			all := got.doc.All()
			if len(all) == 0 {
				t.Fatalf("exit code %d\n%s", got.code, got.said)
			}
			last := all[len(all)-1]
			notSure := strings.Join(last.NotSure, "\n")
			if c.refused == "" && (got.code != 0 || last.Refused != "") || !strings.Contains(last.Refused, c.refused) || !strings.Contains(got.said, c.refused) {
				t.Errorf("exit code %d, refused: %q\n%s", got.code, last.Refused, got.said)
			}
			if c.refused != "" && got.code != 1 {
				t.Errorf("exit code %d", got.code)
			}
			if !strings.Contains(notSure, c.notSure) || c.notSure == "" && notSure != "" {
				t.Errorf("not sure: %q", notSure)
			}
		})
	}
}

// TestDryRunRestore: the claim that a snapshot is restored to is checked, and not made.
func TestDryRunRestore(t *testing.T) {
	t.Parallel()
	c := newCSI(t)
	c.filled(t, "data")
	snapshot, err := c.create(t, inTime(t), "snap", funcs.Args{"pvc": "data"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ claim, class, refused string }{
		"fits":                   {"new", c.storage.Name, ""},
		"no storage class":       {"new", "none", `StorageClass none: storageclasses.storage.k8s.io "none" not found`},
		"the claim is there":     {"data", c.storage.Name, `persistentvolumeclaims "data" already exists`},
		"a name that is no name": {"No_Name", c.storage.Name, `Invalid value: "No_Name"`},
	} {
		phase := fmt.Sprintf(`a: {func: "RestoreCSISnapshot", args: {namespace: "NAMESPACE", name: %q, pvc: %q, storageClass: %q, restoreSize: %q}}`,
			snapshot["name"], test.claim, test.class, snapshot["restoreSize"])
		got := dryCaller(t, c.Env, phase).tried("walk", "--namespace", c.Namespace)
		if all := got.doc.All(); len(all) != 1 || test.refused == "" && (got.code != 0 || all[0].Refused != "" || all[0].NotSure != nil) ||
			!strings.Contains(all[0].Refused, test.refused) {
			t.Errorf("%s: exit code %d\n%s", name, got.code, got.said)
		}
	}
	if _, err := c.Kube.CoreV1().PersistentVolumeClaims(c.Namespace).Get(t.Context(), "new", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the claim of a dry run: %v", err)
	}
}

// TestDryRunChangesNothing compares all objects of the namespace before and after dry runs
// of blueprints that change what they can.
func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	c := newCSI(t)
	runDeployment(t, c.Env)
	r := dryCaller(t, c.Env, "")
	profile := filepath.Join(r.dir, "profile.yaml")
	if err := os.WriteFile(profile, []byte(profileYAML(s3Profile(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	before := allObjects(t, c.Env)
	if len(before) < 5 { // the claim, the Deployment, its ReplicaSet and pod, the service account
		t.Fatalf("the objects of the namespace: %q", slices.Sorted(maps.Keys(before)))
	}
	for _, r.blueprint = range []string{"testdata/rbac/cluster", "testdata/rbac/volumes", "testdata/rbac/cluster", "testdata/rbac/volumes"} {
		got := r.tried("all", "--deployment", c.Namespace+"/app", "--profile", profile, "--option", "image="+image(), "--option", "tools="+toolsImage(),
			"--option", "class="+c.snapshot.Name, "--option", "storage="+c.storage.Name)
		if got.code != 0 {
			t.Errorf("%s: exit code %d\n%s", r.blueprint, got.code, got.said)
		}
		if slices.ContainsFunc(got.doc.All(), func(p *graph.Phase) bool { return p.Refused != "" }) {
			t.Errorf("%s: something was refused\n%s", r.blueprint, got.said)
		}
	}
	after := allObjects(t, c.Env)
	for name := range before {
		if after[name] != before[name] {
			t.Errorf("%s before:\n%s\nafter:\n%s", name, before[name], after[name])
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "runs")); err == nil {
		t.Error("a dry run has left a journal")
	}
}

// allObjects are those of the namespace, of all resources that can be listed, without what
// the cluster itself writes as time goes by: status and events.
func allObjects(t *testing.T, env *funcs.Env) map[string]string {
	t.Helper()
	lists, err := discovery.ServerPreferredNamespacedResources(env.Kube.Discovery())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") && resource.Kind != "Event" {
				maps.Copy(all, objectsOf(t, env, gv.WithResource(resource.Name)))
			}
		}
	}
	return all
}

func objectsOf(t *testing.T, env *funcs.Env, resource schema.GroupVersionResource) map[string]string {
	t.Helper()
	list, err := env.Dynamic.Resource(resource).Namespace(env.Namespace).List(context.WithoutCancel(t.Context()), metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil // a definition of another test, which has gone meanwhile
	}
	if err != nil {
		t.Fatalf("%s: %v", resource, err)
	}
	found := map[string]string{}
	for _, object := range list.Items {
		delete(object.Object, "status")
		object.SetManagedFields(nil)
		object.SetResourceVersion("")
		src, err := json.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		found[resource.Resource+" "+object.GetName()] = string(src)
	}
	return found
}
