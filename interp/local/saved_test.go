package local

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rescuecue/rescue/funcs/kube"
)

// everyKind has an object of each kind that the runtime does something with.
const everyKind = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: any, command: [sleep, infinity]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      initContainers:
      - {name: init, image: any, command: ["true"]}
      containers:
      - name: app
        image: any
        command: [sleep, infinity]
        env:
        - {name: WORD, valueFrom: {secretKeyRef: {name: creds, key: word}}}
        - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
        envFrom:
        - {configMapRef: {name: settings}}
        readinessProbe: {exec: {command: ["true"]}}
        securityContext: {runAsUser: 0, readOnlyRootFilesystem: false}
        volumeMounts:
        - {name: data, mountPath: /data}
        - {name: scratch, mountPath: /scratch}
        - {name: info, mountPath: /info}
      volumes:
      - {name: scratch, emptyDir: {sizeLimit: 1Gi}}
      - name: info
        projected:
          sources:
          - {secret: {name: creds}}
          - {configMap: {name: settings}}
          - {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps.openshift.io/v1
kind: DeploymentConfig
metadata: {name: old, namespace: shop}
spec:
  replicas: 1
  template:
    metadata: {labels: {app: old}}
    spec: {containers: [{name: app, image: any, command: [sleep, infinity]}]}
---
{apiVersion: v1, kind: Secret, metadata: {name: creds, namespace: shop}, stringData: {word: hello}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {KEY: value}}
---
{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {selector: {app: db}, ports: [{name: sql, port: 5432}]}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: "system:reader", namespace: shop}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Shop, plural: shops, singular: shop}
  versions: [{name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object}}}]
---
{apiVersion: example.com/v1, kind: Shop, metadata: {name: corner, namespace: shop}, spec: {size: 3}}
---
{apiVersion: v1, kind: Pod, metadata: {name: waits, namespace: shop}, spec: {containers: [{name: app, image: any, command: ["true"]}], volumes: [{name: v, secret: {secretName: none}}]}}
---
{apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {name: snap, namespace: shop}, spec: {source: {persistentVolumeClaimName: data-db-0}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: restored, namespace: shop}
spec:
  accessModes: [ReadWriteOnce]
  dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: snap}
  resources: {requests: {storage: 1Gi}}
