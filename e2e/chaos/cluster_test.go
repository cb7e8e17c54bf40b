//go:build e2e

package chaos

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/kube/client"
)

// TestCluster strikes runs on the cluster of $KUBECONFIG. Each round has a namespace.
func TestCluster(t *testing.T) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("this test needs a cluster: set KUBECONFIG: %v", err)
	}
	clients, err := client.New(config, "rescue-chaos")
	if err != nil {
		t.Fatal(err)
	}
	env := &funcs.Env{Clock: time.Now}
	clients.Fill(env)
	s3Profile(t) // or else the test skips
	c := &campaign{program: programFor(t), rounds: numberOf(t, "RESCUE_CHAOS_CLUSTER_ROUNDS", few), scenarios: scenarios}
	c.run(t, func(t *testing.T, app application) place { return newClusterPlace(t, env, app) })
}

// s3Profile makes a bucket, and a file with a Profile that names it. Rounds do not share
// one: blueprints give all their backups the same path.
func s3Profile(t *testing.T) string {
	t.Helper()
	endpoint, id, secret := os.Getenv("RESCUE_E2E_S3_ENDPOINT"), os.Getenv("RESCUE_E2E_S3_ACCESS_KEY"), os.Getenv("RESCUE_E2E_S3_SECRET_KEY")
	if endpoint == "" || id == "" || secret == "" {
		t.Skip("no S3 server: set RESCUE_E2E_S3_ENDPOINT, RESCUE_E2E_S3_ACCESS_KEY and RESCUE_E2E_S3_SECRET_KEY")
	}
	store := s3.New(s3.Options{
		BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
	bucket := "rescue-chaos-" + rand.String(10)
	if _, err := store.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeBucket(t, store, bucket) })
	path := filepath.Join(t.TempDir(), "profile.yaml")
	text := fmt.Sprintf(`apiVersion: cr.kanister.io/v1alpha1
kind: Profile
metadata: {name: chaos, namespace: default}
location: {type: s3Compliant, bucket: %q, endpoint: %q}
credential:
  type: keyPair
  keyPair: {idField: id, secretField: secret, secret: {name: chaos-keys, namespace: default}}
---
apiVersion: v1
kind: Secret
metadata: {name: chaos-keys, namespace: default}
stringData: {id: %q, secret: %q}
`, bucket, endpoint, id, secret)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func removeBucket(t *testing.T, store *s3.Client, bucket string) {
	// The test's own context has ended when it cleans up.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	pages := s3.NewListObjectsV2Paginator(store, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		for _, o := range page.Contents {
			if _, err := store.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key}); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := store.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Errorf("bucket %s is left: %v", bucket, err)
	}
}

// clusterPlace is a namespace of a real cluster.
type clusterPlace struct {
	*testing.T
	env     *funcs.Env
	app     application
	name    string
	profile string
}

func newClusterPlace(t *testing.T, env *funcs.Env, app application) *clusterPlace {
	p := &clusterPlace{t, env, app, "rescue-chaos-" + rand.String(6), s3Profile(t)}
	namespaces := env.Kube.CoreV1().Namespaces()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.name}}
	if _, err := namespaces.Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := namespaces.Delete(ctx, p.name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("namespace %s is left: %v", p.name, err)
		}
	})
	p.deploy()
	return p
}

// resources of the kinds that applications have.
var resources = map[string]schema.GroupVersionResource{
	"Deployment":            {Group: "apps", Version: "v1", Resource: "deployments"},
	"StatefulSet":           {Group: "apps", Version: "v1", Resource: "statefulsets"},
	"PersistentVolumeClaim": {Version: "v1", Resource: "persistentvolumeclaims"},
	"Secret":                {Version: "v1", Resource: "secrets"},
	"ConfigMap":             {Version: "v1", Resource: "configmaps"},
}

