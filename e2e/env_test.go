//go:build e2e

// Package e2e runs against the cluster that KUBECONFIG names. Each test makes a
// namespace of its own, and deletes it.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/kube/client"
)

// image has a shell; it must be on the nodes, or in a registry they can reach.
func image() string { return cmp.Or(os.Getenv("RESCUE_E2E_IMAGE"), "localhost/busybox:1") }

// logBuffer is what a run wrote to its log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newEnv returns an environment whose namespace lives as long as the test.
func newEnv(t testing.TB) (*funcs.Env, *logBuffer) {
	t.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("these tests need a cluster: set KUBECONFIG: %v", err)
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return funcstest.CheckAccess(t, next) })
	clients, err := client.New(config, "rescue-e2e")
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	env := &funcs.Env{
		Clock:     time.Now,
		Log:       slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Params:    &compat.Params{},
		Namespace: newNamespace(t, clients),
		Labels:    map[string]string{"rescue-e2e": "run"},
	}
	clients.Fill(env)
	return env, log
}

func newNamespace(t testing.TB, clients *client.Set) string {
	name := "rescue-e2e-" + rand.String(6)
	namespaces := clients.Kube.CoreV1().Namespaces()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := namespaces.Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("namespace %s is left: %v", name, err)
		}
	})
	awaitDefaultAccount(t, clients, name)
	return name
}

// awaitDefaultAccount waits until pods can be made in a new namespace: a controller that is
// behind leaves it without the account "default" for seconds.
func awaitDefaultAccount(t testing.TB, clients *client.Set, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	accounts := clients.Kube.CoreV1().ServiceAccounts(namespace)
	err := kube.Observe(ctx, accounts, "default", func(_ *corev1.ServiceAccount, exists bool) (bool, error) { return exists, nil })
	if err != nil {
		t.Fatalf("namespace %s gets no service account: %v", namespace, err)
	}
}

// podsIn counts the pods of the environment's namespace.
func podsIn(t testing.TB, env *funcs.Env) int {
	t.Helper()
	list, err := env.Kube.CoreV1().Pods(env.Namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}
