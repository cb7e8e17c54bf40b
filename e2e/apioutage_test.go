//go:build e2e

package e2e

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/kube/client"
)

// An apiProxy stands before the API server, which other tests use too.
type apiProxy struct {
	*proxy

	mu      sync.Mutex
	watches []string // paths of the watches that were opened
}

// throughProxy returns the environment with clients that go through a proxy.
func throughProxy(t *testing.T, env *funcs.Env) (*funcs.Env, *apiProxy) {
	t.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	p := &apiProxy{proxy: newProxy(t, server.Host, ownHost(), 0)}
	config = rest.CopyConfig(config)
	config.Host = "https://" + p.address
	config.TLSClientConfig.ServerName = server.Hostname() // which the certificate is for
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &watchNotes{next, p} })
	clients, err := client.New(config, "rescue-e2e")
	if err != nil {
		t.Fatal(err)
	}
	through := *env
	clients.Fill(&through)
	// Patience begins with the first answer.
	if _, err := through.Kube.CoreV1().Namespaces().Get(t.Context(), env.Namespace, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	return &through, p
}

// watchNotes notes the watches that the API server has opened.
type watchNotes struct {
	next http.RoundTripper
	p    *apiProxy
}

func (n *watchNotes) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := n.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusOK && req.URL.Query().Has("watch") {
		n.p.mu.Lock()
		n.p.watches = append(n.p.watches, req.URL.Path)
		n.p.mu.Unlock()
	}
	return resp, err
}

// watches tells whether a watch of a resource was opened.
func (p *apiProxy) watched(resource string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.watches, func(path string) bool { return strings.HasSuffix(path, "/"+resource) })
}

// waitForWaiting waits until a request has found no API server for the n-th time.
func waitForWaiting(t *testing.T, log *logBuffer, n int) {
	const text, limit = "the API server does not answer", 4 * time.Minute
	for deadline := time.Now().Add(limit); strings.Count(log.String(), text) < n; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%q did not come %d times in %s", text, n, limit)
			return
		}
	}
}

// onlyPod returns the name of the one pod of the environment's namespace.
func onlyPod(t *testing.T, env *funcs.Env) string {
	t.Helper()
	list, err := env.Kube.CoreV1().Pods(env.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("%d pods, error %v", len(list.Items), err)
		return ""
	}
	return list.Items[0].Name
}

// TestAPIServerAwayAtFirst: the first request of a phase finds no API server.
func TestAPIServerAwayAtFirst(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	through, proxy := throughProxy(t, env)
	proxy.stop()
	go func() {
		waitForWaiting(t, log, 1)
		proxy.start()
	}()
	out, err := run(t, inTime(t), funcs.KubeTask(), through, funcs.Args{"image": image(), "command": sh(output("k", "v"))})
	if err != nil || out["k"] != "v" {
		t.Errorf("outputs %v, error %v", out, err)
	}
	noPodsIn(t, env)
}

// TestAPIServerAwayMeanwhile: the API server is away while the command works and ends.
// No line of its log and no output is lost, or comes twice.
func TestAPIServerAwayMeanwhile(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	through, proxy := throughProxy(t, env)
	go func() {
		defer proxy.start()
		if waitForLog(t, log, "msg=started") {
			proxy.stop()
			letEnd(t, env)
		}
	}()
	out, err := run(t, inTime(t), funcs.KubeTask(), through, funcs.Args{"image": image(), "command": sh(
		`lines() { i=0; while [ $i -lt 1000 ]; do echo "line $1 $i"; i=$((i+1)); done; }
lines before; echo started
until [ -f /tmp/go ]; do sleep 0.1; done
lines after; ` + output("k", "v"))})
	if err != nil || out["k"] != "v" {
		t.Errorf("outputs %v, error %v", out, err)
	}
	for _, text := range []string{`msg="line before `, `msg="line after `} {
		if n := strings.Count(log.String(), text); n != 1000 {
			t.Errorf("%d of 1000 lines %s", n, text)
		}
	}
	noPodsIn(t, env)
}

// letEnd lets the command in the one pod end, and waits until it has.
func letEnd(t *testing.T, env *funcs.Env) {
	pods, name := env.Kube.CoreV1().Pods(env.Namespace), onlyPod(t, env)
	pod, err := pods.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	_, err = shell(t.Context(), t, env, funcs.ExecOptions{Namespace: env.Namespace, Pod: name, Command: sh("touch /tmp/go")}, "")
	if err == nil {
		_, err = kube.Follow(inTime(t), pods, pod, func(p *corev1.Pod) (bool, error) { return p.Status.Phase == corev1.PodSucceeded, nil })
	}
	if err != nil {
		t.Error(err)
	}
}

// TestAPIServerAwayAtTheEnd: a phase is cancelled while the API server is away. Its pod
// is removed all the same.
func TestAPIServerAwayAtTheEnd(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	through, proxy := throughProxy(t, env)
	ctx, cancel := context.WithCancel(inTime(t))
	defer cancel()
	go func() {
		defer proxy.start()
		if waitForLog(t, log, "msg=started") {
			proxy.stop()
			cancel()
			waitForWaiting(t, log, 1)
		}
	}()
	_, err := run(t, ctx, funcs.KubeTask(), through, funcs.Args{"image": image(), "command": sh("echo started; sleep 600")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	noPodsIn(t, env)
}