// deploy makes the application, and waits until it is ready.
func (p *clusterPlace) deploy() {
	for _, o := range p.app.manifest(p.T, p.name, toolsImage()) {
		_, err := p.env.Dynamic.Resource(resources[o.GetKind()]).Namespace(p.name).Create(p.Context(), o, metav1.CreateOptions{})
		if err != nil {
			p.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
	p.replicas()
}

// replicas waits until the application has its pods.
func (p *clusterPlace) replicas() (wanted, ready int) {
	ctx, cancel := context.WithTimeout(p.Context(), 3*time.Minute)
	defer cancel()
	settled := func(wants *int32, has, hasReady int32, upToDate, exists bool) (bool, error) {
		if !exists || !upToDate {
			return false, nil
		}
		wanted, ready = int(*wants), int(hasReady)
		return has == *wants && hasReady == *wants, nil
	}
	var err error
	if apps := p.env.Kube.AppsV1(); p.app.kind == "StatefulSet" {
		err = kube.Observe(ctx, apps.StatefulSets(p.name), p.app.name, func(s *appsv1.StatefulSet, exists bool) (bool, error) {
			return settled(s.Spec.Replicas, s.Status.Replicas, s.Status.ReadyReplicas, s.Status.ObservedGeneration == s.Generation, exists)
		})
	} else {
		err = kube.Observe(ctx, apps.Deployments(p.name), p.app.name, func(d *appsv1.Deployment, exists bool) (bool, error) {
			return settled(d.Spec.Replicas, d.Status.Replicas, d.Status.ReadyReplicas, d.Status.ObservedGeneration == d.Generation, exists)
		})
	}
	if err != nil {
		p.Fatalf("the application is not ready: %v: %d of %d", err, ready, wanted)
	}
	return wanted, ready
}

func (p *clusterPlace) runFlags() []string {
	return []string{"--profile", p.profile, "--work-namespace", p.name}
}

func (p *clusterPlace) gcFlags() []string { return []string{"--namespace", p.name} }

func (p *clusterPlace) namespace() string { return p.name }

func (p *clusterPlace) options() map[string]string {
	class := func(name string) string { return cmp.Or(os.Getenv(name), "csi-hostdir") }
	return map[string]string{
		"image": toolsImage(), "tools": toolsImage(),
		"snapshotClass": class("RESCUE_E2E_SNAPSHOT_CLASS"), "storageClass": class("RESCUE_E2E_STORAGE_CLASS"),
	}
}

// inVolume runs the script in a pod that sees the volume whatever becomes of the
// application. The pod is made if it is not there.
func (p *clusterPlace) inVolume(claim, script string) string {
	p.Helper()
	name := "reader-" + claim
	_, err := p.env.Kube.CoreV1().Pods(p.name).Get(p.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		p.startReader(name, claim)
	} else if err != nil {
		p.Fatal(err)
	}
	out, err := p.exec(name, script)
	// On a busy node the connection may break before the script ends: it has no exit status then.
	exit := (*funcs.ExitError)(nil)
	for begun := 1; err != nil && !errors.As(err, &exit) && begun < 3 && p.Context().Err() == nil; begun++ {
		p.Logf("begun %d times, and once more: %v", begun, err)
		out, err = p.exec(name, script)
	}
	if err != nil {
		p.Fatalf("%s: %v", script, err)
	}
	return out
}

func (p *clusterPlace) exec(pod, script string) (string, error) {
	var out, problems bytes.Buffer
	err := p.env.Exec.Exec(p.Context(), funcs.ExecOptions{
		Namespace: p.name, Pod: pod, Container: "main", Command: []string{"sh", "-ec", "cd /data\n" + script}, Stdout: &out, Stderr: &problems,
	})
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, &problems)
	}
	return out.String(), nil
}

func (p *clusterPlace) startReader(name, claim string) {
	grace := int64(0)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "reader"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{
				Name: "main", Image: toolsImage(), Command: []string{"sh", "-c", "while true; do sleep 1; done"},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
			}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
			}}},
		},
	}
	pods := p.env.Kube.CoreV1().Pods(p.name)
	if _, err := pods.Create(p.Context(), pod, metav1.CreateOptions{}); err != nil {
		p.Fatal(err)
	}
	p.awaitPod(name, func(now *corev1.Pod, exists bool) bool { return exists && now.Status.Phase == corev1.PodRunning })
}

// letGo removes the pods that see the volumes.
func (p *clusterPlace) letGo() {
	for _, claim := range p.app.claims {
		err := p.env.Kube.CoreV1().Pods(p.name).Delete(p.Context(), "reader-"+claim, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			p.Fatal(err)
		}
		p.awaitPod("reader-"+claim, func(_ *corev1.Pod, exists bool) bool { return !exists })
	}
}

func (p *clusterPlace) awaitPod(name string, ok func(now *corev1.Pod, exists bool) bool) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 3*time.Minute)
	defer cancel()
	err := kube.Observe(ctx, p.env.Kube.CoreV1().Pods(p.name), name, func(now *corev1.Pod, exists bool) (bool, error) {
		return ok(now, exists), nil
	})
	if err != nil {
		p.Fatalf("pod %s: %v", name, err)
	}
}

// leftovers leaves out what is being deleted: that ends by itself.
func (p *clusterPlace) leftovers() []string {
	var names []string
	for _, kind := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "pods"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "configmaps"},
		{Version: "v1", Resource: "persistentvolumeclaims"}, volumeSnapshots,
	} {
		list, err := p.env.Dynamic.Resource(kind).Namespace(p.name).List(p.Context(), metav1.ListOptions{})
		if err != nil {
			p.Fatal(err)
		}
		for _, o := range list.Items {
			if isLeftover(&o) && o.GetDeletionTimestamp() == nil {
				names = append(names, o.GetKind()+" "+o.GetName())
			}
		}
	}
	return names
}

var volumeSnapshots = schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshots"}

func (p *clusterPlace) count(resource string) int {
	kind := schema.GroupVersionResource{Version: "v1", Resource: resource}
	if resource == volumeSnapshots.Resource {
		kind = volumeSnapshots
	}
	list, err := p.env.Dynamic.Resource(kind).Namespace(p.name).List(p.Context(), metav1.ListOptions{})
	if err != nil {
		p.Fatal(err)
	}
	return len(list.Items)
}
