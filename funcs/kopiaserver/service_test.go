package kopiaserver_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/funcstest/loopback"
	"github.com/rescuecue/rescue/funcs/kopiaserver"
	"github.com/rescuecue/rescue/funcs/kopiaserver/kopiaservertest"
	"github.com/rescuecue/rescue/funcs/mover"
)

var gvr = schema.GroupVersionResource{Group: "cr.kanister.io", Version: "v1alpha1", Resource: "repositoryservers"}

// cluster has the RepositoryServer, its Secrets and its Service.
func cluster(status map[string]any, s secretStore) kopiaserver.Cluster {
	server := object()
	if status != nil {
		server["status"] = status
	}
	objects := []runtime.Object{&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vault", Name: "backups-service"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1234}}},
	}}
	for name, fields := range s {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "vault", Name: name}, Data: map[string][]byte{}}
		for k, v := range fields {
			secret.Data[k] = []byte(v)
		}
		objects = append(objects, secret)
	}
	return kopiaserver.Cluster{
		Kube: fake.NewClientset(objects...),
		Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
			map[schema.GroupVersionResource]string{gvr: "RepositoryServerList"}, &unstructured.Unstructured{Object: server}),
	}
}

func TestParams(t *testing.T) {
	ready := map[string]any{"progress": "Ready", "serverInfo": map[string]any{"podName": "p", "serviceName": "backups-service"}}
	got, err := cluster(ready, secrets()).Params(t.Context(), "vault", "backups")
	if err != nil {
		t.Fatal(err)
	}
	if got.Address != "https://backups-service.vault.svc.cluster.local:1234" || got.Username != "shop" || got.ServerInfo.PodName != "p" ||
		got.ContentCacheMB != 10 || got.MetadataCacheMB != 20 || string(got.Credentials.ServerUserAccess.Data["one"]) != "one-secret" {
		t.Errorf("params %+v", got)
	}
	if text, err := json.Marshal(got); err != nil || len(got.Credentials.ServerTLS.Data) != 1 || strings.Contains(string(text), "S0VZ") {
		t.Errorf("the key of the certificate is handed on: %s, %v", text, err)
	}
	for name, tt := range map[string]struct {
		status map[string]any
		lack   string
		want   string
	}{
		"no status":  {nil, "", `not ready (status.progress is "")`},
		"pending":    {map[string]any{"progress": "Pending"}, "", `not ready (status.progress is "Pending")`},
		"no service": {map[string]any{"progress": "Ready"}, "", "its status names no service"},
		"wrong service": {map[string]any{"progress": "Ready", "serverInfo": map[string]any{"serviceName": "x"}}, "",
			`services "x" not found`},
		"no users": {ready, "users", `"users" not found`},
	} {
		s := secrets()
		delete(s, tt.lack)
		_, err := cluster(tt.status, s).Params(t.Context(), "vault", "backups")
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "vault/backups") {
			t.Errorf("%s: %v, expected %q", name, err, tt.want)
		}
	}
	if _, err := cluster(ready, secrets()).Params(t.Context(), "vault", "other"); err == nil || !strings.Contains(err.Error(), "vault/other") {
		t.Errorf("no such server: %v", err)
	}
}

// status is what the service has written.
func status(t *testing.T, c kopiaserver.Cluster) compat.RepositoryServerStatus {
	t.Helper()
	object, err := c.Dynamic.Resource(gvr).Namespace("vault").Get(context.Background(), "backups", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := compat.RepositoryServerFromObject(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status
}

func service(t *testing.T, c kopiaserver.Cluster) *kopiaserver.Service {
	t.Helper()
	return &kopiaserver.Service{
		Cluster: c, Namespace: "vault", Name: "backups", Pod: "pod-1", ServiceName: "backups-service",
		Options: kopiaserver.Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil))},
		Clock:   func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	}
}

func TestServiceFails(t *testing.T) {
	s := secrets()
	delete(s, "admin")
	c := cluster(nil, s)
	if err := service(t, c).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "spec.server.adminSecretRef") {
		t.Errorf("error %v", err)
	}
	got := status(t, c)
	if got.Progress != "Failed" || got.ServerInfo.PodName != "pod-1" || len(got.Conditions) != 1 {
		t.Fatalf("status %+v", got)
	}
	why := got.Conditions[0]
	if why["type"] != "ServerSetup" || why["status"] != "False" || !strings.Contains(why["message"].(string), "adminSecretRef") || why["lastTransitionTime"] != "2026-01-02T03:04:05Z" {
		t.Errorf("condition %v", why)
	}
}

// The service from its start to its end: the status, and users that change.
func TestService(t *testing.T) {
	config := kopiaservertest.Config(t)
	s := secrets()
	s["tls"] = map[string]string{"tls.crt": string(config.Certificate), "tls.key": string(config.Key)}
	c := cluster(nil, s)
	svc := service(t, c)
	svc.Options = kopiaservertest.Options(t)
	host := loopback.Host()
	listen := net.JoinHostPort(host, loopback.FreePort(t, host))
	svc.Options.Listen = listen
	// The location of the resource is a bucket; a directory stands in for it.
	svc.Resolve = func(ctx context.Context, r *compat.RepositoryServerResource, get compat.SecretGetter) (kopiaserver.Config, error) {
		resolved, err := kopiaserver.Resolve(ctx, r, get)
		resolved.Location = config.Location
		return resolved, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	for status(t, c).Progress != "Ready" {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if got := status(t, c); len(got.Conditions) != 4 || got.ServerInfo.ServiceName != "backups-service" {
		t.Errorf("status %+v", got)
	}
	profile := func(host, password string) *compat.Profile {
		p, err := (&compat.RepositoryServer{Username: "shop", Address: "https://" + listen, Credentials: compat.RepositoryServerCredentials{
			ServerTLS:        compat.Secret{Data: map[string][]byte{"tls.crt": config.Certificate}},
			ServerUserAccess: compat.Secret{Data: map[string][]byte{host: []byte(password)}},
		}}).ClientProfile(host)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	login(t, profile("one", "one-secret"))
	users := c.Kube.CoreV1().Secrets("vault")
	secret, err := users.Get(t.Context(), "users", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret.Data = map[string][]byte{"three": []byte("three-secret")}
	if _, err := users.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for {
		r, err := mover.OpenServer(t.Context(), profile("one", "one-secret"), nil)
		if mover.CodeOf(err) == mover.CodeDenied {
			break
		}
		if err == nil {
			err = r.Close(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	login(t, profile("three", "three-secret"))
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("told to end, it says %v", err)
	}
	if got := status(t, c); got.Progress != "Pending" {
		t.Errorf("at the end the status is %+v", got)
	}
}
