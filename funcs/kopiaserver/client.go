package kopiaserver

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kube"
)

// resources are the RepositoryServers of a cluster.
var resources = schema.GroupVersionResource{Group: "cr.kanister.io", Version: "v1alpha1", Resource: "repositoryservers"}

// Cluster is where RepositoryServers and their Secrets are.
type Cluster struct {
	Kube    kubernetes.Interface
	Dynamic dynamic.Interface
}

// Params reads what a blueprint and the functions may know of a repository server that
// is ready. The key of its certificate is left out: it is the server's alone.
func (c Cluster) Params(ctx context.Context, namespace, name string) (*compat.RepositoryServer, error) {
	r, err := c.resource(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	if r.Status.Progress != compat.RepositoryServerReady {
		return nil, fmt.Errorf("repository server %s/%s is not ready (status.progress is %q): see its status, and the log of its pod",
			namespace, name, r.Status.Progress)
	}
	out := &compat.RepositoryServer{
		Name: name, Namespace: namespace,
		ServerInfo:      compat.ServerInfo{PodName: r.Status.ServerInfo.PodName, ServiceName: r.Status.ServerInfo.ServiceName},
		Username:        r.Spec.Server.UserAccess.Username,
		ContentCacheMB:  r.Spec.Repository.CacheSizeSettings.Content,
		MetadataCacheMB: r.Spec.Repository.CacheSizeSettings.Metadata,
	}
	if out.Address, err = c.address(ctx, namespace, out.ServerInfo.ServiceName); err != nil {
		return nil, fmt.Errorf("repository server %s/%s: %w", namespace, name, err)
	}
	if out.Credentials, err = c.credentials(ctx, r); err != nil {
		return nil, fmt.Errorf("repository server %s/%s: %w", namespace, name, err)
	}
	return out, nil
}

func (c Cluster) resource(ctx context.Context, namespace, name string) (*compat.RepositoryServerResource, error) {
	object, err := c.Dynamic.Resource(resources).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("repository server %s/%s: %w", namespace, name, err)
	}
	r, err := compat.RepositoryServerFromObject(object.Object)
	if err != nil {
		return nil, fmt.Errorf("repository server %s/%s: %w", namespace, name, err)
	}
	return r, nil
}

// address is that of the server's service, at its first port.
func (c Cluster) address(ctx context.Context, namespace, service string) (string, error) {
	if service == "" {
		return "", fmt.Errorf("its status names no service")
	}
	s, err := c.Kube.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if len(s.Spec.Ports) == 0 {
		return "", fmt.Errorf("service %s/%s has no port", namespace, service)
	}
	return fmt.Sprintf("https://%s.%s.svc.cluster.local:%d", service, namespace, s.Spec.Ports[0].Port), nil
}

func (c Cluster) credentials(ctx context.Context, r *compat.RepositoryServerResource) (compat.RepositoryServerCredentials, error) {
	var out compat.RepositoryServerCredentials
	tls, err := c.secret(ctx, r, r.Spec.Server.TLSSecretRef)
	if err != nil {
		return out, err
	}
	access, err := c.secret(ctx, r, r.Spec.Server.UserAccess.UserAccessSecretRef)
	if err != nil {
		return out, err
	}
	tls.Data = map[string][]byte{certFile: tls.Data[certFile]}
	return compat.RepositoryServerCredentials{ServerTLS: *tls, ServerUserAccess: *access}, nil
}

func (c Cluster) secret(ctx context.Context, r *compat.RepositoryServerResource, ref compat.ObjectReference) (*compat.Secret, error) {
	return c.getSecret(ctx, r.NamespaceOf(ref), ref.Name)
}

// getSecret is a compat.SecretGetter.
func (c Cluster) getSecret(ctx context.Context, namespace, name string) (*compat.Secret, error) {
	s, err := kube.Objects{Kube: c.Kube}.Secret(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	return &s, nil
}