`

// soundState makes a state directory with everyKind in it, as a process leaves it.
func soundState(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c, env := openCluster(t, dir)
	if err := c.Apply([]byte(everyKind)); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	claims := env.Kube.CoreV1().PersistentVolumeClaims("shop")
	restored, err := claims.Get(deadline(t), "restored", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bound := func(c *corev1.PersistentVolumeClaim) (bool, error) { return c.Status.Phase == corev1.ClaimBound, nil }
	if _, err := kube.Follow(deadline(t), claims, restored, bound); err != nil {
		t.Fatal(err)
	}
	closeCluster(t, c)
	return dir
}

// TestEditedState takes away each field of a saved object of each kind, one at a time,
// or gives it a value of another type: that is never worse than an error which names the
// file.
func TestEditedState(t *testing.T) {
	dir := soundState(t)
	all, err := objectFiles{dir: filepath.Join(dir, "objects")}.read()
	if err != nil {
		t.Fatal(err)
	}
	if err := liveThrough(t, dir, all); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	for _, s := range all {
		switch s.obj.GetKind() {
		case "Pod":
			crashing(t, s.obj)
		case "PersistentVolumeClaim": // of which one waits for a snapshot
			delete(s.obj.Object, "status")
			unstructured.RemoveNestedField(s.obj.Object, "spec", "volumeName")
		}
	}
	seen := map[string]bool{}
	for i, s := range all {
		if kind := s.obj.GetKind(); !seen[kind] {
			editEach(t, dir, all, i)
			seen[kind] = true
		}
	}
	// As if it had been killed before it bound the snapshot.
	content := slices.IndexFunc(all, func(s savedObject) bool { return s.obj.GetKind() == "VolumeSnapshotContent" })
	snapshot := slices.IndexFunc(all, func(s savedObject) bool { return s.obj.GetKind() == "VolumeSnapshot" })
	delete(all[snapshot].obj.Object, "status")
	editEach(t, dir, all, content)
}

// editEach tries all edits of one of the objects.
func editEach(t *testing.T, dir string, all []savedObject, i int) {
	t.Helper()
	path := all[i].path
	for field, edit := range editsOf(all[i].obj.Object, "") {
		edited := slices.Clone(all)
		edited[i] = savedObject{path, &unstructured.Unstructured{Object: edit}}
		if err := liveThrough(t, dir, edited); err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s %s: %v", path, field, err)
		}
	}
}

// crashing gives a pod the status of one whose container has failed often.
func crashing(t *testing.T, pod *unstructured.Unstructured) {
	t.Helper()
	list, _, err := unstructured.NestedSlice(pod.Object, "status", "containerStatuses")
	if err == nil && len(list) > 0 {
		status, _ := list[0].(map[string]any)
		status["restartCount"] = int64(patience)
		status["state"] = map[string]any{"waiting": map[string]any{"reason": "CrashLoopBackOff"}}
		status["lastState"] = map[string]any{"terminated": map[string]any{"exitCode": int64(1), "reason": "Error"}}
		err = unstructured.SetNestedSlice(pod.Object, list, "status", "containerStatuses")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// editsOf gives changed copies of an object by what was changed.
func editsOf(obj map[string]any, path string) map[string]map[string]any {
	edits := map[string]map[string]any{}
	for key, value := range obj {
		at := join(path, key)
		if strings.Count(at, ".") < 3 { // below that it is all the same, and takes long
			other := maps.Clone(obj)
			other[key] = otherType(value)
			edits[at+" of another type"] = other
		}
		without := maps.Clone(obj)
		delete(without, key)
		edits[at+" gone"] = without
		for name, inner := range innerEdits(value, at) {
			edit := maps.Clone(obj)
			edit[key] = inner
			edits[name] = edit
		}
	}
	return edits
}

func innerEdits(value any, at string) map[string]any {
	edits := map[string]any{}
	if strings.HasSuffix(at, "template.spec") {
		return edits // A pod has the same.
	}
	switch v := value.(type) {
	case map[string]any:
		for name, edit := range editsOf(v, at) {
			edits[name] = edit
		}
	case []any:
		edits[at+" empty"] = []any{}
		for i := range v {
			item := fmt.Sprintf("%s[%d]", at, i)
			edits[item+" null"] = with(v, i, nil)
			for name, inner := range innerEdits(v[i], item) {
				edits[name] = with(v, i, inner)
			}
		}
	}
	return edits
}

func with(list []any, i int, item any) []any {
	list = slices.Clone(list)
	list[i] = item
	return list
}

func otherType(value any) any {
	if _, is := value.(string); is {
		return int64(-7)
	}
	return "text"
}

// liveThrough takes the objects and does what a cluster does with them, but for running
// containers.
func liveThrough(t *testing.T, dir string, all []savedObject) error {
	dirs, err := openStateDirs(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{dirs: dirs, log: slog.New(slog.DiscardHandler)}
	c.store, c.kubelet = c.emptyStore(), newKubelet(c)
	copies := make([]savedObject, len(all))
	for i, s := range all {
		copies[i] = savedObject{s.path, s.obj.DeepCopy()}
	}
	if err := c.takeObjects(copies); err != nil {
		return err
	}
	// That a pod fails again and again is no trouble of the state's.
	_ = c.hopeless()
	m := newManager(c)
	m.reconcile[podsGVR] = func(namespace, name string) error { return c.planPod(namespace, name) }
	changes := c.store.watchAll()
	for range 2 {
		if changes.pending() {
			batch, err := changes.next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, change := range batch {
				m.observe(change)
			}
		}
		m.work(context.Background())
		if _, err := c.unready(); err != nil {
			return err
		}
	}
	return nil
}

// planPod does all for a pod that comes before its first process.
func (c *Cluster) planPod(namespace, name string) error {
	pod, err := c.pod(namespace, name)
	if err != nil {
		return err
	}
	w := newPodWorker(c.kubelet, pod)
	w.k.warn(pod)
	w.setStatus(func(s *corev1.PodStatus) { beginStatus(pod, s, c.now()) })
	_, stop := w.activeDeadline()
	stop()
	for _, container := range pod.Spec.Containers {
		if _, err := w.plan(&container); err != nil {
			return err
		}
	}
	return nil
}
