//go:build e2e

package chaos

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

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
	profile := s3Profile(t)
	c := &campaign{program: programFor(t), rounds: numberOf(t, "RESCUE_CHAOS_CLUSTER_ROUNDS", few)}
	c.run(t, func(t *testing.T) place { return newClusterPlace(t, env, profile) })
}

// s3Profile makes a bucket for the test, and a file with a Profile that names it.
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
	name    string
	profile string
}

func newClusterPlace(t *testing.T, env *funcs.Env, profile string) *clusterPlace {
	p := &clusterPlace{t, env, "rescue-chaos-" + rand.String(6), profile}
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

// deploy makes the application, and waits until it is ready.
func (p *clusterPlace) deploy() {
	text, err := os.ReadFile(filepath.Join("testdata", "app.yaml"))
	if err != nil {
		p.Fatal(err)
	}
	claimText, appText, _ := strings.Cut(string(text), "\n---\n")
	var claim corev1.PersistentVolumeClaim
	var app appsv1.Deployment
	if err := yaml.UnmarshalStrict([]byte(claimText), &claim); err != nil {
		p.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(appText), &app); err != nil {
		p.Fatal(err)
	}
	claim.Namespace, app.Namespace = p.name, p.name
	app.Spec.Template.Spec.Containers[0].Image = toolsImage()
	if _, err := p.env.Kube.CoreV1().PersistentVolumeClaims(p.name).Create(p.Context(), &claim, metav1.CreateOptions{}); err != nil {
		p.Fatal(err)
	}
	if _, err := p.env.Kube.AppsV1().Deployments(p.name).Create(p.Context(), &app, metav1.CreateOptions{}); err != nil {
		p.Fatal(err)
	}
	p.ready()
}

// ready waits until the Deployment has its pod.
func (p *clusterPlace) ready() *appsv1.Deployment {
	ctx, cancel := context.WithTimeout(p.Context(), 3*time.Minute)
	defer cancel()
	var last *appsv1.Deployment
	apps := p.env.Kube.AppsV1().Deployments(p.name)
	err := kube.Observe(ctx, apps, "app", func(d *appsv1.Deployment, exists bool) (bool, error) {
		last = d
		return exists && d.Status.ObservedGeneration == d.Generation && d.Status.Replicas == *d.Spec.Replicas && d.Status.ReadyReplicas == *d.Spec.Replicas, nil
	})
	if err != nil {
		p.Fatalf("the application is not ready: %v\n%+v", err, last)
	}
	return last
}

func toolsImage() string {
	return cmp.Or(os.Getenv("RESCUE_E2E_TOOLS_IMAGE"), "localhost/rescue-tools:dev")
}

func (p *clusterPlace) runFlags() []string {
	return []string{"--profile", p.profile, "--work-namespace", p.name}
}

func (p *clusterPlace) gcFlags() []string { return []string{"--namespace", p.name} }

func (p *clusterPlace) namespace() string { return p.name }

func (p *clusterPlace) options() map[string]string {
	class := func(name string) string { return cmp.Or(os.Getenv(name), "csi-hostdir") }
	return map[string]string{
		"image": toolsImage(), "snapshotClass": class("RESCUE_E2E_SNAPSHOT_CLASS"), "storageClass": class("RESCUE_E2E_STORAGE_CLASS"),
	}
}

// list reads the list in the application's pod, which is made if a run has stopped it.
func (p *clusterPlace) list() string {
	pods, err := p.env.Kube.CoreV1().Pods(p.name).List(p.Context(), metav1.ListOptions{LabelSelector: "app=reader"})
	if err != nil {
		p.Fatal(err)
	}
	if len(pods.Items) == 0 {
		p.startReader()
	}
	var out, problems bytes.Buffer
	err = p.env.Exec.Exec(p.Context(), funcs.ExecOptions{
		Namespace: p.name, Pod: "reader", Container: "main", Command: []string{"sh", "-c", "cat /data/list || true"}, Stdout: &out, Stderr: &problems,
	})
	if err != nil {
		p.Fatalf("read the list: %v\n%s", err, &problems)
	}
	return out.String()
}

// startReader starts a pod that sees the volume whatever becomes of the application.
func (p *clusterPlace) startReader() {
	grace := int64(1)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "reader", Labels: map[string]string{"app": "reader"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{
				Name: "main", Image: toolsImage(), Command: []string{"sh", "-c", "while true; do sleep 1; done"},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
			}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
			}}},
		},
	}
	pods := p.env.Kube.CoreV1().Pods(p.name)
	if _, err := pods.Create(p.Context(), pod, metav1.CreateOptions{}); err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.Context(), 3*time.Minute)
	defer cancel()
	err := kube.Observe(ctx, pods, "reader", func(now *corev1.Pod, exists bool) (bool, error) {
		return exists && now.Status.Phase == corev1.PodRunning, nil
	})
	if err != nil {
		p.Fatalf("the pod that reads the list does not run: %v", err)
	}
}

// leftovers leaves out what is being deleted: that ends by itself.
func (p *clusterPlace) leftovers() []string {
	var names []string
	for _, kind := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "pods"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "configmaps"},
		{Version: "v1", Resource: "persistentvolumeclaims"}, volumeSnapshots,
	} {
		list, err := p.env.Dynamic.Resource(kind).Namespace(p.name).List(p.Context(), metav1.ListOptions{LabelSelector: funcs.RunLabel})
		if err != nil {
			p.Fatal(err)
		}
		for _, o := range list.Items {
			if o.GetDeletionTimestamp() == nil {
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

func (p *clusterPlace) replicas() (wanted, ready int) {
	d := p.ready()
	return int(*d.Spec.Replicas), int(d.Status.ReadyReplicas)
}
