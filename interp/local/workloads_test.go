package local

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rescuecue/rescue/funcs"
)

const deploymentManifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: any, command: [sleep, infinity]}
`

func scale(t *testing.T, c *Cluster, env *funcs.Env, name string, replicas int32) {
	t.Helper()
	deployments := env.Kube.AppsV1().Deployments("shop")
	s, err := deployments.GetScale(deadline(t), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Spec.Replicas = replicas
	if _, err := deployments.UpdateScale(deadline(t), name, s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

func podsOf(t *testing.T, env *funcs.Env, namespace, selector string) []corev1.Pod {
	t.Helper()
	list, err := env.Kube.CoreV1().Pods(namespace).List(deadline(t), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func TestDeploymentScales(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(deploymentManifest)); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int32{2, 0, 3} {
		scale(t, c, env, "web", n)
		if got := len(podsOf(t, env, "shop", "app=web")); got != int(n) {
			t.Errorf("%d pods instead of %d", got, n)
		}
	}
	d, err := env.Kube.AppsV1().Deployments("shop").Get(deadline(t), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Annotations[revisionAnnotation] != "1" || d.Status.AvailableReplicas != 3 || d.Status.UpdatedReplicas != 3 || d.Status.ObservedGeneration != d.Generation {
		t.Errorf("annotations %v, generation %d, status %+v", d.Annotations, d.Generation, d.Status)
	}
}

func TestDeploymentRollsOut(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(deploymentManifest)); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"other"}]}}}}`)
	if _, err := env.Kube.AppsV1().Deployments("shop").Patch(deadline(t), "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	for _, pod := range podsOf(t, env, "shop", "app=web") {
		if got := pod.Spec.Containers[0]; got.Image != "other" || got.Command[0] != "sleep" {
			t.Errorf("container of %s: %+v", pod.Name, got)
		}
	}
	sets, err := env.Kube.AppsV1().ReplicaSets("shop").List(deadline(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	revisions := map[string]int32{}
	for _, rs := range sets.Items {
		revisions[rs.Annotations[revisionAnnotation]] = *rs.Spec.Replicas
	}
	if len(revisions) != 2 || revisions["1"] != 0 || revisions["2"] != 2 {
		t.Errorf("replicas by revision: %v", revisions)
	}
}

func TestDeletionTakesWhatIsOwned(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(deploymentManifest)); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	w, err := env.Kube.CoreV1().Namespaces().Watch(deadline(t), metav1.ListOptions{FieldSelector: "metadata.name=shop"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := env.Kube.CoreV1().Namespaces().Delete(deadline(t), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for e := range w.ResultChan() {
		if e.Type == "DELETED" {
			break
		}
	}
	if left := podsOf(t, env, "", ""); len(left) != 0 {
		t.Errorf("pods left: %v", left)
	}
}

const statefulSetManifest = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - name: db
        image: any
        command: [sh, -c, 'echo $(NAME) >> /data/starts; exec sleep infinity']
        env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        volumeMounts: [{name: data, mountPath: /data}]
        readinessProbe: {exec: {command: [test, -s, /data/starts]}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

func TestStatefulSetKeepsItsVolumes(t *testing.T) {
	dir := t.TempDir()
	c, _ := openCluster(t, dir)
	if err := c.Apply([]byte(statefulSetManifest)); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	closeCluster(t, c)

	c, env := openCluster(t, dir)
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	pods := podsOf(t, env, "default", "app=db")
	if len(pods) != 2 || pods[0].Name != "db-0" || pods[1].Name != "db-1" || pods[0].Status.ContainerStatuses[0].RestartCount != 1 {
		t.Fatalf("pods %+v", pods)
	}
	// What the first start has written makes the second ready, before it has written itself.
	const both = "until test $(wc -l < /data/starts) -ge 2; do sleep 0.05; done; cat /data/starts"
	if got := execOutput(t, env, "db-1", "sh", "-c", both); got != "db-1\ndb-1\n" {
		t.Errorf("starts of db-1: %q", got)
	}
	set, err := env.Kube.AppsV1().StatefulSets("default").Get(deadline(t), "db", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if s := set.Status; s.ReadyReplicas != 2 || s.UpdatedReplicas != 2 || s.CurrentRevision != s.UpdateRevision {
		t.Errorf("status %+v", s)
	}
	claims, err := env.Kube.CoreV1().PersistentVolumeClaims("default").List(deadline(t), metav1.ListOptions{})
	if err != nil || len(claims.Items) != 2 || claims.Items[0].Name != "data-db-0" {
		t.Errorf("claims %+v, %v", claims, err)
	}
}

func TestDynamicClientSeesTheSameObjects(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	if err := c.Apply([]byte(deploymentManifest)); err != nil {
		t.Fatal(err)
	}
	client := env.Dynamic.Resource(appsv1.SchemeGroupVersion.WithResource("deployments")).Namespace("shop")
	obj, err := client.Get(deadline(t), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedField(obj.Object, "yes", "metadata", "labels", "seen"); err != nil {
		t.Fatal(err)
	}
	obj.SetResourceVersion("")
	if _, err := client.Update(deadline(t), obj, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	d, err := env.Kube.AppsV1().Deployments("shop").Get(deadline(t), "web", metav1.GetOptions{})
	if err != nil || d.Labels["seen"] != "yes" {
		t.Errorf("labels %v, %v", d.Labels, err)
	}
}

// Containers of a pod report their states side by side; none may be lost.
func TestManyContainersBecomeReady(t *testing.T) {
	dir := t.TempDir()
	var containers strings.Builder
	for i := range 8 {
		fmt.Fprintf(&containers, "      - {name: c%d, image: any:1, command: [sleep, \"1000\"]}\n", i)
	}
	manifest := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: many}\nspec:\n  selector: {matchLabels: {app: many}}\n" +
		"  template:\n    metadata: {labels: {app: many}}\n    spec:\n      containers:\n" + containers.String()
	for range 4 {
		c, _ := openCluster(t, dir)
		if err := errors.Join(c.Apply([]byte(manifest)), c.Ready(deadline(t))); err != nil {
			t.Fatal(err)
		}
		closeCluster(t, c)
	}
}

const deploymentConfigManifest = `
apiVersion: apps.openshift.io/v1
kind: DeploymentConfig
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {app: web}
  triggers: [{type: ConfigChange}]
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: any, command: [sh, -c, 'trap "" TERM; while :; do sleep 1; done']}
`

// Its pods take their time to end, as those of a new version must wait for them.
func TestDeploymentConfigScalesAndRollsOut(t *testing.T) {
	dir := t.TempDir()
	c, env := openCluster(t, dir)
	if err := errors.Join(c.Apply([]byte(deploymentConfigManifest)), c.Ready(deadline(t))); err != nil {
		t.Fatal(err)
	}
	env.Log = testLog(t)
	for _, step := range []struct{ to, before int }{{2, 2}, {0, 2}, {3, 0}} {
		out, err := funcs.ScaleWorkload().Exec(deadline(t), env, funcs.Args{"kind": "DeploymentConfig", "namespace": "shop", "name": "web", "replicas": step.to})
		if err != nil || out["originalReplicaCount"] != step.before {
			t.Fatalf("to %d: %v, %v", step.to, out, err)
		}
		if got := len(podsOf(t, env, "shop", "app=web,deployment=web-1")); got != step.to {
			t.Errorf("%d pods instead of %d", got, step.to)
		}
	}
	configs := env.Dynamic.Resource(configsGVR).Namespace("shop")
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"other","command":["sleep","infinity"]}]}}}}`)
	settle(t, env)
	if _, err := configs.Patch(deadline(t), "web", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	closeCluster(t, c)
	c, env = openCluster(t, dir)
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if pods := podsOf(t, env, "shop", "app=web"); len(pods) != 3 || pods[0].Labels["deployment"] != "web-2" || pods[0].Spec.Containers[0].Image != "other" {
		t.Errorf("pods %+v", pods)
	}
}
